use super::rig::{Rig, ask, site};
use crate::{Delta, Host, Target};

fn redirect(to: &str, status: u16, keep_path: bool) -> Target {
    Target::Redirect {
        site: String::new(),
        to: to.to_owned(),
        status,
        keep_path,
    }
}

fn placeholder(status: u16, retry_at: Option<jiff::Timestamp>) -> Target {
    Target::Placeholder {
        site: String::new(),
        title: "Soon".to_owned(),
        text: "<b>Nothing</b> yet".to_owned(),
        status,
        retry_at,
        contact: None,
    }
}

#[test]
fn a_page_has_a_link_only_to_a_page_or_a_letter_and_no_markup_of_its_own() {
    let rig = Rig::new();
    let show = |contact: &str| {
        let target = Target::Placeholder {
            site: String::new(),
            title: "<i>Away</i>".to_owned(),
            text: "One\n<b>two</b>".to_owned(),
            status: 503,
            retry_at: None,
            contact: Some(contact.to_owned()),
        };
        rig.host("a.example", target);
        rig.get("a.example", "/").text()
    };
    let page = show("https://help.example/a?b&c\"d");
    assert!(
        page.contains("href=\"https://help.example/a?b&amp;c&quot;d\""),
        "{page}"
    );
    assert!(
        page.contains("<p>One\n&lt;b&gt;two&lt;/b&gt;</p>") && !page.contains("<i>"),
        "{page}"
    );
    assert!(show("mailto:help@a.example").contains(">help@a.example</a>"));
    for wrong in ["javascript:alert(1)", "http://help.example", ""] {
        let page = show(wrong);
        assert!(!page.contains("<a "), "{wrong}: {page}");
    }
}

#[test]
fn the_most_exact_entry_answers() {
    let rig = Rig::new();
    for name in ["exact", "wild", "rest"] {
        rig.write(&format!("{name}/index.html"), name);
    }
    rig.host("www.example.org", site("exact"));
    rig.host("*.example.org", site("wild"));
    assert_eq!(rig.get("www.example.org", "/").text(), "exact");
    assert_eq!(rig.get("WWW.Example.ORG.:8080", "/").text(), "exact");
    assert_eq!(rig.get("other.example.org", "/").text(), "wild");
    for name in ["example.org", "a.b.example.org", "example.com"] {
        assert_eq!(rig.get(name, "/").status, 404, "{name}");
    }
    rig.host("*", site("rest"));
    assert_eq!(rig.get("example.com", "/").text(), "rest");
    rig.edge.apply([Delta::DeleteHost {
        name: "www.example.org".to_owned(),
    }]);
    assert_eq!(rig.get("www.example.org", "/").text(), "wild");
}

#[test]
fn an_unknown_host_gets_the_providers_page() {
    let rig = Rig::with(|options| options.provider = Some("Acme <Hosting>".to_owned()));
    let reply = rig.get("nobody.example", "/");
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("Acme &lt;Hosting&gt;"), "{}", reply.text());
    assert_eq!(reply.field("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn a_host_that_is_absent_repeated_or_malformed_is_refused_and_the_connection_closed() {
    let rig = Rig::new();
    rig.write("a/index.html", "a");
    rig.host("*", site("a"));
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let reply = rig.ask(request);
        assert_eq!(reply.status, 400, "{request:?}");
        assert_eq!(reply.field("connection"), Some("close"), "{request:?}");
    }
    assert_eq!(
        rig.ask("GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .status,
        200
    );
}

#[test]
fn redirects_keep_the_path_when_told_to() {
    let rig = Rig::new();
    rig.host("old.example", redirect("https://new.example/", 308, true));
    rig.host(
        "plain.example",
        redirect("https://new.example/landing?from=plain", 302, false),
    );
    let reply = rig.get("old.example", "/a/b%20c?d=e");
    assert_eq!(
        (reply.status, reply.field("location")),
        (308, Some("https://new.example/a/b%20c?d=e"))
    );
    let reply = rig.get("plain.example", "/a");
    assert_eq!(
        (reply.status, reply.field("location")),
        (302, Some("https://new.example/landing?from=plain"))
    );
}

#[test]
fn no_request_puts_a_line_break_or_another_host_into_a_redirect() {
    let rig = Rig::new();
    rig.host("old.example", redirect("https://new.example", 301, true));
    for path in [
        "/%0d%0aSet-Cookie:%20x=1",
        "//evil.example/",
        "/\\evil.example",
        "/@evil.example",
        "/.evil.example",
    ] {
        let reply = rig.get("old.example", path);
        let location = reply.field("location").unwrap_or("https://new.example/");
        assert!(location.starts_with("https://new.example/"), "{path}: {location}");
        assert_eq!(reply.field("set-cookie"), None);
    }
    let raw = rig.ask("GET /a\rSet-Cookie: x HTTP/1.1\r\nHost: old.example\r\nConnection: close\r\n\r\n");
    assert_eq!(raw.status, 400);
}

#[test]
fn entries_that_cannot_be_used_are_refused_and_the_old_ones_stay() {
    let rig = Rig::new();
    rig.write("a/index.html", "a");
    rig.host("a.example", site("a"));
    let bad = [
        ("a.example", site("../etc")),
        ("a.example", site("/etc")),
        ("a.example", site("")),
        ("a.example", redirect("https://b.example\r\nSet-Cookie: x", 301, false)),
        ("a.example", redirect("javascript:alert(1)", 301, false)),
        ("a.example", redirect("//b.example", 301, false)),
        ("a.example", redirect("https://b.example", 200, false)),
        ("a.example", redirect("https://u@b.example", 301, false)),
        ("a..example", site("a")),
        ("*.*.example", site("a")),
        ("a/b", site("a")),
    ];
    for (name, target) in bad {
        let delta = Delta::UpsertHost {
            name: name.to_owned(),
            host: Host::from(target.clone()),
        };
        assert_eq!(rig.edge.apply([delta]).len(), 1, "{name} {target:?}");
    }
    assert_eq!(rig.get("a.example", "/").text(), "a");
    assert_eq!(rig.edge.status().hosts, 1);
}

#[test]
fn a_placeholder_is_calm_and_is_not_kept() {
    let rig = Rig::new();
    rig.host("new.example", placeholder(200, None));
    let reply = rig.get("new.example", "/any/path");
    assert_eq!((reply.status, reply.field("cache-control")), (200, Some("no-store")));
    assert!(reply.text().contains("&lt;b&gt;Nothing&lt;/b&gt; yet"));
    assert_eq!(rig.request("POST", "new.example", "/", "").status, 405);
    let head = rig.request("HEAD", "new.example", "/", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_site_that_is_not_to_be_shown_says_so_to_every_method_and_when_to_come_back() {
    let rig = Rig::new();
    let at = "2026-12-01T00:00:00Z".parse().unwrap();
    rig.host("paused.example", placeholder(503, Some(at)));
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        let reply = rig.request(method, "paused.example", "/any/path", "");
        assert_eq!(reply.status, 503, "{method}");
        assert_eq!(reply.field("retry-after"), Some("Tue, 01 Dec 2026 00:00:00 GMT"));
        assert_eq!(reply.body.is_empty(), method == "HEAD", "{method}");
    }
    for status in [0, 99, 204, 302, 600] {
        let host = Host::from(placeholder(status, None));
        let name = "paused.example".to_owned();
        let rejected = rig.edge.apply([Delta::UpsertHost { name, host }]);
        assert_eq!(rejected.len(), 1, "{status}");
    }
    assert_eq!(rig.get("paused.example", "/").status, 503, "what was there stays");
}

#[test]
fn plain_http_moves_to_https_once_a_certificate_covers_the_name() {
    let rig = Rig::with(|options| options.https_port = 8443);
    rig.write("a/index.html", "a");
    let Target::Site {
        site,
        root,
        spa_fallback,
        not_found,
        ..
    } = site("a")
    else {
        unreachable!()
    };
    rig.host(
        "a.example",
        Target::Site {
            site,
            root,
            spa_fallback,
            not_found,
            https_redirect: true,
        },
    );
    assert_eq!(rig.get("a.example", "/").status, 200);
    rig.certificate("c", &["a.example"]);
    let reply = rig.get("a.example:8080", "/x?y");
    assert_eq!(
        (reply.status, reply.field("location")),
        (301, Some("https://a.example:8443/x?y"))
    );
    let reply = rig.request("POST", "a.example", "/x", "Content-Length: 0\r\n");
    assert_eq!(
        (reply.status, reply.field("location")),
        (308, Some("https://a.example:8443/x"))
    );
}

#[test]
fn the_panel_is_never_served_over_the_sites_plain_http() {
    let rig = Rig::new();
    rig.host("panel.example", Target::Panel);
    assert_eq!(rig.get("panel.example", "/").status, 403);
    rig.certificate("c", &["panel.example"]);
    let reply = ask(
        rig.http(),
        "GET /login HTTP/1.1\r\nHost: panel.example\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(
        (reply.status, reply.field("location")),
        (301, Some("https://panel.example/login"))
    );
}
