//! RFC 4592, with the example of its §2.2.1.

use crate::tests::support::{ask, snapshot};

const ZONE: &str = "
    @ NS ns.example.com
    @ NS ns.example.net
    * TXT \"this is a wildcard\"
    * MX 10 host1.example
    sub.* TXT \"this is not a wildcard\"
    host1 A 192.0.2.1
    _ssh._tcp.host1 SRV 0 0 22 host1.example
    _ssh._tcp.host2 SRV 0 0 22 host2.example
    subdel NS ns.example.com
    subdel NS ns.example.net
";

#[test]
fn names_below_the_wildcard_are_synthesised() {
    let zones = snapshot("example", ZONE);
    for (name, rtype, expected) in [
        ("host3.example", "MX", "host3.example 300 MX 10 host1.example."),
        (
            "foo.bar.example",
            "TXT",
            "foo.bar.example 300 TXT \"this is a wildcard\"",
        ),
    ] {
        let reply = ask(&zones, name, rtype);
        assert_eq!((reply.rcode.as_str(), reply.aa), ("NOERROR", true));
        assert_eq!(reply.answer, [expected]);
    }
}

#[test]
fn a_wildcard_without_the_type_has_no_data() {
    let reply = ask(&snapshot("example", ZONE), "host3.example", "A");
    assert_eq!(
        (reply.rcode.as_str(), reply.answer.len(), reply.authority.len()),
        ("NOERROR", 0, 1)
    );
}

#[test]
fn what_exists_is_not_synthesised() {
    let zones = snapshot("example", ZONE);
    // The name exists, if only as a parent of others.
    for (name, rtype) in [
        ("host1.example", "MX"),
        ("sub.*.example", "MX"),
        ("host2.example", "TXT"),
    ] {
        let reply = ask(&zones, name, rtype);
        assert_eq!(
            (reply.rcode.as_str(), reply.answer.len()),
            ("NOERROR", 0),
            "{name} {rtype}"
        );
    }
    // The closest encloser exists and has no wildcard of its own.
    for (name, rtype) in [
        ("_telnet._tcp.host1.example", "SRV"),
        ("ghost.*.example", "MX"),
        ("x.host2.example", "TXT"),
    ] {
        assert_eq!(ask(&zones, name, rtype).rcode, "NXDOMAIN", "{name} {rtype}");
    }
}

#[test]
fn the_wildcard_can_be_asked_for_by_name() {
    let reply = ask(&snapshot("example", ZONE), "*.example", "TXT");
    assert_eq!(reply.answer, ["*.example 300 TXT \"this is a wildcard\""]);
}

#[test]
fn a_delegation_comes_before_the_wildcard() {
    let reply = ask(&snapshot("example", ZONE), "host.subdel.example", "A");
    assert!(!reply.aa && reply.answer.is_empty());
    assert_eq!(
        reply.authority,
        [
            "subdel.example 300 NS ns.example.com.",
            "subdel.example 300 NS ns.example.net."
        ]
    );
}

#[test]
fn an_empty_wildcard_still_matches() {
    let zones = snapshot("example", "@ NS ns.example.net\na.*.w A 192.0.2.1");
    let reply = ask(&zones, "x.w.example", "A");
    assert_eq!((reply.rcode.as_str(), reply.answer.len()), ("NOERROR", 0));
}

#[test]
fn additional_addresses_follow_a_synthesised_answer() {
    let reply = ask(&snapshot("example", ZONE), "host3.example", "MX");
    assert_eq!(reply.additional, ["host1.example 300 A 192.0.2.1"]);
}
