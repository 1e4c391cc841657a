//! Arbitrary input: no panic, no reply too large, nothing that another implementation cannot read.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use crate::answer::Transport;
use crate::files;
use crate::rdata;
use crate::tests::support::{data, edns_query, query, read, respond, snapshot};
use crate::zone::{RecordType, Zone};
use crate::{Limits, ZoneMap, name, validate_record};

static ZONES: LazyLock<Arc<ZoneMap>> = LazyLock::new(|| {
    let mut lines = String::from(
        "@ NS ns.example.com\n@ NS b.example.net\nns A 192.0.2.1\n* TXT wild\n*.c CNAME a.example.com\n
         a CNAME b.example.com\nb CNAME x.d.example.com\nd NS ns.d.example.com\nns.d A 192.0.2.2\n
         m MX 10 ns.example.com\nm MX 20 mx.example.net\n_s._tcp SRV 0 0 1 ns.example.com\ne.e.e A 192.0.2.3\n",
    );
    for n in 0..40 {
        lines += &format!("big TXT \"{n:0>100}\"\n");
    }
    snapshot("example.com", &lines)
});

fn check(wire: &[u8], transport: Transport) -> Result<(), TestCaseError> {
    let Some(reply) = respond(&ZONES, wire, transport) else {
        prop_assert!(wire.len() < 12 || wire[2] & 0x80 != 0);
        return Ok(());
    };
    prop_assert_eq!(&reply[..2], &wire[..2]);
    prop_assert!(transport == Transport::Tcp || reply.len() <= 1232);
    let _ = read(&reply);
    Ok(())
}

/// Labels that often meet something in the zone.
fn label() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a", "b", "c", "d", "e", "ns", "m", "big", "*", "_s", "_tcp", "x", "EXAMPLE",
    ])
}

fn rtype() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "A", "AAAA", "NS", "SOA", "CNAME", "MX", "TXT", "SRV", "CAA", "DS", "ANY", "AXFR", "TYPE999",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn arbitrary_octets_never_panic(wire in prop::collection::vec(any::<u8>(), 0..600), tcp: bool) {
        check(&wire, if tcp { Transport::Tcp } else { Transport::Udp })?;
    }

    #[test]
    fn damaged_queries_never_panic(
        labels in prop::collection::vec(label(), 0..6),
        rtype in rtype(),
        payload: u16,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        tcp: bool,
    ) {
        let name = format!("{}.example.com", labels.join("."));
        let mut wire = edns_query(name.trim_start_matches('.'), rtype, payload);
        for (at, octet) in damage {
            let at = at.index(wire.len());
            wire[at] = octet;
        }
        if let Some(cut) = cut {
            wire.truncate(cut.index(wire.len()));
        }
        check(&wire, if tcp { Transport::Tcp } else { Transport::Udp })?;
    }

    #[test]
    fn every_good_query_gets_a_reply_within_its_limit(
        labels in prop::collection::vec(label(), 0..6), rtype in rtype(), payload: u16,
    ) {
        let name = format!("{}.example.com", labels.join("."));
        let name = name.trim_start_matches('.');
        let plain = respond(&ZONES, &query(name, rtype), Transport::Udp).unwrap();
        prop_assert!(plain.len() <= 512);
        let wide = respond(&ZONES, &edns_query(name, rtype, payload), Transport::Udp).unwrap();
        prop_assert!(wide.len() <= usize::from(payload.clamp(512, 1232)));
        let tcp = read(&respond(&ZONES, &query(name, rtype), Transport::Tcp).unwrap());
        prop_assert!(!tcp.tc);
        let udp = read(&plain);
        prop_assert!(udp.tc || (udp.rcode == tcp.rcode && udp.answer == tcp.answer && udp.authority == tcp.authority));
    }

    #[test]
    fn arbitrary_values_are_canonical_or_refused(kind in 0..8_usize, text in "\\PC{0,60}") {
        let kind = RecordType::ALL[kind];
        let apex = name::parse("example.com").unwrap();
        if let Ok(value) = rdata::parse(kind, &text, &apex) {
            let again = rdata::parse(kind, &value.text, &apex).expect("canonical text is valid");
            prop_assert_eq!(again, value);
        }
    }

    #[test]
    fn what_validation_accepts_the_server_loads(
        owner in "[a-c*_.-]{0,8}", kind in 0..8_usize, text in "[a-c0-9 .\";\\\\:_-]{1,30}", ttl in 0..100_u32,
    ) {
        let name = format!("{owner}.example.com");
        let kind = RecordType::ALL[kind].as_str();
        if let Ok(record) = validate_record("example.com", name.trim_start_matches('.'), kind, ttl, &text, &Limits::default()) {
            let mut data = data("example.com", "@ NS ns.example.net");
            data.records.push(crate::RecordData {
                name: record.name, rtype: record.rtype.to_string(), ttl: record.ttl, data: record.data,
            });
            prop_assert!(Zone::compile(&data).is_ok(), "{:?}", Zone::compile(&data));
        }
    }

    #[test]
    fn arbitrary_zone_files_never_panic(text in "(\\$TTL |@|a|\\.|IN|A|SOA|NS|TXT|\\(|\\)|;|\"|\\\\|\n| |\t|1|\\PC){0,80}") {
        let apex = name::parse("example.com").unwrap();
        let _ = files::read(&apex, text.as_bytes());
    }
}
