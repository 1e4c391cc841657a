//! Zone files.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::files::{FileError, check_zone_file, load_zone_file};
use crate::tests::support::{ask, set};

const GOOD: &str = "$TTL 300
$ORIGIN example.com.
@ IN SOA ns1 hostmaster (
    2026110701 ; serial
    7200 900 1209600 60 )
@ NS ns1
@ NS ns1
ns1 A 192.0.2.53
www 60 IN CNAME web.example.com.
web A 192.0.2.1
    AAAA 2001:db8::1
4.3.2.1 PTR host.example.net.
_443._tcp.web TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
own TYPE65400 \\# 2 abcd
txt TXT \"a;b\" c";

fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("zone");
    fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn a_good_file_is_served_with_all_its_types() {
    let (_dir, path) = file(GOOD);
    let zones = set([load_zone_file("Example.COM.", &path).unwrap().into()]).snapshot();
    for (name, rtype, last) in [
        ("www.example.com", "AAAA", "web.example.com 300 AAAA 2001:db8::1"),
        (
            "4.3.2.1.example.com",
            "PTR",
            "4.3.2.1.example.com 300 PTR host.example.net.",
        ),
        (
            "own.example.com",
            "TYPE65400",
            "own.example.com 300 TYPE65400 \\# 2 ab cd",
        ),
        ("txt.example.com", "TXT", "txt.example.com 300 TXT \"a;b\" \"c\""),
    ] {
        let reply = ask(&zones, name, rtype);
        assert_eq!(reply.answer.last().map(String::as_str), Some(last));
    }
    assert_eq!(
        ask(&zones, "example.com", "NS").answer.len(),
        1,
        "a repeated record counts once"
    );
}

#[test]
fn a_check_reports_what_is_in_the_file() {
    let (_dir, path) = file(&GOOD.replace("ns1 A 192.0.2.53\n", "\n"));
    let report = check_zone_file("example.com", &path).unwrap();
    assert_eq!(
        (report.origin.as_str(), report.serial, report.records, report.names),
        ("example.com", 2_026_110_701, 9, 7)
    );
    assert_eq!(report.warnings.len(), 1);
    assert!(
        report.warnings[0].contains("zone:6: the NS target ns1.example.com has no address"),
        "{:?}",
        report.warnings
    );
}

#[test]
fn bad_files_are_refused_with_file_and_line() {
    for (text, expected) in [
        (GOOD.replace("192.0.2.53", "192.0.2.530"), "zone:8:"),
        (
            GOOD.replace("txt TXT", "www TXT"),
            "zone:9: www.example.com has a CNAME",
        ),
        (
            GOOD.replace("4.3.2.1 PTR", "4.3.2.1.example.net. PTR"),
            "zone:12: 4.3.2.1.example.net is outside",
        ),
        (
            GOOD.replace("own TYPE65400 \\# 2 abcd", "own DNAME example.net."),
            "zone:14: IN DNAME records are not served",
        ),
        (
            GOOD.replace("own TYPE65400 \\# 2 abcd", "own A \\# 2 abcd"),
            "zone:14: not valid A data",
        ),
        (
            GOOD.replace("own TYPE65400 \\# 2 abcd", "$INCLUDE other"),
            "$INCLUDE is not supported",
        ),
        (
            GOOD.replace("own TYPE65400 \\# 2 abcd", "own A 192.0.2.1 )"),
            "zone:14:",
        ),
        (String::new(), "exactly one SOA"),
        (
            GOOD.replace("@ IN SOA ns1 hostmaster", "sub IN SOA ns1 hostmaster"),
            "belongs to the apex",
        ),
    ] {
        let (_dir, path) = file(&text);
        let error = load_zone_file("example.com", &path).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error} does not say {expected}");
    }
}

#[test]
fn missing_files_and_bad_origins_are_told() {
    let (dir, path) = file(GOOD);
    assert!(matches!(
        load_zone_file("example.com", &dir.path().join("none")),
        Err(FileError::Read { .. })
    ));
    for origin in ["", ".", "a..b"] {
        assert!(
            matches!(load_zone_file(origin, &path), Err(FileError::Origin { .. })),
            "{origin:?}"
        );
    }
}
