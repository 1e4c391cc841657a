//! Rules before a host's target, by requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mpanel_crypto::Passwords;

use super::rig::{Rig, ask, ask_tls, site};
use crate::{
    AccessRule, BasicAuth, Clock, Delta, HeaderRule, Host, Hsts, Maintenance, Policy, RateRule, RateScope, Rule,
};

const HOST: &str = "a.example";

/// Everything that came in here is from 127.0.0.1.
fn rig(policy: Policy) -> Rig {
    let rig = Rig::new();
    files(&rig);
    set(&rig, policy);
    rig
}

fn files(rig: &Rig) {
    rig.write("a/index.html", "home");
    rig.write("a/admin/index.html", "secret");
    rig.write("a/other.html", "other");
}

fn set(rig: &Rig, policy: Policy) {
    assert_eq!(rig.edge.apply([upsert(policy)]), []);
}

fn upsert(policy: Policy) -> Delta {
    Delta::UpsertHost {
        name: HOST.to_owned(),
        host: Host {
            policy: Some(Box::new(policy)),
            ..Host::from(site("a"))
        },
    }
}

fn refused(rig: &Rig, policy: Policy) -> String {
    let rejected = rig.edge.apply([upsert(policy)]);
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    rejected[0].reason.clone()
}

fn nets(list: &[&str]) -> Vec<ipnet::IpNet> {
    list.iter().map(|net| net.parse().unwrap()).collect()
}

fn access(path: &str, allow: &[&str], deny: &[&str]) -> Policy {
    Policy {
        access: vec![AccessRule {
            path: path.to_owned(),
            allow: nets(allow),
            deny: nets(deny),
        }],
        ..Policy::default()
    }
}

#[derive(Debug)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[test]
fn addresses_are_let_in_by_network_and_kept_out_by_network() {
    let rig = rig(access("/*", &["127.0.0.0/8"], &[]));
    assert_eq!(rig.get(HOST, "/").status, 200);
    set(&rig, access("/*", &["10.0.0.0/8", "::/0"], &[]));
    assert_eq!(rig.get(HOST, "/").status, 403);
    set(&rig, access("/*", &[], &["127.0.0.1/32"]));
    assert_eq!(rig.get(HOST, "/").status, 403);
    set(&rig, access("/*", &["127.0.0.0/8"], &["127.0.0.1/32"]));
    assert_eq!(rig.get(HOST, "/").status, 403, "who is kept out is out");
}

#[test]
fn an_area_is_closed_however_its_path_is_written() {
    let rig = rig(access("/admin/*", &["10.0.0.0/8"], &[]));
    assert_eq!(rig.get(HOST, "/").status, 200);
    for path in [
        "/admin",
        "/admin/",
        "/admin/index.html",
        "//admin/",
        "/./admin/",
        "/%61dmin/",
        "/admin;x=1/",
        "/admin;/index.html",
        "/;/admin/",
        "/.;/admin/",
        "/;a/./admin",
    ] {
        assert_eq!(rig.get(HOST, path).status, 403, "{path}");
    }
    for path in [
        "/x/../admin/",
        "/x/..;/admin/",
        "/admin%2findex.html",
        "/admin%5c",
        "/%zz",
    ] {
        assert_eq!(rig.get(HOST, path).status, 400, "{path}");
    }
    assert_eq!(rig.get(HOST, "/administration").status, 404);
}

#[test]
fn a_rule_for_a_program_covers_its_path_info() {
    let rig = rig(access("/wp-login.php", &["10.0.0.0/8"], &[]));
    for path in [
        "/wp-login.php",
        "/wp-login.php/",
        "/wp-login.php/x",
        "/wp-login.php/x/y.css",
        "/%77p-login.php/x",
        "/wp-login.php;a/x",
        "/wp-login.php/x;a",
    ] {
        assert_eq!(rig.get(HOST, path).status, 403, "{path}");
    }
    for path in ["/a/wp-login.php/x", "/wp-login.phpx/x", "/x.php/wp-login.php"] {
        assert_eq!(rig.get(HOST, path).status, 404, "{path}");
    }
    // A rule for one folder without a star is for that folder alone.
    set(&rig, access("/admin", &["10.0.0.0/8"], &[]));
    assert_eq!(rig.get(HOST, "/admin").status, 403);
    assert_eq!(rig.get(HOST, "/admin/index.html").status, 200);
}

#[test]
fn a_rewrite_leads_nobody_round_the_wall() {
    let mut policy = access("/admin/*", &["10.0.0.0/8"], &[]);
    policy.rules = vec![Rule {
        from: "/open/*".to_owned(),
        to: "/admin/:splat".to_owned(),
        status: 200,
    }];
    let rig = rig(policy);
    assert_eq!(rig.get(HOST, "/open/index.html").status, 403);
}

#[test]
fn a_rewrite_to_a_path_that_is_too_long_is_refused() {
    let mut policy = access("/admin/*", &["10.0.0.0/8"], &[]);
    policy.rules = vec![Rule {
        from: "/open/*".to_owned(),
        to: "/:splat".to_owned(),
        status: 200,
    }];
    let rig = rig(policy);
    // Each colon is three bytes once it is put in.
    assert_eq!(rig.get(HOST, &format!("/open/{}", ":".repeat(4_000))).status, 414);
}

#[test]
fn rewrites_answer_with_another_path_and_redirects_send_there() {
    let rig = rig(Policy {
        rules: vec![
            Rule {
                from: "/hidden/:name".to_owned(),
                to: "/:name.html".to_owned(),
                status: 200,
            },
            Rule {
                from: "/old/*".to_owned(),
                to: "/new/:splat".to_owned(),
                status: 308,
            },
        ],
        ..Policy::default()
    });
    let reply = rig.get(HOST, "/hidden/other");
    assert_eq!((reply.status, reply.text().as_str()), (200, "other"));
    let reply = rig.get(HOST, "/old/a?b=c");
    assert_eq!((reply.status, reply.field("location")), (308, Some("/new/a?b=c")));
}

#[test]
fn what_is_too_much_waits_and_is_counted_on_through_a_change_beside_it() {
    let hand = Arc::new(Hand(AtomicU64::new(1_000)));
    let clock = Arc::clone(&hand);
    let rig = Rig::with(move |options| options.clock = clock);
    files(&rig);
    let policy = |per| Policy {
        rates: vec![RateRule {
            path: "/admin/*".to_owned(),
            per,
            requests: 3,
            seconds: 30,
        }],
        ..Policy::default()
    };
    for scope in [RateScope::Client, RateScope::Host] {
        set(&rig, policy(scope));
        for _ in 0..3 {
            assert_eq!(rig.get(HOST, "/admin/").status, 200);
        }
        let reply = rig.get(HOST, "/admin/");
        assert_eq!((reply.status, reply.field("retry-after")), (429, Some("10")));
        assert_eq!(rig.get(HOST, "/").status, 200, "another path");
        // The same rules once more, and a new configuration as a whole: what was counted is.
        set(&rig, policy(scope));
        let hosts = [(
            HOST.to_owned(),
            Host {
                policy: Some(Box::new(policy(scope))),
                ..Host::from(site("a"))
            },
        )]
        .into();
        assert_eq!(
            rig.edge.replace(crate::EdgeConfig {
                hosts,
                ..Default::default()
            }),
            []
        );
        assert_eq!(rig.get(HOST, "/admin/").status, 429);
        hand.0.fetch_add(10, Ordering::SeqCst);
        assert_eq!(rig.get(HOST, "/admin/").status, 200);
    }
}

#[test]
fn maintenance_is_a_page_for_all_but_some() {
    let closed = |allow: &[&str]| Policy {
        maintenance: Some(Maintenance {
            title: "Back <soon>".to_owned(),
            text: "We move.".to_owned(),
            retry_at: Some("2030-01-01T00:00:00Z".parse().unwrap()),
            allow: nets(allow),
        }),
        ..Policy::default()
    };
    let rig = rig(closed(&[]));
    let reply = rig.request("POST", HOST, "/", "Content-Length: 0\r\n");
    assert_eq!(reply.status, 503);
    assert_eq!(reply.field("retry-after"), Some("Tue, 01 Jan 2030 00:00:00 GMT"));
    assert!(reply.text().contains("Back &lt;soon&gt;"));
    assert!(rig.request("HEAD", HOST, "/", "").body.is_empty());
    set(&rig, closed(&["127.0.0.0/8"]));
    assert_eq!(rig.get(HOST, "/").text(), "home");
}

fn hashed(password: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Passwords::new(1).hash(password)).unwrap()
}

fn area(path: &str, password: &str) -> Policy {
    Policy {
        auth: vec![BasicAuth {
            path: path.to_owned(),
            realm: "Staff".to_owned(),
            users: [("ann".to_owned(), hashed(password))].into(),
        }],
        ..Policy::default()
    }
}

fn as_user(rig: &Rig, path: &str, pair: &str) -> u16 {
    let field = format!("Authorization: Basic {}\r\n", STANDARD.encode(pair));
    rig.request("GET", HOST, path, &field).status
}

#[test]
fn an_area_asks_for_a_password_and_knows_the_right_one() {
    let rig = rig(area("/admin/*", "long and right"));
    assert_eq!(rig.get(HOST, "/").status, 200);
    let reply = rig.get(HOST, "/admin/");
    let challenge = reply.field("www-authenticate");
    assert_eq!(
        (reply.status, challenge),
        (401, Some("Basic realm=\"Staff\", charset=\"UTF-8\""))
    );
    assert_eq!(reply.field("cache-control"), Some("no-store"));
    for _ in 0..20 {
        assert_eq!(as_user(&rig, "/admin/", "ann:long and right"), 200);
    }
    assert_eq!(as_user(&rig, "/admin/", "ann:wrong"), 401);
    assert_eq!(as_user(&rig, "/admin/", "bob:long and right"), 401);
    assert_eq!(
        rig.request("GET", HOST, "/admin/", "Authorization: Bearer x\r\n")
            .status,
        401
    );
    assert_eq!(
        rig.request("GET", HOST, "/admin/", "Authorization: Basic !!!\r\n")
            .status,
        401
    );
    // A password that is changed ends the old one at once.
    set(&rig, area("/admin/*", "another one"));
    assert_eq!(as_user(&rig, "/admin/", "ann:long and right"), 401);
}

#[test]
fn who_guesses_has_to_wait_also_with_many_guesses_at_once() {
    // It stands still: a slow machine gives no guess more.
    let rig = Rig::with(|options| options.clock = Arc::new(Hand(AtomicU64::new(1_000))));
    files(&rig);
    set(&rig, area("/*", "long and right"));
    let address = rig.http();
    let guesses: Vec<_> = (0..20)
        .map(|guess| {
            std::thread::spawn(move || {
                let field = STANDARD.encode(format!("ann:{guess}"));
                ask(
                    address,
                    format!(
                        "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nAuthorization: Basic {field}\r\n\r\n"
                    ),
                )
                .status
            })
        })
        .collect();
    let statuses: Vec<u16> = guesses.into_iter().map(|guess| guess.join().unwrap()).collect();
    let count = |status| statuses.iter().filter(|of| **of == status).count();
    assert_eq!((count(401), count(429)), (10, 10), "{statuses:?}");
    assert_eq!(as_user(&rig, "/", "ann:long and right"), 429);
}

#[test]
fn answers_get_and_lose_fields_by_path() {
    let rig = rig(Policy {
        headers: vec![
            HeaderRule {
                path: "/*".to_owned(),
                remove: vec!["ETag".to_owned()],
                set: [("X-Frame-Options".to_owned(), "DENY".to_owned())].into(),
                append: vec![],
            },
            HeaderRule {
                path: "/admin/*".to_owned(),
                remove: vec![],
                set: [("X-Frame-Options".to_owned(), "SAMEORIGIN".to_owned())].into(),
                append: vec![("Link".to_owned(), "</a.css>; rel=preload".to_owned())],
            },
        ],
        ..Policy::default()
    });
    let reply = rig.get(HOST, "/");
    assert_eq!(
        (reply.field("x-frame-options"), reply.field("etag"), reply.field("link")),
        (Some("DENY"), None, None)
    );
    let reply = rig.get(HOST, "/%61dmin/");
    assert_eq!(reply.field("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(reply.field("link"), Some("</a.css>; rel=preload"));
    assert_eq!(
        rig.get(HOST, "/%2f").field("x-frame-options"),
        Some("DENY"),
        "refusals too"
    );
}

#[test]
fn browsers_are_told_of_https_over_https_only() {
    let hsts = Hsts {
        max_age: 31_536_000,
        include_subdomains: true,
        preload: true,
    };
    let rig = rig(Policy {
        hsts: Some(hsts),
        ..Policy::default()
    });
    rig.certificate("1", &[HOST]);
    assert_eq!(rig.get(HOST, "/").field("strict-transport-security"), None);
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let reply = ask_tls(rig.https(), HOST, &request);
    let expected = "max-age=31536000; includeSubDomains; preload";
    assert_eq!(reply.field("strict-transport-security"), Some(expected));
}

#[test]
fn rules_that_cannot_work_are_refused_by_their_fault_and_the_old_ones_stay() {
    let rig = rig(access("/*", &["10.0.0.0/8"], &[]));
    let header = |name: &str, value: &str| Policy {
        headers: vec![HeaderRule {
            path: "/*".to_owned(),
            remove: vec![],
            set: [(name.to_owned(), value.to_owned())].into(),
            append: vec![],
        }],
        ..Policy::default()
    };
    for (policy, why) in [
        (access("admin", &[], &[]), "does not begin with /"),
        (header("Content-Length", "1"), "belongs to the connection"),
        (header("Transfer-Encoding", "chunked"), "belongs to the connection"),
        (header("X A", "1"), "no field has this name"),
        (header("X-A", "1\r\nX-B: 2"), "characters that none may have"),
        (area("/*", "x").with_users([]), "nobody could come in"),
        (area("/*", "x").with_users([("a:b", "x")]), "no colon"),
        (area("/*", "x").with_users([("ann", "plain")]), "user \"ann\""),
        (
            area("/*", "x").with_users([(
                "ann",
                "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaA",
            )]),
            "costs more",
        ),
        (
            Policy {
                rates: vec![RateRule {
                    path: "/*".to_owned(),
                    per: RateScope::Client,
                    requests: 0,
                    seconds: 1,
                }],
                ..Policy::default()
            },
            "requests is 1 to",
        ),
        (
            Policy {
                hsts: Some(Hsts {
                    max_age: 60,
                    include_subdomains: true,
                    preload: true,
                }),
                ..Policy::default()
            },
            "preload needs",
        ),
    ] {
        let reason = refused(&rig, policy);
        assert!(reason.contains(why), "{reason}");
        assert_eq!(rig.get(HOST, "/").status, 403);
    }
}

impl Policy {
    fn with_users<const N: usize>(mut self, users: [(&str, &str); N]) -> Self {
        self.auth[0].users = users.map(|(name, hash)| (name.to_owned(), hash.to_owned())).into();
        self
    }
}

#[test]
fn the_names_of_one_site_count_together_and_those_of_others_apart() {
    let rig = Rig::new();
    files(&rig);
    let policy = Policy {
        rates: vec![RateRule {
            path: "/*".to_owned(),
            per: RateScope::Host,
            requests: 2,
            seconds: 60,
        }],
        ..Policy::default()
    };
    for (name, label) in [("a.example", "one"), ("b.example", "one"), ("c.example", "two")] {
        let mut target = site("a");
        if let crate::Target::Site { site, .. } = &mut target {
            label.clone_into(site);
        }
        let host = Host {
            policy: Some(Box::new(policy.clone())),
            ..Host::from(target)
        };
        let name = name.to_owned();
        assert_eq!(rig.edge.apply([Delta::UpsertHost { name, host }]), []);
    }
    let statuses = ["a.example", "b.example", "a.example", "c.example"].map(|host| rig.get(host, "/").status);
    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[test]
fn a_rule_that_is_not_known_is_refused_and_not_passed_over() {
    for unknown in [
        r#"{"acess": []}"#,
        r#"{"access": [{"alow": ["10.0.0.0/8"]}]}"#,
        r#"{"tls": {"min": "1.3"}}"#,
    ] {
        let error = serde_json::from_str::<Policy>(unknown).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
}
