use std::os::unix::fs::symlink;

use super::rig::{Rig, site};
use crate::Target;

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("a/index.html", "<h1>home</h1>");
    rig.write("a/docs/index.html", "docs");
    rig.write("a/empty/file.txt", "file");
    rig.host("a.example", site("a"));
    rig
}

fn with_pages(spa_fallback: bool, not_found: Option<&str>) -> Target {
    Target::Site {
        site: String::new(),
        root: "a".to_owned(),
        spa_fallback,
        not_found: not_found.map(str::to_owned),
        https_redirect: false,
    }
}

#[test]
fn a_file_comes_with_type_length_and_validators() {
    let rig = rig();
    let reply = rig.get("a.example", "/");
    assert_eq!((reply.status, reply.text().as_str()), (200, "<h1>home</h1>"));
    assert_eq!(reply.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(reply.field("content-length"), Some("13"));
    assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.field("accept-ranges"), Some("bytes"));
    assert!(reply.field("etag").unwrap().starts_with('"'));
    assert!(reply.field("last-modified").unwrap().ends_with("GMT"));
    assert!(reply.field("date").is_some());
}

#[test]
fn types_follow_the_extension() {
    let rig = rig();
    let types = [
        ("x.css", "text/css; charset=utf-8"),
        ("x.js", "text/javascript; charset=utf-8"),
        ("x.mjs", "text/javascript; charset=utf-8"),
        ("x.json", "application/json; charset=utf-8"),
        ("x.svg", "image/svg+xml"),
        ("x.PNG", "image/png"),
        ("x.wasm", "application/wasm"),
        ("x.woff2", "font/woff2"),
        ("x.webmanifest", "application/manifest+json; charset=utf-8"),
        ("x.txt", "text/plain; charset=utf-8"),
        ("x.pdf", "application/pdf"),
        ("x.unheard-of", "application/octet-stream"),
        ("x", "application/octet-stream"),
    ];
    for (file, expected) in types {
        rig.write(&format!("a/{file}"), "x");
        assert_eq!(
            rig.get("a.example", &format!("/{file}")).field("content-type"),
            Some(expected),
            "{file}"
        );
    }
}

#[test]
fn directories_answer_with_their_index_behind_a_slash() {
    let rig = rig();
    assert_eq!(rig.get("a.example", "/docs/").text(), "docs");
    let reply = rig.get("a.example", "//docs?x=1");
    assert_eq!((reply.status, reply.field("location")), (301, Some("/docs/?x=1")));
    for path in ["/empty", "/empty/", "/index.html/", "/docs/index.html/x", "/nothing"] {
        assert_eq!(rig.get("a.example", path).status, 404, "{path}");
    }
}

#[test]
fn a_slash_redirect_cannot_lead_to_another_host() {
    let rig = rig();
    rig.write("a/evil.example/index.html", "x");
    rig.write("a/b\u{fc}/index.html", "x");
    for path in [
        "//evil.example",
        "///evil.example",
        "/./evil.example",
        "/.//evil.example",
    ] {
        let reply = rig.get("a.example", path);
        assert_eq!(
            (reply.status, reply.field("location")),
            (301, Some("/evil.example/")),
            "{path}"
        );
    }
    assert_eq!(rig.get("a.example", "/b%C3%BC").field("location"), Some("/b%C3%BC/"));
}

#[test]
fn head_is_get_without_the_body() {
    let rig = rig();
    rig.write("a/large.bin", vec![7; 700 * 1024]);
    for path in ["/", "/docs/", "/large.bin", "/nothing"] {
        let (get, head) = (rig.get("a.example", path), rig.request("HEAD", "a.example", path, ""));
        assert_eq!(head.body.len(), 0, "{path}");
        for field in ["content-length", "content-type", "etag", "last-modified"] {
            assert_eq!(get.field(field), head.field(field), "{path} {field}");
        }
        assert_eq!(get.status, head.status);
    }
}

#[test]
fn other_methods_are_told_what_is_allowed() {
    let rig = rig();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let reply = rig.request(method, "a.example", "/", "Content-Length: 0\r\n");
        assert_eq!(
            (reply.status, reply.field("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
}

#[test]
fn traversal_never_leaves_the_site() {
    let rig = rig();
    std::fs::write(rig.folder.path().join("secret"), "secret").unwrap();
    rig.write("secret", "secret");
    for path in [
        "/../secret",
        "/..%2fsecret",
        "/%2e%2e/secret",
        "/%2e%2e%2fsecret",
        "/docs/../../secret",
        "/..\\secret",
        "/..%5csecret",
        "/%252e%252e/secret",
        "/....//secret",
        "/.%00./secret",
        "/docs/..;/secret",
        "/%c0%ae%c0%ae/secret",
        "//../secret",
        "/./../secret",
        "/a/b/../../../secret",
        "/~/../secret",
        "/proc/self/root/etc/passwd",
        "/%00",
        "/docs%00.html",
    ] {
        let reply = rig.get("a.example", path);
        assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.status);
        assert!(!reply.text().contains("secret"), "{path}");
    }
}

#[test]
fn cve_2026_29203_class_symbolic_links_are_not_followed() {
    let rig = rig();
    std::fs::write(rig.folder.path().join("secret"), "secret").unwrap();
    let a = rig.sites().join("a");
    symlink(rig.folder.path().join("secret"), a.join("absolute")).unwrap();
    symlink("../../secret", a.join("relative")).unwrap();
    symlink("index.html", a.join("inside")).unwrap();
    symlink("/etc", a.join("folder")).unwrap();
    symlink("/proc/self/root", a.join("magic")).unwrap();
    std::fs::create_dir(a.join("linked-index")).unwrap();
    symlink("/etc/hostname", a.join("linked-index/index.html")).unwrap();
    symlink("/etc/hostname", a.join("index.html.gz")).unwrap();
    for path in [
        "/absolute",
        "/relative",
        "/inside",
        "/folder/hostname",
        "/folder/",
        "/folder",
        "/magic/etc/hostname",
        "/linked-index/",
    ] {
        assert_eq!(rig.get("a.example", path).status, 404, "{path}");
    }
    assert_eq!(
        rig.request("GET", "a.example", "/", "Accept-Encoding: gzip\r\n").text(),
        "<h1>home</h1>"
    );
    symlink(&a, rig.sites().join("b")).unwrap();
    rig.host("b.example", site("b"));
    assert_eq!(rig.get("b.example", "/").status, 503);
}

#[test]
fn only_regular_files_are_served() {
    let rig = rig();
    let fifo = rig.sites().join("a/fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(rig.sites().join("a/socket")).unwrap();
    assert_eq!(rig.get("a.example", "/fifo").status, 404);
    assert_eq!(rig.get("a.example", "/socket").status, 404);
}

#[test]
fn dot_files_are_hidden_except_well_known() {
    let rig = rig();
    for path in [
        ".env",
        ".git/config",
        "docs/.htpasswd",
        ".well-known/security.txt",
        "docs/.well-known/x",
    ] {
        rig.write(&format!("a/{path}"), "x");
    }
    for path in [
        "/.env",
        "/.git/config",
        "/%2eenv",
        "/docs/.htpasswd",
        "/docs/.well-known/x",
    ] {
        assert_eq!(rig.get("a.example", path).status, 404, "{path}");
    }
    assert_eq!(rig.get("a.example", "/.well-known/security.txt").status, 200);
}

#[test]
fn a_custom_page_answers_for_what_is_missing_with_404() {
    let rig = rig();
    rig.write("a/404.html", "custom");
    rig.host("a.example", with_pages(false, Some("404.html")));
    let reply = rig.get("a.example", "/nothing");
    assert_eq!((reply.status, reply.text().as_str()), (404, "custom"));
    assert_eq!(reply.field("etag"), None);
    assert_eq!(rig.get("a.example", "/.env").text(), "custom");
    let reply = rig.request(
        "GET",
        "a.example",
        "/nothing",
        "If-None-Match: *\r\nRange: bytes=0-1\r\n",
    );
    assert_eq!((reply.status, reply.text().as_str()), (404, "custom"));
}

#[test]
fn the_application_fallback_is_for_navigation_only() {
    let rig = rig();
    rig.write("a/404.html", "custom");
    rig.host("a.example", with_pages(true, Some("404.html")));
    let html = "Accept: text/html,*/*;q=0.8\r\n";
    let reply = rig.request("GET", "a.example", "/app/route", html);
    assert_eq!((reply.status, reply.text().as_str()), (200, "<h1>home</h1>"));
    assert_eq!(rig.request("HEAD", "a.example", "/app/route", html).status, 200);
    assert_eq!(rig.request("GET", "a.example", "/app/missing.js", html).status, 404);
    assert_eq!(
        rig.request("GET", "a.example", "/app/data", "Accept: application/json\r\n")
            .status,
        404
    );
    assert_eq!(rig.get("a.example", "/app/route").status, 404);
    assert_eq!(rig.request("GET", "a.example", "/.env", html).status, 404);
}

#[test]
fn a_file_edited_in_place_shows_after_the_revalidation_time() {
    let rig = rig();
    let first = rig.get("a.example", "/");
    rig.write("a/index.html", "changed");
    let second = rig.get("a.example", "/");
    assert_eq!(second.text(), "changed");
    assert_ne!(first.field("etag"), second.field("etag"));
    std::fs::remove_file(rig.sites().join("a/index.html")).unwrap();
    assert_eq!(rig.get("a.example", "/").status, 404);
}

#[test]
fn an_activated_release_shows_at_once_however_long_files_are_kept() {
    let rig = Rig::with(|options| options.files.revalidate = std::time::Duration::from_secs(3600));
    for release in ["r1", "r2"] {
        rig.write(&format!("{release}/index.html"), release);
        rig.write(&format!("{release}/same.txt"), "same");
    }
    rig.host("a.example", site("r1"));
    assert_eq!(rig.get("a.example", "/").text(), "r1");
    let tag = rig.get("a.example", "/same.txt").field("etag").unwrap().to_owned();
    rig.host("a.example", site("r2"));
    assert_eq!(rig.get("a.example", "/").text(), "r2");
    // What did not change keeps its tag, so browsers keep their copy.
    let reply = rig.request("GET", "a.example", "/same.txt", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(reply.status, 304);
}

#[test]
fn a_missing_release_is_unavailable_rather_than_empty() {
    let rig = Rig::new();
    rig.host("a.example", site("gone/releases/rel_1"));
    let reply = rig.get("a.example", "/");
    assert_eq!((reply.status, reply.field("retry-after")), (503, Some("2")));
}
