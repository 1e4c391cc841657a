//! Headers, EDNS (RFC 6891), limits and malformed messages.

use domain::base::Message;

use crate::answer::{self, Transport};
use crate::tests::support::{ask, edns_query, query, read, respond, snapshot};

fn zones() -> std::sync::Arc<crate::ZoneMap> {
    let mut lines = String::from("@ NS ns.example.net\nwww A 192.0.2.1\n");
    for n in 0..60 {
        lines += &format!("many A 192.0.2.{n}\n");
    }
    for n in 0..200 {
        lines += &format!("huge TXT \"number {n} of a set that fits no datagram\"\n");
    }
    snapshot("example.com", &lines)
}

fn rcode(wire: &[u8]) -> String {
    read(&respond(&zones(), wire, Transport::Udp).unwrap()).rcode
}

#[test]
fn identifier_opcode_rd_and_cd_come_back() {
    let mut wire = query("www.example.com", "A");
    wire[..4].copy_from_slice(&[0xab, 0xcd, 0x01, 0x10]);
    let reply = respond(&zones(), &wire, Transport::Udp).unwrap();
    assert_eq!(&reply[..4], &[0xab, 0xcd, 0x85, 0x10]);
    wire[2] = 0;
    wire[3] = 0xe0;
    let reply = respond(&zones(), &wire, Transport::Udp).unwrap();
    assert_eq!(&reply[2..4], &[0x84, 0x00], "RA, Z and AD are not copied");
}

#[test]
fn what_must_not_be_answered_is_dropped() {
    let mut response = query("www.example.com", "A");
    response[2] |= 0x80;
    assert_eq!(respond(&zones(), &response, Transport::Udp), None);
    for len in 0..12 {
        assert_eq!(
            respond(&zones(), &query("www.example.com", "A")[..len], Transport::Udp),
            None,
            "{len} octets"
        );
    }
}

#[test]
fn other_operations_are_not_implemented() {
    for opcode in [1, 2, 4, 5, 6, 15_u8] {
        let mut wire = query("example.com", "SOA");
        wire[2] = opcode << 3;
        let reply = respond(&zones(), &wire, Transport::Udp).unwrap();
        assert_eq!(read(&reply).rcode, "NOTIMP", "opcode {opcode}");
        assert_eq!(reply[2], 0x80 | opcode << 3);
    }
}

#[test]
fn malformed_messages_get_formerr_and_their_identifier() {
    let good = query("www.example.com", "A");
    let mut none = good.clone();
    none[5] = 0;
    let mut two = good.clone();
    two[5] = 2;
    let mut pointer = good.clone();
    pointer[12] = 0xc0;
    let mut bad_label = good.clone();
    bad_label[12] = 0x80;
    let mut missing_record = good.clone();
    missing_record[11] = 1;
    let mut trailing = good.clone();
    trailing.push(0);
    let cut = good[..good.len() - 1].to_vec();
    let mut long = good[..12].to_vec();
    for _ in 0..5 {
        long.push(63);
        long.extend([b'a'; 63]);
    }
    long.extend([0, 0, 1, 0, 1]);
    for (name, wire) in [
        ("no question", none),
        ("two questions", two),
        ("a pointer in the question", pointer),
        ("a reserved label type", bad_label),
        ("a record that is not there", missing_record),
        ("octets left over", trailing),
        ("a cut question", cut),
        ("a name above 255 octets", long),
    ] {
        let reply = respond(&zones(), &wire, Transport::Udp).unwrap();
        assert_eq!(read(&reply).rcode, "FORMERR", "{name}");
        assert_eq!(&reply[..2], &[0x4d, 0x50], "{name}");
    }
}

#[test]
fn a_name_of_255_octets_is_answered() {
    let mut name = String::new();
    while name.len() < 240 {
        name.push_str("abcdefghi.");
    }
    let name = format!("{name}x.example.com");
    assert_eq!(name.len() + 2, 255);
    assert_eq!(ask(&zones(), &name, "A").rcode, "NXDOMAIN");
}

#[test]
fn transfers_are_refused_and_meta_types_not_implemented() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for rtype in ["AXFR", "IXFR"] {
            let reply = respond(&zones(), &query("example.com", rtype), transport).unwrap();
            assert_eq!(read(&reply).rcode, "REFUSED", "{rtype}");
        }
    }
    for rtype in ["MAILA", "MAILB", "TKEY", "TSIG"] {
        assert_eq!(rcode(&query("example.com", rtype)), "NOTIMP", "{rtype}");
    }
    assert_eq!(rcode(&query("example.com", "OPT")), "FORMERR");
}

#[test]
fn other_classes_are_refused() {
    for class in [3, 4, 254, 255_u8] {
        let mut wire = query("www.example.com", "A");
        *wire.last_mut().unwrap() = class;
        assert_eq!(rcode(&wire), "REFUSED", "class {class}");
    }
}

#[test]
fn an_unknown_signature_is_not_accepted() {
    let mut wire = query("www.example.com", "A");
    wire[11] = 1;
    wire.extend_from_slice(b"\x03key\0\x00\xfa\x00\xff\0\0\0\0\0\0");
    assert_eq!(rcode(&wire), "NOTAUTH");
}

#[test]
fn edns_is_echoed_with_our_own_size_and_the_do_bit() {
    for flag in [0, 0x80] {
        let mut wire = edns_query("www.example.com", "A", 4096);
        let at = wire.len() - 4;
        wire[at] = flag;
        let reply = respond(&zones(), &wire, Transport::Udp).unwrap();
        let message = Message::from_octets(&reply[..]).unwrap();
        let opt = message.opt().expect("an OPT record");
        assert_eq!(
            (opt.udp_payload_size(), opt.version(), opt.dnssec_ok()),
            (1232, 0, flag != 0)
        );
    }
    let reply = respond(&zones(), &query("www.example.com", "A"), Transport::Udp).unwrap();
    assert!(
        Message::from_octets(&reply[..]).unwrap().opt().is_none(),
        "no OPT without one in the query"
    );
}

#[test]
fn a_later_edns_version_gets_badvers_and_no_data() {
    let mut wire = edns_query("www.example.com", "A", 4096);
    let at = wire.len() - 5;
    wire[at] = 1;
    let reply = read(&respond(&zones(), &wire, Transport::Udp).unwrap());
    assert_eq!((reply.rcode.as_str(), reply.answer.len()), ("BADVERS", 0));
}

#[test]
fn unknown_options_are_ignored_and_broken_ones_refused() {
    let option = |data: &[u8]| {
        let mut wire = edns_query("www.example.com", "A", 1232);
        let at = wire.len() - 2;
        wire[at..].copy_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        wire.extend_from_slice(data);
        wire
    };
    assert_eq!(rcode(&option(&[0xff, 0xf0, 0, 2, 1, 2])), "NOERROR");
    assert_eq!(rcode(&option(&[0xff, 0xf0, 0, 3, 1, 2])), "FORMERR");
    assert_eq!(rcode(&option(&[0xff])), "FORMERR");
}

#[test]
fn two_opt_records_are_refused() {
    let mut wire = edns_query("www.example.com", "A", 1232);
    let opt = wire[wire.len() - 11..].to_vec();
    wire.extend(opt);
    wire[11] = 2;
    assert_eq!(rcode(&wire), "FORMERR");
}

#[test]
fn replies_keep_to_what_the_client_takes() {
    let zones = zones();
    for (wire, limit) in [
        (query("many.example.com", "A"), 512),
        (edns_query("many.example.com", "A", 0), 512),
        (edns_query("many.example.com", "A", 900), 900),
        (edns_query("many.example.com", "A", 1232), 1232),
        (edns_query("huge.example.com", "TXT", 65_535), 1232),
    ] {
        let reply = read(&respond(&zones, &wire, Transport::Udp).unwrap());
        assert!(reply.len <= limit, "{} > {limit}", reply.len);
        let fits = limit == 1232 && reply.answer.len() == 60;
        assert_eq!(reply.tc, !fits);
        assert!(fits || reply.answer.is_empty(), "a cut reply has no half sets");
    }
}

#[test]
fn tcp_takes_what_udp_cannot() {
    let reply = read(&respond(&zones(), &query("huge.example.com", "TXT"), Transport::Tcp).unwrap());
    assert_eq!((reply.tc, reply.answer.len()), (false, 200));
}

#[test]
fn a_buffer_too_small_for_dns_is_not_written_to() {
    let mut out = [0; 511];
    assert_eq!(
        answer::answer(&zones(), &query("www.example.com", "A"), Transport::Udp, &mut out),
        None
    );
    assert_eq!(out, [0; 511]);
}
