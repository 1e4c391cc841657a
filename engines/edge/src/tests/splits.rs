use std::collections::BTreeMap;

use super::rig::{Rig, site};
use crate::{Delta, Host, Part, PathRoute, Split, Target};

fn part(name: &str, weight: u16) -> Part {
    Part {
        name: name.to_owned(),
        weight,
        target: site(name),
    }
}

fn split(parts: Vec<Part>) -> Target {
    Target::Split(Split {
        parts,
        cookie: "half".to_owned(),
    })
}

fn rig() -> Rig {
    let rig = Rig::new();
    for name in ["old", "new", "app", "deep"] {
        rig.write(&format!("{name}/index.html"), name);
        rig.write(&format!("{name}/app/index.html"), name);
        rig.write(&format!("{name}/app/deep/index.html"), name);
    }
    rig
}

#[test]
fn visitors_are_spread_by_weight_and_stay() {
    let rig = rig();
    rig.host("a.example", split(vec![part("old", 9), part("new", 1)]));
    let mut counts = BTreeMap::<String, usize>::new();
    for _ in 0..200 {
        let reply = rig.get("a.example", "/");
        let text = reply.text();
        let cookie = reply.field("set-cookie").unwrap();
        assert_eq!(cookie, format!("half={text}; Path=/; HttpOnly; SameSite=Lax"));
        *counts.entry(text).or_default() += 1;
    }
    assert!((18..=22).contains(&counts["new"]), "{counts:?}");
    for _ in 0..10 {
        let reply = rig.request("GET", "a.example", "/", "Cookie: other=old; half=new\r\n");
        assert_eq!((reply.text().as_str(), reply.field("set-cookie")), ("new", None));
    }
    // Who had what is gone gets what there is; one part alone needs no cookie.
    rig.host("a.example", split(vec![part("old", 1), part("new", 0)]));
    let reply = rig.request("GET", "a.example", "/", "Cookie: half=new\r\n");
    assert_eq!((reply.text().as_str(), reply.field("set-cookie")), ("old", None));
}

fn with_routes(routes: &[(&str, Target)]) -> Host {
    let route = |(path, target): &(&str, Target)| PathRoute {
        path: (*path).to_owned(),
        target: target.clone(),
    };
    Host {
        routes: routes.iter().map(route).collect(),
        ..Host::from(site("old"))
    }
}

#[test]
fn the_longest_beginning_of_the_path_decides() {
    let rig = rig();
    let host = with_routes(&[("/app", site("app")), ("/app/deep/", site("deep"))]);
    let name = "a.example".to_owned();
    assert_eq!(rig.edge.apply([Delta::UpsertHost { name, host }]), []);
    for (path, expected) in [
        ("/", "old"),
        ("/app/", "app"),
        ("/app/?x=/app/deep", "app"),
        ("/%61pp/", "app"),
        ("//app/", "app"),
        ("/./app/", "app"),
        ("/app/deep/", "deep"),
        ("/app//deep/", "deep"),
    ] {
        assert_eq!(rig.get("a.example", path).text(), expected, "{path}");
    }
    assert_eq!(rig.get("a.example", "/apple/").status, 404);
    for path in [
        "/x/../app/",
        "/app%2Fdeep/",
        "/app/..%2f",
        "/app\\deep/",
        "/%2e%2e/app/",
    ] {
        assert_eq!(rig.get("a.example", path).status, 400, "{path}");
    }
}

#[test]
fn traffic_is_counted_for_whom_it_is() {
    let rig = rig();
    let mut labelled = site("app");
    if let Target::Site { site, .. } = &mut labelled {
        "the-app".clone_into(site);
    }
    let name = "a.example".to_owned();
    let host = with_routes(&[("/app", labelled)]);
    assert_eq!(rig.edge.apply([Delta::UpsertHost { name, host }]), []);
    rig.get("a.example", "/app/");
    rig.get("a.example", "/");
    let counters = rig.edge.counters();
    let requests = |site: &str| {
        let of = counters.iter().find(|of| of.host == "a.example" && of.site == site);
        of.map(|of| of.requests)
    };
    assert_eq!((requests("the-app"), requests("")), (Some(1), Some(1)));
}

#[test]
fn routes_and_splits_that_cannot_be_used_are_refused() {
    let rig = rig();
    let refused = |host: Host, expected: &str| {
        let name = "a.example".to_owned();
        let rejected = rig.edge.apply([Delta::UpsertHost { name, host }]);
        assert!(rejected[0].reason.contains(expected), "{rejected:?}");
    };
    refused(with_routes(&[("app", site("app"))]), "plain absolute path");
    refused(with_routes(&[("/a/../b", site("app"))]), "plain absolute path");
    refused(with_routes(&[("/", site("app"))]), "the host's own target");
    refused(
        with_routes(&[("/app", site("app")), ("/app/", site("new"))]),
        "given twice",
    );
    refused(with_routes(&[("/app", Target::Panel)]), "panel");
    refused(with_routes(&[("/app", site("../x"))]), "/app: root");
    refused(Host::from(split(Vec::new())), "none has a weight");
    refused(Host::from(split(vec![part("old", 0)])), "none has a weight");
    refused(Host::from(split(vec![part("o d", 1)])), "name");
    refused(Host::from(split(vec![part("old", 1), part("old", 1)])), "given twice");
    let nested = Part {
        target: split(vec![part("old", 1)]),
        ..part("outer", 1)
    };
    refused(Host::from(split(vec![nested])), "split within a split");
}
