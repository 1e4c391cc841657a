//! The set of zones and its changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::name;
use crate::tests::support::{ask, zone};
use crate::zones::{Change, ZoneSet};

fn apex_zone(apex: &str, address: &str) -> Arc<crate::Zone> {
    zone(apex, &format!("@ NS ns.example.net\nwww A {address}"))
}

#[test]
fn changes_are_visible_at_once() {
    let set = ZoneSet::new();
    assert!(set.snapshot().is_empty());
    assert_eq!(ask(&set.snapshot(), "www.example.com", "A").rcode, "REFUSED");
    set.upsert(apex_zone("example.com", "192.0.2.1"));
    assert_eq!(
        ask(&set.snapshot(), "www.example.com", "A").answer,
        ["www.example.com 300 A 192.0.2.1"]
    );
    set.upsert(apex_zone("EXAMPLE.com", "192.0.2.2"));
    assert_eq!(
        ask(&set.snapshot(), "www.example.com", "A").answer,
        ["www.example.com 300 A 192.0.2.2"]
    );
    assert_eq!(set.snapshot().len(), 1);
    assert!(set.delete("Example.com."));
    assert!(!set.delete("example.com"));
    assert_eq!(ask(&set.snapshot(), "www.example.com", "A").rcode, "REFUSED");
}

#[test]
fn a_snapshot_does_not_change() {
    let set = ZoneSet::new();
    set.upsert(apex_zone("example.com", "192.0.2.1"));
    let before = set.snapshot();
    set.delete("example.com");
    assert_eq!((before.len(), set.snapshot().len()), (1, 0));
    assert_eq!(ask(&before, "www.example.com", "A").rcode, "NOERROR");
}

#[test]
fn replacing_all_leaves_nothing_behind() {
    let set = ZoneSet::new();
    set.upsert(apex_zone("old.example", "192.0.2.1"));
    set.replace_all((0..1000).map(|n| apex_zone(&format!("zone{n}.example"), "192.0.2.2")));
    let map = set.snapshot();
    assert_eq!((map.len(), map.iter().count()), (1000, 1000));
    assert_eq!(ask(&map, "www.old.example", "A").rcode, "REFUSED");
    for n in [0, 500, 999] {
        assert_eq!(ask(&map, &format!("www.zone{n}.example"), "A").answer.len(), 1);
    }
}

#[test]
fn several_changes_apply_together() {
    let set = ZoneSet::new();
    set.upsert(apex_zone("a.example", "192.0.2.1"));
    set.apply([
        Change::Upsert(apex_zone("b.example", "192.0.2.1")),
        Change::Delete(name::parse("a.example").unwrap()),
        Change::Delete(name::parse("never.example").unwrap()),
    ]);
    let map = set.snapshot();
    assert!(map.get(&name::parse("a.example").unwrap()).is_none());
    assert!(map.get(&name::parse("b.example").unwrap()).is_some());
}

#[test]
fn writers_do_not_lose_each_others_changes_and_readers_see_whole_zones() {
    let set = Arc::new(ZoneSet::new());
    set.upsert(apex_zone("shared.example", "192.0.2.1"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(ask(&set.load(), "www.shared.example", "A").answer.len(), 1);
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let set = &set;
                scope.spawn(move || {
                    for n in 0..50 {
                        set.upsert(apex_zone(&format!("w{writer}-{n}.example"), "192.0.2.1"));
                        set.upsert(apex_zone("shared.example", "192.0.2.2"));
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(set.snapshot().len(), 201);
}
