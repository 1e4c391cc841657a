//! Validation of what people enter.

use crate::tests::support::data;
use crate::validate::{Limits, check_zone, qualify, validate_record};
use crate::zone::{Field, Severity};

fn canonical(name: &str, rtype: &str, text: &str) -> Result<(String, String), (Field, &'static str, String)> {
    match validate_record("Example.com.", name, rtype, 300, text, &Limits::default()) {
        Ok(record) => Ok((record.name, record.data)),
        Err(problems) => Err((problems[0].field, problems[0].code, problems[0].message.clone())),
    }
}

#[test]
fn good_records_come_back_in_canonical_form() {
    let long = "x".repeat(300);
    let split = format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45));
    for (name, rtype, text, owner, expected) in [
        ("example.com", "A", " 192.0.2.1 ", "example.com", "192.0.2.1"),
        (
            "WWW.Example.COM.",
            "aaaa",
            "2001:DB8:0:0::1",
            "www.example.com",
            "2001:db8::1",
        ),
        (
            "www.example.com",
            "CNAME",
            "Host.Example.NET",
            "www.example.com",
            "host.example.net.",
        ),
        ("www.example.com", "CNAME", "@", "www.example.com", "example.com."),
        (
            "www.example.com",
            "CNAME",
            "_domainkey.example.net.",
            "www.example.com",
            "_domainkey.example.net.",
        ),
        (
            "example.com",
            "MX",
            "10\t mail.example.com",
            "example.com",
            "10 mail.example.com.",
        ),
        ("example.com", "MX", "0 .", "example.com", "0 ."),
        ("sub.example.com", "NS", "localhost.", "sub.example.com", "localhost."),
        (
            "_sip._tcp.example.com",
            "SRV",
            "0 5 5060 sip.example.com",
            "_sip._tcp.example.com",
            "0 5 5060 sip.example.com.",
        ),
        (
            "_sip._tcp.example.com",
            "SRV",
            "0 0 0 .",
            "_sip._tcp.example.com",
            "0 0 0 .",
        ),
        (
            "example.com",
            "CAA",
            "0 issue letsencrypt.org",
            "example.com",
            "0 issue \"letsencrypt.org\"",
        ),
        (
            "example.com",
            "CAA",
            "128 issue \";\"",
            "example.com",
            "128 issue \";\"",
        ),
        ("*.example.com", "TXT", "\"a b\" c", "*.example.com", "\"a b\" \"c\""),
        (
            "example.com",
            "TXT",
            "v=DMARC1; p=none",
            "example.com",
            "\"v=DMARC1; p=none\"",
        ),
        (
            "example.com",
            "TXT",
            "v=DKIM1\\; k=rsa",
            "example.com",
            "\"v=DKIM1; k=rsa\"",
        ),
        ("example.com", "TXT", "\"\"", "example.com", "\"\""),
        (
            "example.com",
            "TXT",
            "say \\\"hi\\\"",
            "example.com",
            "\"say \\\"hi\\\"\"",
        ),
        ("example.com", "TXT", &long, "example.com", &split),
        ("example.com", "TXT", "caf\u{e9}", "example.com", "\"caf\\195\\169\""),
    ] {
        assert_eq!(
            canonical(name, rtype, text),
            Ok((owner.into(), expected.into())),
            "{name} {rtype} {text}"
        );
    }
}

#[test]
fn canonical_data_is_its_own_canonical_form() {
    for (rtype, text) in [
        ("A", "192.0.2.1"),
        ("MX", "10 mail.example.com"),
        ("CAA", "0 issue \"ca.example; account=1\""),
        ("SRV", "0 5 5060 sip.example.com"),
        ("TXT", "a \\\\ b \\\" c \\009 \u{e9} ; ( )"),
        ("TXT", "\"one\" \"two\""),
    ] {
        let (_, once) = canonical("x.example.com", rtype, text).unwrap();
        assert_eq!(canonical("x.example.com", rtype, &once).unwrap().1, once, "{rtype}");
    }
}

#[test]
fn bad_values_are_refused_with_a_reason() {
    for (rtype, text) in [
        ("A", ""),
        ("A", "   "),
        ("A", "192.0.2"),
        ("A", "192.0.2.1 192.0.2.2"),
        ("A", "192.0.2.01"),
        ("A", "2001:db8::1"),
        ("A", "\\# 4 c0000201"),
        ("AAAA", "192.0.2.1"),
        ("AAAA", "2001:db8::g"),
        ("CNAME", "mail"),
        ("CNAME", "."),
        ("CNAME", "a..b.example.com"),
        ("CNAME", "192.0.2.1"),
        ("CNAME", "www example.com"),
        ("CNAME", "m\u{fc}nchen.example.com"),
        ("CNAME", "*.example.com"),
        ("MX", "mail.example.com"),
        ("MX", "70000 mail.example.com"),
        ("MX", "-1 mail.example.com"),
        ("MX", "10 192.0.2.1"),
        ("MX", "10 ."),
        ("MX", "10 under_score.example.com"),
        ("NS", "-bad.example.com"),
        ("SRV", "0 5 sip.example.com"),
        ("SRV", "0 5 65536 sip.example.com"),
        ("CAA", "256 issue \"ca.example\""),
        ("CAA", "0 is-sue \"ca.example\""),
        ("CAA", "0 issue ca.example; x"),
        ("CAA", "0 issue \"ca.example"),
        ("TXT", "\"open"),
        ("TXT", "half \"quoted\""),
        ("TXT", "end\\"),
        ("TXT", "\\999"),
        ("TXT", "\\12"),
        ("TXT", "line\nbreak"),
        ("A", "192.0.2.1\n@ IN NS evil.example."),
        ("A", "192.0.2.1 ; comment"),
        ("A", "( 192.0.2.1 )"),
    ] {
        let (field, code, message) = canonical("x.example.com", rtype, text).expect_err(text);
        assert_eq!(
            (field, code),
            (Field::Data, "data_invalid"),
            "{rtype} {text:?}: {message}"
        );
        assert!(message.len() > 10, "{message}");
    }
}

#[test]
fn bad_owners_are_refused() {
    let long = format!("{}.example.com", "a".repeat(64));
    for (name, code) in [
        ("", "name_invalid"),
        ("a..example.com", "name_invalid"),
        (long.as_str(), "name_invalid"),
        ("-a.example.com", "name_invalid"),
        ("a-.example.com", "name_invalid"),
        ("a b.example.com", "name_invalid"),
        ("a\\032b.example.com", "name_invalid"),
        ("a.*.example.com", "name_invalid"),
        ("*a.example.com", "name_invalid"),
        ("m\u{fc}nchen.example.com", "name_invalid"),
        ("www", "outside_zone"),
        ("example.org", "outside_zone"),
        ("badexample.com", "outside_zone"),
    ] {
        let (field, found, _) = canonical(name, "A", "192.0.2.1").expect_err(name);
        assert_eq!((field, found), (Field::Name, code), "{name:?}");
    }
}

#[test]
fn a_name_is_as_long_as_its_wire_form_may_be() {
    let label = "a".repeat(63);
    let owner = |last: usize| format!("{label}.{label}.{label}.{}.example.com", "b".repeat(last));
    let longest = owner(49);
    assert_eq!(canonical(&longest, "A", "192.0.2.1").unwrap().0, longest);
    let (field, code, _) = canonical(&owner(50), "A", "192.0.2.1").unwrap_err();
    assert_eq!((field, code), (Field::Name, "name_invalid"));
}

#[test]
fn several_problems_are_told_at_once() {
    let problems = validate_record("example.com", "bad name", "NOPE", 0, "x", &Limits::default()).unwrap_err();
    let fields: Vec<Field> = problems.iter().map(|problem| problem.field).collect();
    assert_eq!(fields, [Field::Type, Field::Name, Field::Ttl]);
}

#[test]
fn placing_is_checked() {
    assert_eq!(
        canonical("example.com", "CNAME", "a.example.net").unwrap_err().1,
        "cname_not_alone"
    );
    assert_eq!(
        canonical("a.example.com", "CNAME", "A.example.com").unwrap_err().1,
        "cname_to_itself"
    );
    assert_eq!(
        canonical("*.example.com", "NS", "ns.example.net").unwrap_err().1,
        "wildcard_ns"
    );
    let text = "y".repeat(5000);
    assert_eq!(canonical("a.example.com", "TXT", &text).unwrap_err().1, "text_too_long");
}

#[test]
fn what_people_type_becomes_absolute() {
    for (input, expected) in [
        ("@", "example.com"),
        ("", "example.com"),
        ("www", "www.example.com"),
        ("a.b", "a.b.example.com"),
        ("www.Example.com", "www.example.com"),
        ("example.com", "example.com"),
        ("www.example.com.", "www.example.com"),
        ("other.net.", "other.net"),
        ("notexample.com", "notexample.com.example.com"),
    ] {
        assert_eq!(qualify("Example.com.", input), expected, "{input:?}");
    }
}

#[test]
fn a_zone_is_checked_record_by_record_and_as_a_whole() {
    let limits = Limits::default();
    let good = data("example.com", "@ NS ns1.example.net\nwww A 192.0.2.1");
    assert_eq!(check_zone(&good, &limits), []);
    let codes = |lines: &str| -> Vec<_> {
        check_zone(&data("example.com", lines), &limits)
            .iter()
            .map(|problem| (problem.record, problem.code))
            .collect()
    };
    assert_eq!(
        codes("@ NS ns1.example.net\nw!w A 192.0.2.1"),
        [(Some(1), "name_invalid")]
    );
    assert_eq!(
        codes("@ NS ns1.example.net\na CNAME b.example.com\na TXT x"),
        [(Some(1), "cname_not_alone")]
    );
    let warned = check_zone(&data("example.com", "@ NS ns.example.com"), &limits);
    assert_eq!(
        (warned[0].code, warned[0].severity),
        ("target_without_address", Severity::Warning)
    );
    let few = Limits {
        records: 1,
        ..Limits::default()
    };
    assert_eq!(check_zone(&good, &few)[0].code, "too_many_records");
    let short = Limits {
        octets: 10,
        ..Limits::default()
    };
    assert_eq!(check_zone(&good, &short)[0].code, "zone_too_large");
}
