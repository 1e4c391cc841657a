//! What validation accepts is canonical and can be served. The input is split at line feeds: type, owner, value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpanel_engine_dns::{Limits, RecordData, SoaData, Zone, ZoneData, validate_record};

fuzz_target!(|input: &str| {
    let mut parts = input.splitn(3, '\n');
    let (Some(rtype), Some(owner), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let limits = Limits::default();
    let Ok(record) = validate_record("a", owner, rtype, 60, value, &limits) else {
        return;
    };
    let again = validate_record("a", &record.name, record.rtype.as_str(), 60, &record.data, &limits);
    assert_eq!(again.as_ref(), Ok(&record));
    let soa = SoaData {
        mname: "ns.b".into(),
        rname: "h.b".into(),
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: 1,
        ttl: 1,
    };
    let given = |name: &str, rtype: &str, data: &str| RecordData {
        name: name.into(),
        rtype: rtype.into(),
        ttl: 60,
        data: data.into(),
    };
    let mut records = vec![given(&record.name, record.rtype.as_str(), &record.data)];
    if (record.name.as_str(), record.data.as_str()) != ("a", "ns.b.") {
        records.push(given("a", "NS", "ns.b."));
    }
    Zone::compile(&ZoneData {
        apex: "a".into(),
        serial: 1,
        soa,
        records,
    })
    .expect("accepted records are served");
});
