use bytes::Bytes;

use super::rig::{Rig, run};
use crate::{Purge, PurgeWhat};

const FRESH: &str = "cache-control: max-age=600\netag: \"a\"";

fn tags(tags: &[&str]) -> PurgeWhat {
    PurgeWhat::Tags {
        tags: tags.iter().map(ToString::to_string).collect(),
    }
}

fn host(host: &str) -> PurgeWhat {
    PurgeWhat::Host { host: host.to_owned() }
}

fn prefix(path: &str) -> PurgeWhat {
    PurgeWhat::Prefix {
        host: "www.example".to_owned(),
        path: path.to_owned(),
    }
}

fn url(path: &str) -> PurgeWhat {
    PurgeWhat::Url {
        host: "www.example".to_owned(),
        path: path.to_owned(),
    }
}

async fn three(rig: &Rig) {
    rig.miss("GET /a/1?x=1", "", &format!("{FRESH}\ncache-tag: red, blue"), "1")
        .await;
    rig.miss("GET /a/2", "", &format!("{FRESH}\nsurrogate-key: blue green"), "2")
        .await;
    rig.miss("GET /b/3", "", FRESH, "3").await;
}

/// Which of the three are still there.
async fn left(rig: &Rig) -> Vec<&'static str> {
    let mut out = Vec::new();
    for path in ["/a/1?x=1", "/a/2", "/b/3"] {
        let got = rig.send(&format!("GET {path}"), "");
        if rig.is_quiet().await {
            assert!(got.await.unwrap().is_hit());
            out.push(path);
        } else {
            got.abort();
            drop(rig.asked().await);
        }
    }
    out
}

#[test]
fn a_purge_forgets_what_it_names_and_nothing_else() {
    run(async {
        for (what, expected) in [
            (PurgeWhat::Everything, &[][..]),
            (host("www.example"), &[]),
            (host("other.example"), &["/a/1?x=1", "/a/2", "/b/3"]),
            (prefix("/a/"), &["/b/3"]),
            (prefix("/a/1"), &["/a/2", "/b/3"]),
            (prefix("/%61/"), &["/b/3"]),
            (url("/a/1?x=1"), &["/a/2", "/b/3"]),
            (url("/a/1"), &["/a/1?x=1", "/a/2", "/b/3"]),
            (tags(&["blue"]), &["/b/3"]),
            (tags(&["red", "nothing"]), &["/a/2", "/b/3"]),
            (tags(&["green", "red"]), &["/b/3"]),
        ] {
            let rig = Rig::new();
            three(&rig).await;
            rig.purge(what.clone(), false);
            assert_eq!(left(&rig).await, expected, "{what:?}");
        }
    });
}

#[test]
fn what_comes_after_a_purge_stays() {
    run(async {
        let rig = Rig::new();
        for what in [
            PurgeWhat::Everything,
            prefix("/"),
            tags(&["blue"]),
            host("www.example"),
            url("/b/3"),
        ] {
            rig.purge(what, false);
        }
        three(&rig).await;
        assert_eq!(left(&rig).await.len(), 3);
    });
}

#[test]
fn a_soft_purge_asks_again_before_it_forgets() {
    run(async {
        for what in [PurgeWhat::Everything, prefix("/a"), url("/a/1?x=1"), tags(&["red"])] {
            let rig = Rig::new();
            three(&rig).await;
            rig.purge(what.clone(), true);
            let got = rig.send("GET /a/1?x=1", "");
            let asked = rig.asked().await;
            assert_eq!(asked.request.headers["if-none-match"], "\"a\"", "{what:?}");
            asked.answer(304, FRESH, "");
            assert_eq!(got.await.unwrap().text(), "1");
            rig.kept("GET /a/1?x=1", "").await;
            // The tags are still known.
            rig.purge(tags(&["red"]), false);
            assert!(!left(&rig).await.contains(&"/a/1?x=1"), "{what:?}");
        }
    });
}

#[test]
fn an_answer_that_was_on_its_way_during_a_purge_is_not_kept_nor_joined() {
    run(async {
        for what in [
            PurgeWhat::Everything,
            prefix("/a"),
            url("/a"),
            host("www.example"),
            tags(&["red"]),
        ] {
            // Before its head has come, and after it.
            for begun in [false, true] {
                let rig = Rig::new();
                let old = rig.send("GET /a", "");
                let asked = rig.asked().await;
                let answer = format!("{FRESH}\ncache-tag: red");
                let body = if begun {
                    let body = asked.begin(200, &answer, None);
                    assert!(rig.is_quiet().await);
                    rig.purge(what.clone(), false);
                    body
                } else {
                    rig.purge(what.clone(), false);
                    asked.begin(200, &answer, None)
                };
                let new = rig.send("GET /a", "");
                let asked = rig.asked().await;
                body.send(Ok(Bytes::from_static(b"old"))).unwrap();
                drop(body);
                assert_eq!(old.await.unwrap().text(), "old");
                asked.answer(200, &answer, "new");
                assert_eq!(new.await.unwrap().text(), "new", "{what:?} {begun}");
                assert_eq!(rig.kept("GET /a", "").await.text(), "new", "{what:?} {begun}");
            }
        }
    });
}

#[test]
fn other_sites_keep_theirs() {
    run(async {
        let rig = Rig::new();
        let other = rig.rules("other", |_| {});
        let got = rig.send_by(&other, "GET /a", "");
        rig.asked()
            .await
            .answer(200, &format!("{FRESH}\ncache-tag: red"), "theirs");
        got.await.unwrap();
        rig.purge(PurgeWhat::Everything, false);
        rig.purge(tags(&["red"]), false);
        let got = rig.send_by(&other, "GET /a", "");
        assert!(rig.is_quiet().await);
        assert_eq!(got.await.unwrap().text(), "theirs");
    });
}

#[test]
fn a_log_may_be_read_twice() {
    run(async {
        let rig = Rig::new();
        let all = Purge {
            site: "site".to_owned(),
            what: PurgeWhat::Everything,
            soft: false,
        };
        three(&rig).await;
        rig.cache.purge_logged(7, &all, None);
        assert_eq!((left(&rig).await.len(), rig.cache.applied()), (0, 7));
        three(&rig).await;
        for seq in [6, 7] {
            rig.cache.purge_logged(seq, &all, None);
        }
        assert_eq!((left(&rig).await.len(), rig.cache.applied()), (3, 7));
    });
}

#[test]
fn the_sweep_frees_what_was_purged_and_forgets_purges_that_mean_nothing_more() {
    run(async {
        let rig = Rig::new();
        three(&rig).await;
        let on_its_way = rig.send("GET /late", "");
        let asked = rig.asked().await;
        rig.purge(tags(&["red", "late"]), false);
        rig.purge(prefix("/a"), false);
        rig.cache.sweep_round();
        assert_eq!(rig.cache.counters()[0].held, 1);
        // Two rounds later no purge is left, but what was on its way before them still is not kept.
        rig.cache.sweep_round();
        rig.cache.sweep_round();
        asked.answer(200, &format!("{FRESH}\ncache-tag: late"), "old");
        on_its_way.await.unwrap();
        assert_eq!(rig.miss("GET /late", "", FRESH, "new").await.text(), "new");
        // What is kept was not forgotten with them.
        rig.kept("GET /b/3", "").await;
    });
}

#[test]
fn more_prefixes_than_a_site_remembers_forget_more_and_never_less() {
    run(async {
        let rig = Rig::new();
        three(&rig).await;
        rig.purge(prefix("/a/1"), false);
        for at in 0..300 {
            rig.purge(prefix(&format!("/x{at}/")), false);
        }
        assert!(!left(&rig).await.contains(&"/a/1?x=1"));
        rig.miss("GET /x299/", "", FRESH, "new").await;
        rig.kept("GET /x299/", "").await;
    });
}

#[test]
fn what_was_purged_softly_stays_stale_after_the_sweep() {
    run(async {
        for what in [PurgeWhat::Everything, prefix("/a"), url("/a/1?x=1"), tags(&["red"])] {
            let rig = Rig::new();
            three(&rig).await;
            rig.purge(what.clone(), true);
            for _ in 0..3 {
                rig.cache.sweep_round();
            }
            let got = rig.send("GET /a/1?x=1", "");
            let asked = rig.asked().await;
            assert_eq!(asked.request.headers["if-none-match"], "\"a\"", "{what:?}");
            asked.answer(304, FRESH, "");
            assert_eq!(got.await.unwrap().text(), "1");
            rig.kept("GET /a/1?x=1", "").await;
        }
    });
}
