//! Name compression (RFC 1035 §4.1.4) and where it must not be used.

use crate::answer::Transport;
use crate::tests::support::{query, read, respond, snapshot};

#[test]
fn owners_and_names_in_the_zone_are_pointers() {
    let zones = snapshot(
        "example.com",
        "@ NS ns.example.com\nns A 192.0.2.1\nwww CNAME web.example.com\nweb A 192.0.2.2",
    );
    let reply = respond(&zones, &query("www.example.com", "A"), Transport::Udp).unwrap();
    // Question 33; CNAME 12 + "web" and a pointer (6); A 12 + 4.
    assert_eq!(reply.len(), 33 + 18 + 16);
    let reply = respond(&zones, &query("example.com", "NS"), Transport::Udp).unwrap();
    // Question 29; NS 12 + "ns" and a pointer (5); glue 12 + 4.
    assert_eq!(reply.len(), 29 + 17 + 16);
}

#[test]
fn names_outside_the_zone_share_their_endings() {
    let zones = snapshot(
        "example.com",
        "@ NS ns1.dns.example.net\n@ NS ns2.dns.example.net\n@ NS ns3.example.net\n@ NS ns.other.org\n@ NS dns.example.net",
    );
    let wire = respond(&zones, &query("example.com", "NS"), Transport::Udp).unwrap();
    let mut names = read(&wire).answer;
    names.sort();
    assert_eq!(
        names,
        [
            "example.com 300 NS dns.example.net.",
            "example.com 300 NS ns.other.org.",
            "example.com 300 NS ns1.dns.example.net.",
            "example.com 300 NS ns2.dns.example.net.",
            "example.com 300 NS ns3.example.net."
        ]
    );
    let spelled = wire.windows(8).filter(|window| window == b"\x07example").count();
    assert_eq!(spelled, 2, "in the question and in the first target");
}

#[test]
fn srv_targets_are_spelled_out() {
    let zones = snapshot(
        "example.com",
        "@ NS ns.example.net\n_x._tcp SRV 1 2 3 host.example.com\nhost A 192.0.2.1",
    );
    let wire = respond(&zones, &query("_x._tcp.example.com", "SRV"), Transport::Udp).unwrap();
    assert!(wire.windows(18).any(|window| window == b"\x04host\x07example\x03com\0"));
    assert_eq!(read(&wire).additional, ["host.example.com 300 A 192.0.2.1"]);
}

#[test]
fn large_sets_keep_their_names_where_pointers_do_not_reach() {
    let mut lines = String::from("@ NS ns.example.net\n");
    for n in 0..500 {
        lines += &format!("big MX {n} host{n}.mail.example.org\nbig MX {n} in{n}.example.com\nin{n} A 192.0.2.1\n");
    }
    let zones = snapshot("example.com", &lines);
    let reply = read(&respond(&zones, &query("big.example.com", "MX"), Transport::Tcp).unwrap());
    assert_eq!((reply.answer.len(), reply.tc), (1000, false));
    assert_eq!(reply.additional.len(), 500);
    for n in [0, 15, 16, 300, 499] {
        let outside = format!("big.example.com 300 MX {n} host{n}.mail.example.org.");
        assert!(reply.answer.contains(&outside), "{outside}");
        assert!(
            reply
                .answer
                .contains(&format!("big.example.com 300 MX {n} in{n}.example.com.")),
            "{n}"
        );
        assert!(
            reply.additional.contains(&format!("in{n}.example.com 300 A 192.0.2.1")),
            "{n}"
        );
    }
}

#[test]
fn the_largest_sets_still_fit_a_message() {
    let mut lines = String::from("@ NS ns.example.net\nalias CNAME big.example.com\n");
    for n in 0..210 {
        lines += &format!("big TXT \"{n:0>250}\"\n");
    }
    let zones = snapshot("example.com", &lines);
    let reply = read(&respond(&zones, &query("alias.example.com", "TXT"), Transport::Tcp).unwrap());
    assert_eq!((reply.answer.len(), reply.tc), (211, false));
}
