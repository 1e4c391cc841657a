//! CNAME: RFC 1034 §3.6.2 and RFC 6604.

use crate::tests::support::{SOA_LINE, ask, snapshot};

const ZONE: &str = "
    @ NS ns.example.net
    www CNAME web.example.com
    web CNAME host.example.com
    host A 192.0.2.1
    out CNAME www.example.net
    top CNAME example.com
    @ A 192.0.2.9
    dead CNAME gone.example.com
    loop CNAME loop2.example.com
    loop2 CNAME loop.example.com
    down CNAME x.sub.example.com
    sub NS ns.sub.example.com
    ns.sub A 192.0.2.53
    *.wild CNAME host.example.com
    *.spin CNAME again.spin.example.com
    mx CNAME mail.example.com
    mail MX 10 host.example.com
";

#[test]
fn a_chain_in_the_zone_is_followed_to_its_end() {
    let reply = ask(&snapshot("example.com", ZONE), "www.example.com", "A");
    assert_eq!(
        reply.answer,
        [
            "www.example.com 300 CNAME web.example.com.",
            "web.example.com 300 CNAME host.example.com.",
            "host.example.com 300 A 192.0.2.1"
        ]
    );
    assert!(reply.aa && reply.authority.is_empty());
}

#[test]
fn asking_for_the_alias_itself_follows_nothing() {
    let zones = snapshot("example.com", ZONE);
    for rtype in ["CNAME", "ANY"] {
        assert_eq!(
            ask(&zones, "www.example.com", rtype).answer,
            ["www.example.com 300 CNAME web.example.com."]
        );
    }
}

#[test]
fn an_alias_out_of_the_zone_is_all_there_is_to_say() {
    let reply = ask(&snapshot("example.com", ZONE), "out.example.com", "A");
    assert_eq!(reply.answer, ["out.example.com 300 CNAME www.example.net."]);
    assert_eq!(reply.rcode, "NOERROR");
    assert!(reply.authority.is_empty());
}

#[test]
fn an_alias_to_the_apex_is_followed() {
    let reply = ask(&snapshot("example.com", ZONE), "top.example.com", "A");
    assert_eq!(
        reply.answer,
        ["top.example.com 300 CNAME example.com.", "example.com 300 A 192.0.2.9"]
    );
}

#[test]
fn the_code_tells_of_the_last_name_of_a_chain() {
    let reply = ask(&snapshot("example.com", ZONE), "dead.example.com", "A");
    assert_eq!((reply.rcode.as_str(), reply.aa), ("NXDOMAIN", true));
    assert_eq!(reply.answer, ["dead.example.com 300 CNAME gone.example.com."]);
    assert_eq!(reply.authority, [SOA_LINE]);
}

#[test]
fn a_chain_to_a_name_without_the_type_ends_in_no_data() {
    let reply = ask(&snapshot("example.com", ZONE), "www.example.com", "AAAA");
    assert_eq!((reply.rcode.as_str(), reply.answer.len()), ("NOERROR", 2));
    assert_eq!(reply.authority, [SOA_LINE]);
}

#[test]
fn a_loop_is_told_once() {
    let reply = ask(&snapshot("example.com", ZONE), "loop.example.com", "A");
    assert_eq!(reply.rcode, "NOERROR");
    assert_eq!(
        reply.answer,
        [
            "loop.example.com 300 CNAME loop2.example.com.",
            "loop2.example.com 300 CNAME loop.example.com."
        ]
    );
}

#[test]
fn a_wildcard_alias_to_itself_ends() {
    let reply = ask(&snapshot("example.com", ZONE), "a.spin.example.com", "A");
    assert_eq!(reply.answer, ["a.spin.example.com 300 CNAME again.spin.example.com."]);
}

#[test]
fn a_chain_into_a_delegation_ends_in_a_referral() {
    let reply = ask(&snapshot("example.com", ZONE), "down.example.com", "A");
    assert_eq!(reply.answer, ["down.example.com 300 CNAME x.sub.example.com."]);
    assert_eq!(reply.authority, ["sub.example.com 300 NS ns.sub.example.com."]);
    assert_eq!(reply.additional, ["ns.sub.example.com 300 A 192.0.2.53"]);
}

#[test]
fn a_wildcard_alias_is_followed() {
    let reply = ask(&snapshot("example.com", ZONE), "any.wild.example.com", "A");
    assert_eq!(
        reply.answer,
        [
            "any.wild.example.com 300 CNAME host.example.com.",
            "host.example.com 300 A 192.0.2.1"
        ]
    );
}

#[test]
fn addresses_come_along_at_the_end_of_a_chain() {
    let reply = ask(&snapshot("example.com", ZONE), "mx.example.com", "MX");
    assert_eq!(reply.answer.len(), 2);
    assert_eq!(reply.additional, ["host.example.com 300 A 192.0.2.1"]);
}

#[test]
fn a_very_long_chain_is_cut() {
    let mut lines = String::from("@ NS ns.example.net\n");
    for link in 0..40 {
        lines += &format!("c{link} CNAME c{}.example.com\n", link + 1);
    }
    assert_eq!(
        ask(&snapshot("example.com", &lines), "c0.example.com", "A")
            .answer
            .len(),
        16
    );
}
