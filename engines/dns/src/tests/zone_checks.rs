//! What makes a zone unfit to be served, and how that is told.

use serde_json::json;

use crate::tests::support::{data, zone};
use crate::zone::{Field, RecordData, Severity, Zone, ZoneData};

fn problems(lines: &str) -> Vec<(Option<usize>, Field, &'static str)> {
    let problems = Zone::compile(&data("example.com", lines)).expect_err("a bad zone");
    assert!(
        problems
            .iter()
            .all(|problem| problem.severity == Severity::Error && !problem.message.is_empty())
    );
    problems
        .into_iter()
        .map(|problem| (problem.record, problem.field, problem.code))
        .collect()
}

#[test]
fn zone_data_reads_from_json() {
    let value = json!({
        "apex": "example.com", "serial": 1,
        "soa": {"mname": "ns1.example.net", "rname": "h.example.net", "refresh": 1, "retry": 2, "expire": 3, "minimum": 4, "ttl": 5},
        "records": [{"name": "example.com", "type": "NS", "ttl": 60, "data": "ns1.example.net."}]
    });
    let data: ZoneData = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&data).unwrap(), value);
    let zone = Zone::compile(&data).unwrap();
    assert_eq!((zone.serial(), zone.record_count(), zone.name_count()), (1, 2, 1));
}

#[test]
fn each_bad_record_is_named_with_its_field() {
    let found = problems(
        "@ NS ns1.example.net
         a..b A 192.0.2.1
         www A 192.0.2.256
         www WKS 1
         mail MX mail.example.com",
    );
    assert_eq!(
        found,
        [
            (Some(1), Field::Name, "name_invalid"),
            (Some(2), Field::Data, "data_invalid"),
            (Some(3), Field::Type, "type_unknown"),
            (Some(4), Field::Data, "data_invalid"),
        ]
    );
}

#[test]
fn an_alias_is_alone_at_its_name() {
    let beside = "@ NS ns1.example.net\nwww CNAME a.example.com\nwww A 192.0.2.1";
    assert_eq!(problems(beside), [(Some(1), Field::Type, "cname_not_alone")]);
    let twice = "@ NS ns1.example.net\nwww CNAME a.example.com\nwww CNAME b.example.com";
    assert_eq!(problems(twice), [(Some(2), Field::Type, "cname_multiple")]);
    let apex = "@ NS ns1.example.net\n@ CNAME a.example.com";
    assert_eq!(problems(apex), [(Some(1), Field::Type, "cname_not_alone")]);
}

#[test]
fn the_apex_needs_name_servers() {
    assert_eq!(problems("www A 192.0.2.1"), [(None, Field::Records, "apex_ns_missing")]);
}

#[test]
fn repeated_records_are_told() {
    let lines = "@ NS ns1.example.net\nwww AAAA 2001:db8::1\nwww AAAA 2001:0DB8:0::1";
    assert_eq!(problems(lines), [(Some(2), Field::Data, "duplicate")]);
    assert_eq!(
        problems("@ NS ns1.example.net\n@ NS NS1.example.NET."),
        [(Some(1), Field::Data, "duplicate")]
    );
}

#[test]
fn servers_and_exchanges_are_not_aliases() {
    let lines = "@ NS ns.example.com\nns CNAME a.example.com\n@ MX 10 ns.example.com\na A 192.0.2.1";
    let alias = |index| (Some(index), Field::Data, "target_is_alias");
    assert_eq!(problems(lines), [alias(0), alias(2)]);
}

#[test]
fn records_belong_to_the_zone() {
    let mut data = data("example.com", "@ NS ns1.example.net");
    for name in ["example.net", "com", "xexample.com"] {
        data.records[0].name = name.into();
        let problems = Zone::compile(&data).unwrap_err();
        assert_eq!(
            (problems[0].record, problems[0].code),
            (Some(0), "outside_zone"),
            "{name}"
        );
    }
}

#[test]
fn wildcards_are_not_delegated() {
    assert_eq!(
        problems("@ NS a.example.net\n*.w NS b.example.net"),
        [(Some(1), Field::Type, "wildcard_ns")]
    );
}

#[test]
fn times_have_31_bits() {
    let mut data = data("example.com", "@ NS ns1.example.net");
    data.records[0].ttl = 1 << 31;
    assert_eq!(Zone::compile(&data).unwrap_err()[0].code, "ttl_range");
    data.records[0].ttl = (1 << 31) - 1;
    assert!(Zone::compile(&data).is_ok());
    data.soa.expire = 1 << 31;
    assert_eq!(Zone::compile(&data).unwrap_err()[0].field, Field::SoaTimes);
}

#[test]
fn the_apex_and_soa_names_are_checked() {
    for (apex, code) in [
        (".", "apex_root"),
        ("", "name_invalid"),
        ("*.example.com", "apex_wildcard"),
        ("a..b", "name_invalid"),
    ] {
        let mut data = data("example.com", "@ NS ns1.example.net");
        data.apex = apex.into();
        let problems = Zone::compile(&data).unwrap_err();
        assert_eq!((problems[0].field, problems[0].code), (Field::Apex, code), "{apex:?}");
    }
    let mut data = data("example.com", "@ NS ns1.example.net");
    data.soa.rname = "host master".into();
    assert_eq!(Zone::compile(&data).unwrap_err()[0].field, Field::SoaRname);
}

#[test]
fn a_set_larger_than_a_message_is_refused() {
    let mut data = data("example.com", "@ NS ns1.example.net");
    for n in 0..300 {
        let text = format!("\"{n:0>250}\"");
        data.records.push(RecordData {
            name: "example.com".into(),
            rtype: "TXT".into(),
            ttl: 1,
            data: text,
        });
    }
    assert_eq!(Zone::compile(&data).unwrap_err()[0].code, "set_too_large");
}

#[test]
fn targets_in_the_zone_without_addresses_are_a_warning() {
    let zone = zone(
        "example.com",
        "@ NS ns.example.com\n@ MX 10 mail.example.com\nmail A 192.0.2.1",
    );
    let warnings: Vec<_> = zone
        .warnings()
        .iter()
        .map(|problem| (problem.record, problem.code, problem.severity))
        .collect();
    assert_eq!(warnings, [(Some(0), "target_without_address", Severity::Warning)]);
}

#[test]
fn names_come_in_canonical_order_with_their_types() {
    // The order of RFC 4034 §6.1, as far as these names go.
    let zone = zone(
        "example",
        "@ NS ns.other\na A 192.0.2.1\nyljkjljk.a A 192.0.2.1\nZ.a A 192.0.2.1\nzABC.a A 192.0.2.1\nz A 192.0.2.1\n\\001.z A 192.0.2.1\n*.z A 192.0.2.1\n\\200.z A 192.0.2.1",
    );
    let names: Vec<String> = zone.names().map(|(name, _)| crate::name::to_text(name)).collect();
    assert_eq!(
        names,
        [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "z.a.example",
            "zabc.a.example",
            "z.example",
            "\\001.z.example",
            "*.z.example",
            "\\200.z.example"
        ]
    );
    assert_eq!(zone.names().next().unwrap().1, [2, 6]);
}
