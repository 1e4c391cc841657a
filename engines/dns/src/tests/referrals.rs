//! Zone cuts: RFC 1034 §4.3.2 step 3b, RFC 9471.

use crate::answer::Transport;
use crate::tests::support::{SOA_LINE, ask, edns_query, query, read, respond, snapshot};

const ZONE: &str = "
    @ NS ns.example.com
    ns A 192.0.2.53
    sub NS ns.sub.example.com
    sub NS ns.example.com
    sub NS ns.elsewhere.net
    ns.sub A 192.0.2.1
    ns.sub AAAA 2001:db8::1
    hidden.sub A 192.0.2.66
    deeper.sub NS ns.elsewhere.net
    mx MX 10 hidden.sub.example.com
";

#[test]
fn names_at_and_below_a_cut_are_referred_with_glue() {
    let zones = snapshot("example.com", ZONE);
    for name in [
        "sub.example.com",
        "www.sub.example.com",
        "hidden.sub.example.com",
        "x.deeper.sub.example.com",
    ] {
        let reply = ask(&zones, name, "A");
        assert_eq!((reply.rcode.as_str(), reply.aa), ("NOERROR", false), "{name}");
        assert!(reply.answer.is_empty(), "{name}");
        let mut servers = reply.authority.clone();
        servers.sort();
        assert_eq!(
            servers,
            [
                "sub.example.com 300 NS ns.elsewhere.net.",
                "sub.example.com 300 NS ns.example.com.",
                "sub.example.com 300 NS ns.sub.example.com."
            ]
        );
        let mut glue = reply.additional.clone();
        glue.sort();
        assert_eq!(
            glue,
            [
                "ns.example.com 300 A 192.0.2.53",
                "ns.sub.example.com 300 A 192.0.2.1",
                "ns.sub.example.com 300 AAAA 2001:db8::1"
            ]
        );
    }
}

#[test]
fn even_the_ns_set_at_a_cut_is_only_referred_to() {
    let reply = ask(&snapshot("example.com", ZONE), "sub.example.com", "NS");
    assert!(!reply.aa && reply.answer.is_empty() && reply.authority.len() == 3);
}

#[test]
fn ds_at_a_cut_is_answered_from_this_side() {
    let reply = ask(&snapshot("example.com", ZONE), "sub.example.com", "DS");
    assert_eq!(
        (reply.aa, reply.authority.as_slice()),
        (true, [SOA_LINE.to_owned()].as_slice())
    );
    let below = ask(&snapshot("example.com", ZONE), "x.sub.example.com", "DS");
    assert!(!below.aa && below.authority.len() == 3);
}

#[test]
fn names_below_a_cut_are_not_additional_data() {
    let reply = ask(&snapshot("example.com", ZONE), "mx.example.com", "MX");
    assert_eq!((reply.answer.len(), reply.additional.len()), (1, 0));
}

#[test]
fn glue_that_is_needed_but_does_not_fit_sets_tc() {
    let mut lines = String::from("@ NS ns.example.net\n");
    for server in 0..13 {
        lines += &format!("sub NS server-number-{server}.sub.example.com\n");
        lines += &format!("server-number-{server}.sub A 192.0.2.{server}\n");
        lines += &format!("server-number-{server}.sub AAAA 2001:db8::{server}\n");
    }
    let zones = snapshot("example.com", &lines);
    assert!(ask(&zones, "www.sub.example.com", "A").tc);
    let wide = read(&respond(&zones, &edns_query("www.sub.example.com", "A", 4096), Transport::Udp).unwrap());
    assert!(!wide.tc && wide.additional.len() == 26, "{wide:?}");
    let tcp = read(&respond(&zones, &query("www.sub.example.com", "A"), Transport::Tcp).unwrap());
    assert_eq!((tcp.tc, tcp.additional.len()), (false, 26));
}

#[test]
fn glue_from_beside_the_cut_is_left_out_when_it_does_not_fit() {
    let mut lines = String::from("@ NS ns.example.net\n");
    for server in 0..13 {
        lines += &format!("sub NS server-number-{server}.example.com\nserver-number-{server} A 192.0.2.{server}\n");
        lines += &format!("server-number-{server} AAAA 2001:db8::{server}\n");
    }
    let reply = ask(&snapshot("example.com", &lines), "www.sub.example.com", "A");
    assert!(
        !reply.tc && reply.authority.len() == 13 && reply.additional.len() < 26,
        "{reply:?}"
    );
}
