//! What of the feed an engine is told, and what stays when an entry cannot be used.

use mpanel_engine_edge::{Edge, EdgeConfig, EdgeOptions, Status};
use mpanel_feed::frame::Item;
use mpanel_feed::{Refusal, Update};
use serde_json::json;
use tempfile::TempDir;

use super::{HOST, NODE, certificate, host, node_key, site};
use crate::edge::feed::Feed;

struct Rig {
    folder: TempDir,
    edge: Edge,
    feed: Feed,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = EdgeOptions::new(folder.path(), folder.path().join("serve.sock"));
        let (edge, _none) = Edge::new(options, EdgeConfig::default());
        let feed = Feed::new(edge.clone(), node_key(folder.path()));
        Self { folder, edge, feed }
    }

    fn item(&mut self, item: &Item) -> Vec<Refusal> {
        self.feed.apply(Update::Item { item, node: Some(NODE) })
    }

    fn reset(&mut self, items: Vec<Item>) -> Vec<Refusal> {
        self.feed.apply(Update::Reset {
            items,
            node: Some(NODE),
        })
    }

    fn holds(&self) -> (usize, usize) {
        let Status {
            hosts, certificates, ..
        } = self.edge.status();
        (hosts, certificates)
    }
}

#[test]
fn every_kind_of_target_is_understood() {
    let mut rig = Rig::new();
    rig.item(&host(1, "a.test", Some(site("site_1/releases/rel_1"))));
    let redirect = json!({"target": {"kind": "redirect", "to": "https://a.test", "status": 301}});
    rig.item(&host(2, "b.test", Some(redirect)));
    rig.item(&host(3, "panel.test", Some(json!({"target": {"kind": "panel"}}))));
    let soon = json!({"target": {"kind": "placeholder", "title": "Soon", "text": "Nothing is published yet."}});
    rig.item(&host(4, "*.preview.test", Some(soon)));
    assert_eq!(rig.holds(), (4, 0));
    rig.item(&host(5, "*.preview.test", None));
    assert_eq!(rig.holds(), (3, 0));
}

#[test]
fn a_reset_removes_what_is_not_in_it() {
    let mut rig = Rig::new();
    let key = node_key(rig.folder.path());
    let (item, _) = certificate(1, "cert_1", &key, NODE);
    rig.reset(vec![
        item,
        host(2, "a.test", Some(site("a"))),
        host(3, "b.test", Some(site("b"))),
    ]);
    assert_eq!(rig.holds(), (2, 1));
    rig.reset(vec![host(9, "b.test", Some(site("b")))]);
    assert_eq!(rig.holds(), (1, 0));
}

#[test]
fn an_entry_that_cannot_be_used_leaves_its_former_value_and_all_others() {
    let mut rig = Rig::new();
    let key = node_key(rig.folder.path());
    let (good, _) = certificate(1, "cert_1", &key, NODE);
    rig.reset(vec![good, host(2, HOST, Some(site("a")))]);

    // Of a control plane that knows more than this version.
    let unknown = json!({"target": {"kind": "function", "function": "fn_1"}});
    let (elsewhere, _) = certificate(4, "cert_1", &key, "node_other");
    rig.reset(vec![
        elsewhere,
        host(5, HOST, Some(unknown)),
        host(6, "b.test", Some(site("b"))),
    ]);
    assert_eq!(rig.holds(), (2, 1));
}

#[test]
fn a_key_sealed_for_another_certificate_is_refused() {
    let mut rig = Rig::new();
    let key = node_key(rig.folder.path());
    let (mut moved, _) = certificate(1, "cert_1", &key, NODE);
    moved.key = "cert_2".into();
    rig.item(&moved);
    assert_eq!(rig.holds(), (0, 0));
}

#[test]
fn topics_of_others_are_ignored() {
    let mut rig = Rig::new();
    let mut item = host(1, "a.test", Some(site("a")));
    item.topic = "dns.zone".into();
    rig.item(&item);
    rig.reset(vec![item]);
    assert_eq!(rig.holds(), (0, 0));
}

#[test]
fn what_cannot_be_served_is_said() {
    let mut rig = Rig::new();
    let bad = || {
        let mut hidden = site("site_1/releases/rel_1");
        hidden["target"]["not_found"] = json!(".errors/404.html");
        [
            host(1, "hidden.test", Some(hidden)),
            host(
                2,
                "strange.test",
                Some(json!({"target": {"kind": "of a later version"}})),
            ),
            host(3, "not a name", Some(site("site_1/releases/rel_1"))),
        ]
    };
    for item in bad() {
        let refused = rig.item(&item);
        assert_eq!(refused.len(), 1, "{}", item.key);
        assert_eq!(
            (refused[0].key.as_str(), refused[0].generation),
            (item.key.as_str(), item.generation)
        );
        assert!(!refused[0].reason.is_empty());
    }
    let good = host(4, "good.test", Some(site("site_1/releases/rel_1")));
    assert!(rig.item(&good).is_empty());
    let refused = rig.reset(bad().into_iter().chain([good]).collect());
    let mut keys: Vec<&str> = refused.iter().map(|refusal| refusal.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(
        (keys, rig.holds().0),
        (vec!["hidden.test", "not a name", "strange.test"], 1)
    );
}

/// What an engine kept of the site's label is seen by its number of purges alone: the log is applied once, in order.
#[test]
fn purges_are_applied_once_and_a_log_that_was_missed_is_made_up_for() {
    let mut rig = Rig::new();
    let log = |floor: i64, numbers: &[i64]| {
        let log: Vec<_> = numbers
            .iter()
            .map(|seq| json!({"seq": seq, "soft": false, "what": [{"kind": "everything"}, {"kind": "of a later version"}]}))
            .collect();
        Item {
            topic: "edge.purge".to_owned(),
            key: "site_1".to_owned(),
            generation: *numbers.last().unwrap(),
            value: Some(json!({"tenant": "ten_1", "floor": floor, "log": log})),
            ..host(1, "unused", None)
        }
    };
    for (item, last) in [
        (log(0, &[10, 20]), 20),
        (log(0, &[10, 20]), 20),
        (log(30, &[40, 50]), 50),
        // One that is older than what was done changes nothing.
        (log(0, &[10]), 50),
    ] {
        assert_eq!(rig.item(&item), []);
        assert_eq!(rig.feed.purged("site_1"), Some(last));
    }
    rig.reset(vec![log(30, &[60])]);
    assert_eq!(rig.feed.purged("site_1"), Some(60));
    rig.reset(Vec::new());
    assert_eq!(rig.feed.purged("site_1"), None);
    let mut broken = log(0, &[70]);
    broken.value = Some(json!({"log": 1}));
    assert_eq!(rig.item(&broken).len(), 1);
}
