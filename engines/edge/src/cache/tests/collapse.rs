use bytes::Bytes;

use super::rig::{Rig, run};

const FRESH: &str = "cache-control: max-age=60";

#[test]
fn all_who_come_meanwhile_read_the_answer_as_it_comes() {
    run(async {
        let rig = Rig::new();
        let early: Vec<_> = (0..50).map(|_| rig.send("GET /", "")).collect();
        let body = rig.asked().await.begin(200, FRESH, None);
        body.send(Ok(Bytes::from_static(b"one "))).unwrap();
        assert!(rig.is_quiet().await);
        let late: Vec<_> = (0..50).map(|_| rig.send("GET /", "")).collect();
        assert!(rig.is_quiet().await, "who comes during the body joins too");
        body.send(Ok(Bytes::from_static(b"two"))).unwrap();
        drop(body);
        for got in early.into_iter().chain(late) {
            assert_eq!(got.await.unwrap().text(), "one two");
        }
        let counted = &rig.cache.counters()[0];
        assert_eq!((counted.misses, counted.collapsed, counted.held), (1, 99, 1));
    });
}

#[test]
fn those_who_wait_do_not_need_the_first_one() {
    run(async {
        let rig = Rig::new();
        let first = rig.send("GET /", "");
        let asked = rig.asked().await;
        let second = rig.send("GET /", "");
        assert!(rig.is_quiet().await);
        first.abort();
        assert!(first.await.is_err());
        asked.answer(200, FRESH, "hello");
        assert_eq!(second.await.unwrap().text(), "hello");
        rig.kept("GET /", "").await;
        // Nor does what is kept.
        let alone = rig.send("GET /alone", "");
        let asked = rig.asked().await;
        alone.abort();
        assert!(alone.await.is_err());
        asked.answer(200, FRESH, "kept");
        rig.is_quiet().await;
        assert_eq!(rig.kept("GET /alone", "").await.text(), "kept");
    });
}

#[test]
fn who_has_waited_long_enough_takes_over() {
    run(async {
        let rig = Rig::new();
        let first = rig.send("GET /", "");
        let slow = rig.asked().await;
        let (second, third) = (rig.send("GET /", ""), rig.send("GET /", ""));
        assert!(rig.is_quiet().await);
        // The rig's patience is short.
        let quick = loop {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let next = rig.origin_next();
            if let Some(next) = next {
                break next;
            }
        };
        assert!(rig.is_quiet().await, "only one of them takes over");
        quick.answer(200, FRESH, "quick");
        assert_eq!(
            (second.await.unwrap().text(), third.await.unwrap().text()),
            ("quick", "quick")
        );
        slow.answer(200, FRESH, "slow");
        assert_eq!(first.await.unwrap().text(), "slow");
    });
}

#[test]
fn a_body_that_breaks_off_breaks_off_for_all_and_is_not_kept() {
    run(async {
        let rig = Rig::new();
        let all: Vec<_> = (0..3).map(|_| rig.send("GET /", "")).collect();
        let body = rig.asked().await.begin(200, FRESH, None);
        body.send(Ok(Bytes::from_static(b"half"))).unwrap();
        assert!(rig.is_quiet().await, "all of them read");
        body.send(Err("reset".to_owned())).unwrap();
        for got in all {
            assert_eq!(got.await.unwrap().body, None);
        }
        assert_eq!(rig.miss("GET /", "", FRESH, "whole").await.text(), "whole");
    });
}

#[test]
fn who_needs_another_variant_asks_for_it() {
    run(async {
        let rig = Rig::new();
        let german = rig.send("GET /", "accept-language: de");
        let asked = rig.asked().await;
        let english = rig.send("GET /", "accept-language: en");
        assert!(rig.is_quiet().await, "nobody knows yet that it varies");
        let varies = format!("{FRESH}\nvary: accept-language");
        asked.answer(200, &varies, "hallo");
        assert_eq!(german.await.unwrap().text(), "hallo");
        rig.asked().await.answer(200, &varies, "hello");
        assert_eq!(english.await.unwrap().text(), "hello");
        // Now everybody knows: both are asked for at once.
        rig.pass(100);
        let both = [
            rig.send("GET /", "accept-language: de"),
            rig.send("GET /", "accept-language: en"),
        ];
        for text in ["eins", "one"] {
            rig.asked().await.answer(200, &varies, text);
        }
        let [german, english] = both;
        assert_eq!(
            (german.await.unwrap().text(), english.await.unwrap().text()),
            ("eins", "one")
        );
    });
}

#[test]
fn what_grows_too_large_passes_at_the_pace_of_its_readers() {
    run(async {
        let rig = Rig::with(|policy| policy.max_object_bytes = 100_000);
        let got = rig.send("GET /", "");
        let body = rig.asked().await.begin(200, FRESH, None);
        let piece = Bytes::from(vec![b'x'; 10_000]);
        for _ in 0..100 {
            body.send(Ok(piece.clone())).unwrap();
        }
        drop(body);
        assert_eq!(got.await.unwrap().text().len(), 1_000_000);
        assert_eq!(rig.cache.counters()[0].held, 0);
        // It is known now that nobody should wait for it.
        let both = [rig.send("GET /", ""), rig.send("GET /", "")];
        for _ in 0..2 {
            rig.asked().await.answer(200, FRESH, "small");
        }
        for got in both {
            assert_eq!(got.await.unwrap().text(), "small");
        }
    });
}

#[test]
fn a_dead_origin_is_not_asked_by_one_after_the_other() {
    run(async {
        let rig = Rig::new();
        let all: Vec<_> = (0..5).map(|_| rig.send("GET /", "")).collect();
        let first = rig.asked().await;
        assert!(rig.is_quiet().await);
        first.answer(502, "", "down");
        // All the others at once.
        let mut waiting = Vec::new();
        for _ in 0..4 {
            waiting.push(rig.asked().await);
        }
        for waiting in waiting {
            waiting.answer(502, "", "down");
        }
        for got in all {
            assert_eq!(got.await.unwrap().status, 502);
        }
    });
}
