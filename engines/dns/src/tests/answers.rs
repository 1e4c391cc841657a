//! RFC 1034 §4.3.2 without aliases, wildcards and cuts; RFC 2308; RFC 8482.

use crate::answer::Transport;
use crate::tests::support::{SOA_LINE, ask, data, query, read, respond, set, snapshot, zone};
use crate::zone::Zone;

const ZONE: &str = "
    @ NS ns1
    @ NS ns2.example.net.
    @ MX 10 mail
    @ TXT \"v=spf1 -all\"
    @ A 192.0.2.1
    @ AAAA 2001:db8::1
    ns1 A 192.0.2.53
    mail A 192.0.2.25
    mail AAAA 2001:db8::25
    www A 192.0.2.2
    www A 192.0.2.3
    a.b.c A 192.0.2.4
    _sip._tcp SRV 0 5 5060 mail
    @ CAA 0 issue \"ca.example\"
";

fn zones() -> std::sync::Arc<crate::ZoneMap> {
    let lines = ZONE
        .replace("NS ns1\n", "NS ns1.example.com.\n")
        .replace(" mail\n", " mail.example.com.\n");
    snapshot("example.com", &lines)
}

#[test]
fn every_type_is_answered_with_its_data() {
    let zones = zones();
    for (name, rtype, expected) in [
        ("example.com", "A", vec!["example.com 300 A 192.0.2.1"]),
        ("example.com", "AAAA", vec!["example.com 300 AAAA 2001:db8::1"]),
        ("example.com", "MX", vec!["example.com 300 MX 10 mail.example.com."]),
        ("example.com", "TXT", vec!["example.com 300 TXT \"v=spf1 -all\""]),
        ("example.com", "CAA", vec!["example.com 300 CAA 0 issue \"ca.example\""]),
        (
            "example.com",
            "NS",
            vec![
                "example.com 300 NS ns1.example.com.",
                "example.com 300 NS ns2.example.net.",
            ],
        ),
        (
            "www.example.com",
            "A",
            vec!["www.example.com 300 A 192.0.2.2", "www.example.com 300 A 192.0.2.3"],
        ),
        (
            "_sip._tcp.example.com",
            "SRV",
            vec!["_sip._tcp.example.com 300 SRV 0 5 5060 mail.example.com."],
        ),
    ] {
        let reply = ask(&zones, name, rtype);
        assert_eq!(
            (reply.rcode.as_str(), reply.aa, reply.tc),
            ("NOERROR", true, false),
            "{name} {rtype}"
        );
        assert_eq!(reply.answer, expected, "{name} {rtype}");
        assert!(reply.authority.is_empty(), "{name} {rtype}");
    }
}

#[test]
fn the_soa_is_answered_with_its_own_ttl() {
    let reply = ask(&zones(), "example.com", "SOA");
    assert_eq!(reply.answer, [SOA_LINE.replace(" 60 SOA", " 3600 SOA")]);
}

#[test]
fn a_missing_name_is_denied_with_the_soa_at_the_negative_ttl() {
    for name in ["nope.example.com", "x.y.z.example.com", "nope.www.example.com"] {
        let reply = ask(&zones(), name, "A");
        assert_eq!((reply.rcode.as_str(), reply.aa), ("NXDOMAIN", true), "{name}");
        assert!(reply.answer.is_empty());
        assert_eq!(reply.authority, [SOA_LINE], "{name}");
    }
}

#[test]
fn a_missing_type_is_denied_without_denying_the_name() {
    for (name, rtype) in [
        ("www.example.com", "AAAA"),
        ("www.example.com", "TYPE65280"),
        ("example.com", "SRV"),
    ] {
        let reply = ask(&zones(), name, rtype);
        assert_eq!((reply.rcode.as_str(), reply.aa), ("NOERROR", true), "{name} {rtype}");
        assert!(reply.answer.is_empty());
        assert_eq!(reply.authority, [SOA_LINE]);
    }
}

#[test]
fn the_negative_ttl_is_the_lower_of_soa_ttl_and_minimum() {
    let mut data = data("example.com", "@ NS ns1.example.net");
    (data.soa.ttl, data.soa.minimum) = (30, 60);
    let zones = set([std::sync::Arc::new(Zone::compile(&data).unwrap())]).snapshot();
    assert!(ask(&zones, "nope.example.com", "A").authority[0].starts_with("example.com 30 SOA "));
}

#[test]
fn an_empty_non_terminal_exists_without_data() {
    for name in ["b.c.example.com", "c.example.com", "_tcp.example.com"] {
        let reply = ask(&zones(), name, "A");
        assert_eq!(reply.rcode, "NOERROR", "{name}");
        assert_eq!(reply.authority, [SOA_LINE], "{name}");
    }
}

#[test]
fn addresses_of_targets_in_the_zone_come_along() {
    let zones = zones();
    let mail = [
        "mail.example.com 300 A 192.0.2.25",
        "mail.example.com 300 AAAA 2001:db8::25",
    ];
    assert_eq!(ask(&zones, "example.com", "MX").additional, mail);
    assert_eq!(ask(&zones, "_sip._tcp.example.com", "SRV").additional, mail);
    assert_eq!(
        ask(&zones, "example.com", "NS").additional,
        ["ns1.example.com 300 A 192.0.2.53"]
    );
}

#[test]
fn a_target_shared_by_records_brings_its_addresses_once() {
    let zones = snapshot(
        "example.com",
        "@ NS ns.example.net\n @ MX 10 m.example.com\n @ MX 20 m.example.com\n m A 192.0.2.1\n",
    );
    let reply = ask(&zones, "example.com", "MX");
    assert_eq!(reply.answer.len(), 2);
    assert_eq!(reply.additional, ["m.example.com 300 A 192.0.2.1"]);
}

#[test]
fn records_of_a_set_share_the_lowest_ttl() {
    let mut data = data("example.com", "@ NS ns1.example.net\n@ A 192.0.2.1\n@ A 192.0.2.2");
    data.records[2].ttl = 20;
    let zones = set([std::sync::Arc::new(Zone::compile(&data).unwrap())]).snapshot();
    assert_eq!(
        ask(&zones, "example.com", "A").answer,
        ["example.com 20 A 192.0.2.1", "example.com 20 A 192.0.2.2"]
    );
}

#[test]
fn any_gets_one_record_set() {
    let zones = zones();
    assert_eq!(
        ask(&zones, "example.com", "ANY").answer,
        ["example.com 300 A 192.0.2.1"]
    );
    assert_eq!(ask(&zones, "nope.example.com", "ANY").rcode, "NXDOMAIN");
    let between = ask(&zones, "c.example.com", "ANY");
    assert_eq!(
        (between.rcode.as_str(), between.authority.as_slice()),
        ("NOERROR", [SOA_LINE.to_owned()].as_slice())
    );
}

#[test]
fn foreign_names_are_refused_without_records() {
    for name in ["example.net", "com", ".", "notexample.com", "xexample.com"] {
        let reply = ask(&zones(), name, "A");
        assert_eq!((reply.rcode.as_str(), reply.aa), ("REFUSED", false), "{name}");
        assert!(reply.answer.is_empty() && reply.authority.is_empty() && reply.additional.is_empty());
    }
}

#[test]
fn the_longest_apex_answers() {
    let zones = set([
        zone(
            "example.com",
            "@ NS ns.example.net\n*.sub A 192.0.2.1\nsub NS ns.example.net",
        ),
        zone("sub.example.com", "@ NS ns.example.net\nwww A 192.0.2.2"),
    ])
    .snapshot();
    assert_eq!(
        ask(&zones, "www.sub.example.com", "A").answer,
        ["www.sub.example.com 300 A 192.0.2.2"]
    );
    assert_eq!(ask(&zones, "x.sub.example.com", "A").rcode, "NXDOMAIN");
}

#[test]
fn ds_of_a_child_is_answered_by_its_parent() {
    let parent = zone("example.com", "@ NS ns.example.net\nsub NS ns.example.net");
    let child = zone("sub.example.com", "@ NS ns.example.net");
    let reply = ask(
        &set([parent.clone(), child.clone()]).snapshot(),
        "sub.example.com",
        "DS",
    );
    assert_eq!(
        (reply.aa, reply.authority.as_slice()),
        (true, [SOA_LINE.to_owned()].as_slice())
    );
    let reply = ask(&set([child]).snapshot(), "sub.example.com", "DS");
    assert!(
        reply.aa && reply.authority[0].starts_with("sub.example.com "),
        "{reply:?}"
    );
}

#[test]
fn names_are_matched_without_case_and_echoed_with_it() {
    let zones = zones();
    let wire = respond(&zones, &query("wWw.ExAmPlE.cOm", "A"), Transport::Udp).unwrap();
    assert_eq!(&wire[12..29], b"\x03wWw\x07ExAmPlE\x03cOm\0");
    let reply = read(&wire);
    assert_eq!(reply.answer.len(), 2);
    assert!(
        reply.answer.iter().all(|line| line.starts_with("wWw.ExAmPlE.cOm ")),
        "{reply:?}"
    );
}

#[test]
fn answers_do_not_depend_on_the_order_of_records() {
    let mut data = data(
        "example.com",
        "@ NS ns1.example.net\n*.w A 192.0.2.1\na.b A 192.0.2.2\nb NS ns.b.example.com\nns.b A 192.0.2.3",
    );
    let forward = set([std::sync::Arc::new(Zone::compile(&data).unwrap())]).snapshot();
    data.records.reverse();
    let backward = set([std::sync::Arc::new(Zone::compile(&data).unwrap())]).snapshot();
    for name in [
        "x.w.example.com",
        "a.b.example.com",
        "b.example.com",
        "w.example.com",
        "q.example.com",
    ] {
        assert_eq!(ask(&forward, name, "A"), ask(&backward, name, "A"), "{name}");
    }
}
