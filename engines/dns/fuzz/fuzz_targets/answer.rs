//! The whole answer path on arbitrary messages: whatever comes in, what goes out is a message that `domain` reads, with
//! the identifier of the query and within the limit. The first octet chooses the transport.
#![no_main]

use std::sync::{Arc, LazyLock};

use domain::base::{Message, ParsedName};
use domain::rdata::AllRecordData;
use libfuzzer_sys::fuzz_target;
use mpanel_engine_dns::answer::{Transport, UDP_PAYLOAD, answer};
use mpanel_engine_dns::{RecordData, SoaData, Zone, ZoneData, ZoneMap, ZoneSet};

const RECORDS: &[(&str, &str, &str)] = &[
    ("a", "NS", "ns.a."),
    ("a", "NS", "ns.b."),
    ("ns.a", "A", "192.0.2.1"),
    ("a", "MX", "10 ns.a."),
    ("a", "TXT", "\"text\""),
    ("*.a", "TXT", "\"wild\""),
    ("c.a", "CNAME", "d.a."),
    ("d.a", "CNAME", "x.e.a."),
    ("e.a", "NS", "ns.e.a."),
    ("ns.e.a", "AAAA", "2001:db8::1"),
    ("_s._t.a", "SRV", "0 0 1 ns.a."),
    ("f.g.h.a", "A", "192.0.2.2"),
    ("*.i.a", "CNAME", "j.i.a."),
];

static ZONES: LazyLock<Arc<ZoneMap>> = LazyLock::new(|| {
    let mut records: Vec<RecordData> = RECORDS
        .iter()
        .map(|&(name, rtype, data)| RecordData {
            name: name.into(),
            rtype: rtype.into(),
            ttl: 60,
            data: data.into(),
        })
        .collect();
    records.extend((0..40).map(|n| RecordData {
        name: "k.a".into(),
        rtype: "TXT".into(),
        ttl: 60,
        data: format!("\"{n:0>100}\""),
    }));
    let soa = SoaData {
        mname: "ns.a".into(),
        rname: "h.a".into(),
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: 1,
        ttl: 1,
    };
    let zone = Zone::compile(&ZoneData {
        apex: "a".into(),
        serial: 1,
        soa,
        records,
    })
    .expect("a good zone");
    let set = ZoneSet::new();
    set.upsert(zone);
    set.snapshot()
});

fuzz_target!(|input: &[u8]| {
    let Some((&first, query)) = input.split_first() else {
        return;
    };
    let transport = if first & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    let mut out = [0; 65_535];
    let Some(outcome) = answer(&ZONES, query, transport, &mut out) else {
        return;
    };
    let reply = &out[..outcome.len];
    assert_eq!(reply[..2], query[..2]);
    assert!(transport == Transport::Tcp || reply.len() <= usize::from(UDP_PAYLOAD));
    let message = Message::from_octets(reply).expect("a header");
    assert!(message.header().qr());
    for question in message.question() {
        question.expect("a question");
    }
    for section in message.iter() {
        let (record, _) = section.expect("a record");
        record
            .to_record::<AllRecordData<&[u8], ParsedName<&[u8]>>>()
            .expect("readable data");
    }
});
