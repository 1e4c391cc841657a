use bytes::Bytes;

use super::rig::{Rig, run};
use crate::cache::flow::{Asked, Outcome, respond};

const FRESH: &str = "cache-control: max-age=600";

fn body(size: usize) -> String {
    "x".repeat(size)
}

#[test]
fn memory_stays_within_the_budget() {
    run(async {
        let rig = Rig::with(|policy| policy.budget_bytes = 200_000);
        for at in 0..200 {
            rig.miss(&format!("GET /{at}"), "", FRESH, &body(5000)).await;
            assert!(rig.cache.counters()[0].held_bytes <= 200_000);
        }
        let counted = &rig.cache.counters()[0];
        assert!(counted.held > 20, "{counted:?}");
        assert_eq!(counted.held + counted.evicted, 200);
    });
}

#[test]
fn one_tenant_cannot_put_out_what_another_has() {
    run(async {
        let rig = Rig::sized(400_000, |policy| policy.budget_bytes = 400_000);
        let other = rig.rules("other", |policy| policy.budget_bytes = 400_000);
        for at in 0..20 {
            let got = rig.send_by(&other, &format!("GET /{at}"), "");
            rig.asked().await.answer(200, FRESH, &body(5000));
            got.await.unwrap();
        }
        for at in 0..400 {
            rig.miss(&format!("GET /{at}"), "", FRESH, &body(5000)).await;
        }
        // Below its share of the whole, it loses nothing.
        for at in 0..20 {
            let got = rig.send_by(&other, &format!("GET /{at}"), "");
            assert!(rig.is_quiet().await, "{at}");
            got.await.unwrap();
        }
        let held: u64 = rig.cache.counters().iter().map(|site| site.held_bytes).sum();
        assert!(held <= 400_000, "{held}");
    });
}

#[test]
fn a_crawl_does_not_put_out_what_visitors_ask_for() {
    run(async {
        let rig = Rig::with(|policy| policy.budget_bytes = 400_000);
        for at in 0..20 {
            rig.miss(&format!("GET /hot/{at}"), "", FRESH, &body(5000)).await;
        }
        for round in 0..10 {
            for at in 0..20 {
                rig.kept(&format!("GET /hot/{at}"), "").await;
            }
            for at in 0..50 {
                rig.miss(&format!("GET /crawl/{round}/{at}"), "", FRESH, &body(5000))
                    .await;
            }
        }
    });
}

#[test]
fn what_would_take_all_the_room_is_not_kept() {
    run(async {
        let rig = Rig::with(|policy| policy.budget_bytes = 100_000);
        rig.miss("GET /", "", FRESH, &body(50_000)).await;
        assert_eq!(rig.cache.counters()[0].held, 0);
    });
}

#[test]
fn variants_of_one_address_have_a_greatest_number() {
    run(async {
        let rig = Rig::new();
        for at in 0..100 {
            let answer = format!("{FRESH}\nvary: x-any");
            rig.miss("GET /", &format!("x-any: {at}"), &answer, "x").await;
        }
        assert_eq!(rig.cache.counters()[0].held, 16);
        rig.kept("GET /", "x-any: 99").await;
    });
}

#[test]
fn what_nobody_can_be_served_any_more_is_freed() {
    run(async {
        let rig = Rig::new();
        rig.miss("GET /", "", FRESH, "x").await;
        rig.miss("GET /asked", "", &format!("{FRESH}\netag: \"a\""), "x").await;
        rig.pass(601);
        rig.cache.sweep_round();
        assert_eq!(rig.cache.counters()[0].held, 1);
    });
}

#[test]
fn what_marks_an_answer_counts_in_its_weight() {
    run(async {
        let held = |tags: String| async move {
            let rig = Rig::new();
            rig.miss("GET /", "", &format!("{FRESH}\ncache-tag: {tags}"), "x").await;
            rig.cache.counters()[0].held_bytes
        };
        let (short, long) = (held("a".to_owned()).await, held("a".repeat(4000)).await);
        assert!(long >= short + 3_999, "{short} {long}");
    });
}

#[test]
fn addresses_that_are_not_kept_leave_no_names_behind() {
    run(async {
        let rig = Rig::new();
        let long = "x".repeat(7_000);
        for at in 0..300 {
            let got = rig.send(&format!("GET /{at}?{long}"), "");
            rig.asked().await.answer(200, "cache-control: private", "");
            got.await.unwrap();
        }
        assert_eq!(rig.cache.store.addresses(), 0);
    });
}

/// Asks for an answer of 1,000,000 bytes and reads none of it.
async fn unread(rig: &Rig, path: &str) -> impl Sized {
    let (cache, rules, origin) = (rig.cache.clone(), rig.rules.clone(), rig.origin.clone());
    let (parts, ()) = http::Request::get(path).body(()).unwrap().into_parts();
    let opened = tokio::task::spawn_local(async move {
        let asked = Asked {
            parts: &parts,
            authority: "www.example",
            https: true,
            has_body: false,
        };
        match respond(&cache, &rules, &asked, || origin.clone()).await {
            Outcome::Answer(response) => response,
            Outcome::Pass(_) => panic!("the answer may be kept"),
        }
    });
    let body = rig.asked().await.begin(200, FRESH, None);
    for _ in 0..10 {
        body.send(Ok(Bytes::from(vec![b'x'; 100_000]))).unwrap();
    }
    assert!(rig.is_quiet().await);
    (opened.await.unwrap(), body)
}

#[test]
fn what_slow_readers_hold_of_bodies_that_are_not_kept_counts_until_they_had_it() {
    run(async {
        // Half of it may be on its way, and none larger than a quarter is kept.
        let rig = Rig::sized(3_200_000, |policy| policy.budget_bytes = 3_200_000);
        let slow = [unread(&rig, "/1").await, unread(&rig, "/2").await];
        rig.miss("GET /", "", FRESH, &body(300_000)).await;
        rig.miss("GET /", "", FRESH, &body(300_000)).await;
        drop(slow);
        assert!(rig.is_quiet().await);
        rig.miss("GET /new", "", FRESH, &body(300_000)).await;
        rig.kept("GET /new", "").await;
    });
}

#[test]
fn bodies_on_their_way_have_one_bound_for_all_tenants() {
    run(async {
        let rig = Rig::sized(1_000_000, |policy| policy.budget_bytes = 1_000_000);
        let mut flowing = Vec::new();
        for tenant in ["one", "two"] {
            let rules = rig.rules(tenant, |policy| policy.budget_bytes = 1_000_000);
            let got = rig.send_by(&rules, "GET /", "");
            let sender = rig.asked().await.begin(200, FRESH, None);
            sender.send(Ok(Bytes::from(vec![b'x'; 230_000]))).unwrap();
            assert!(rig.is_quiet().await);
            flowing.push((got, sender));
        }
        rig.miss("GET /", "", FRESH, &body(100_000)).await;
        for (got, sender) in flowing {
            drop(sender);
            assert_eq!(got.await.unwrap().text().len(), 230_000);
        }
        rig.miss("GET /", "", FRESH, &body(100_000)).await;
        rig.kept("GET /", "").await;
    });
}
