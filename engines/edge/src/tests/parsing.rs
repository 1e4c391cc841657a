use proptest::prelude::*;

use crate::host::{Authority, parse_authority};
use crate::path::{encode, normalise};

fn host(raw: &str) -> Option<(String, Option<u16>)> {
    parse_authority(raw.as_bytes())
        .ok()
        .map(|authority| (authority.host.into_owned(), authority.port))
}

#[test]
fn hosts_are_read_in_one_canonical_form() {
    let same = |raw, name: &str, port| assert_eq!(host(raw), Some((name.to_owned(), port)), "{raw}");
    same("example.org", "example.org", None);
    same("EXAMPLE.org.", "example.org", None);
    same("example.org:8443", "example.org", Some(8443));
    same("xn--bcher-kva.example", "xn--bcher-kva.example", None);
    same("a_b.example", "a_b.example", None);
    same("192.0.2.1:80", "192.0.2.1", Some(80));
    same("[2001:DB8:0::1]:443", "2001:db8::1", Some(443));
    same("[::1]", "::1", None);
}

#[test]
fn everything_else_is_not_a_host() {
    let long_label = format!("{}.example", "a".repeat(64));
    let long_name = format!("{}example", "a.".repeat(130));
    for raw in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "-a.example",
        "a-.example",
        "a.-b",
        "a b",
        "a\tb",
        "a/b",
        "a\\b",
        "a@b",
        "user:pw@b",
        "a:",
        "a:0",
        "a:65536",
        "a:x",
        "a:+1",
        "a:80:80",
        "a:080808",
        "*",
        "*.example",
        "a,b",
        "a%00",
        "a%2eb",
        "bücher.example",
        "1.2.3",
        "1.2.3.256",
        "1",
        "1.2.3.4.5",
        "[",
        "[]",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[fe80::1%25eth0]",
        "::1",
        "[1.2.3.4]",
        "a\0",
        "a\r\nb",
        "a;b",
        "a'b",
        "a\"b",
        "<a>",
        &long_label,
        &long_name,
    ] {
        assert_eq!(host(raw), None, "{raw:?}");
    }
    assert!(parse_authority(b"a\xff").is_err());
}

#[test]
fn paths_are_read_in_one_canonical_form() {
    let same = |raw, relative: &str| assert_eq!(normalise(raw).unwrap().relative, relative, "{raw}");
    same("/", "");
    same("/a/b.html", "a/b.html");
    same("/a/", "a/");
    same("//a///b//", "a/b/");
    same("/./a/./b/.", "a/b/");
    same("/.", "");
    same("/%61%20b", "a b");
    same("/b%C3%BCcher", "bücher");
    same("/a%252e%252e", "a%2e%2e");
    same("/...", "...");
    same("/a?b", "a?b");
}

#[test]
fn the_traversal_corpus_is_refused() {
    for raw in [
        "",
        "a",
        "*",
        "/..",
        "/../",
        "/../etc/passwd",
        "/a/../b",
        "/a/..",
        "/%2e%2e/etc/passwd",
        "/%2E%2e/x",
        "/.%2e/x",
        "/%2e./x",
        "/..%2fetc",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a%5Cb",
        "/..%5c..",
        "/a\\b",
        "/..\\..\\x",
        "/a%00",
        "/%00",
        "/a%00.html",
        "/a%0a",
        "/a%0d%0aSet-Cookie:x",
        "/%7f",
        "/%",
        "/%2",
        "/%zz",
        "/a%",
        "/%c0%ae%c0%ae/",
        "/%ff",
        "/%e0%80%af",
        "/a\u{7f}",
        "/a\nb",
    ] {
        assert!(normalise(raw).is_err(), "{raw:?}");
    }
    assert!(normalise(&format!("/{}", "a/".repeat(4096))).is_err());
}

#[test]
fn only_a_leading_well_known_is_not_hidden() {
    for raw in [
        "/.env",
        "/.git/config",
        "/a/.htaccess",
        "/a/.well-known/x",
        "/%2egit/",
        "/.well-known/.secret",
        "/...",
    ] {
        assert!(normalise(raw).unwrap().hidden, "{raw}");
    }
    for raw in ["/", "/a.b", "/.well-known/acme", "/.//.well-known/x", "/a./b"] {
        assert!(!normalise(raw).unwrap().hidden, "{raw}");
    }
}

proptest! {
    #[test]
    fn whatever_a_host_says_it_is_refused_or_canonical(raw in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(authority) = parse_authority(&raw) {
            prop_assert!(authority.host.chars().all(|char| char.is_ascii_graphic() && !char.is_ascii_uppercase()));
            let url = authority.to_url();
            prop_assert_eq!(parse_authority(url.as_bytes()).unwrap(), authority);
        }
    }

    #[test]
    fn names_survive_the_reader(name in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\\.[a-z]{2,10}", port in 1..=u16::MAX) {
        let raw = format!("{name}:{port}");
        prop_assert_eq!(parse_authority(raw.as_bytes()).unwrap(), Authority { host: name.into(), port: Some(port) });
    }

    #[test]
    fn whatever_a_path_says_it_stays_inside(raw in "/([a-z.%/\\\\0-9 ü]|%2e|%2f|%5c|%00|\\.\\./|\\./){0,30}") {
        if let Ok(path) = normalise(&raw) {
            let relative = &*path.relative;
            prop_assert!(!relative.starts_with('/') && !relative.contains("//") && !relative.contains(['\0', '\\']));
            prop_assert!(relative.split('/').all(|segment| segment != ".." && segment != "."));
            let encoded = encode(relative);
            prop_assert!(!encoded.starts_with("//") && encoded.is_ascii() && !encoded.contains(['\r', '\n', ' ']));
            let again = normalise(&encoded).unwrap();
            prop_assert_eq!(&*again.relative, relative);
        }
    }
}
