use proptest::prelude::*;

use super::rig::{Rig, fields};
use crate::cache::key::{Key, MAX_KEY, Variant, for_everybody};
use crate::cache::{CachePolicy, Mode, Query};

fn target(change: impl FnOnce(&mut CachePolicy), query: Option<&str>) -> String {
    let rig = Rig::with(change);
    let key = Key::new(&rig.rules, true, "www.example", "/a", query).unwrap();
    key.target().unwrap().to_string()
}

#[test]
fn a_query_counts_as_far_as_the_site_says_and_no_further_reaches_the_origin() {
    let query = Some("b=2&utm_source=x&a=1&b=1&fbclid=y");
    assert_eq!(target(|_| {}, query), "/a?b=2&utm_source=x&a=1&b=1&fbclid=y");
    assert_eq!(target(|_| {}, Some("")), "/a?");
    assert_eq!(target(|_| {}, None), "/a");
    assert_eq!(target(|policy| policy.query = Query::Ignored, query), "/a");
    assert_eq!(
        target(|policy| policy.query = Query::Sorted, query),
        "/a?a=1&b=2&b=1&fbclid=y&utm_source=x"
    );
    assert_eq!(
        target(|policy| policy.query = Query::Only(vec!["a".into()]), query),
        "/a?a=1"
    );
    assert_eq!(
        target(|policy| policy.query = Query::Only(vec!["c".into()]), query),
        "/a"
    );
    assert_eq!(target(|policy| policy.mode = Mode::Wordpress, query), "/a?b=2&a=1&b=1");
}

#[test]
fn sites_schemes_hosts_and_paths_never_share_a_key() {
    let rig = Rig::new();
    let other = rig.rules("other", |_| {});
    let key = |rules, https, host, path| Key::new(rules, https, host, path, None).unwrap();
    let keys = [
        key(&rig.rules, true, "a", "/b"),
        key(&rig.rules, false, "a", "/b"),
        key(&other, true, "a", "/b"),
        key(&rig.rules, true, "a:81", "/b"),
        key(&rig.rules, true, "a", "/B"),
        key(&rig.rules, true, "a", "/b/"),
    ];
    for (at, one) in keys.iter().enumerate() {
        assert!(
            keys[at + 1..].iter().all(|other| other.as_bytes() != one.as_bytes()),
            "{at}"
        );
    }
}

#[test]
fn a_key_has_a_longest_length() {
    let rig = Rig::new();
    let path = format!("/{}", "a".repeat(MAX_KEY));
    assert_eq!(Key::new(&rig.rules, true, "a", &path, None), None);
}

#[test]
fn codings_are_one_of_eight_and_languages_have_no_order() {
    let rig = Rig::new();
    let sent = |lines: &str| {
        let mut headers = fields(lines);
        for_everybody(&mut headers, &rig.rules);
        headers
            .get("accept-encoding")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(
        sent("accept-encoding: GZIP, deflate, br;q=0.9, x").as_deref(),
        Some("br, gzip")
    );
    assert_eq!(sent("accept-encoding: gzip;q=0, br; q=0.0"), None);
    assert_eq!(
        sent("accept-encoding: zstd\naccept-encoding: gzip").as_deref(),
        Some("zstd, gzip")
    );
    assert_eq!(sent("accept-encoding: identity"), None);

    let answer = fields("vary: Foo, Accept-Language\nvary: accept-encoding");
    let variant = Variant::new(
        &rig.rules,
        &answer,
        &fields("foo: 1,2\naccept-language: en, de\naccept-encoding: gzip"),
    );
    for same in [
        "foo: 1\nfoo: 2\naccept-language: de,  EN\naccept-encoding: gzip, deflate",
        "foo:  1, 2 \naccept-language: en\naccept-language: de\naccept-encoding: x, gzip;q=0.3",
    ] {
        assert!(variant.matches(&fields(same)), "{same}");
    }
    for other in [
        "foo: 1\naccept-language: en, de\naccept-encoding: gzip",
        "accept-language: en, de\naccept-encoding: gzip",
        "foo: 1,2\naccept-language: en\naccept-encoding: gzip",
        "foo: 1,2\naccept-language: en, de\naccept-encoding: br",
    ] {
        assert!(!variant.matches(&fields(other)), "{other}");
    }
}

proptest! {
    /// Two requests with one key are one request to the origin.
    #[test]
    fn a_key_says_all_that_is_sent(one in "[a-c=&;%_]{0,12}", two in "[a-c=&;%_]{0,12}", mode in 0..5) {
        let rig = Rig::with(|policy| {
            policy.query = match mode {
                0 => Query::AsIs,
                1 => Query::Sorted,
                2 => Query::Only(vec!["a".into(), "b".into()]),
                _ => Query::Ignored,
            };
            if mode == 4 {
                policy.query = Query::AsIs;
                policy.ignore_query = vec!["a*".into()];
            }
        });
        let key = |query| Key::new(&rig.rules, true, "www.example", "/p", Some(query)).unwrap();
        let (one, two) = (key(&one), key(&two));
        prop_assert_eq!(one.as_bytes() == two.as_bytes(), one.target() == two.target());
        // What is sent has the same key again.
        let sent = one.target().unwrap();
        let again = Key::new(&rig.rules, true, "www.example", sent.path(), sent.query()).unwrap();
        prop_assert_eq!(again.as_bytes(), one.as_bytes());
    }

    #[test]
    fn whoever_sends_the_same_gets_the_same_variant(values in proptest::collection::vec("[ -~]{0,12}", 0..3), vary in "(foo|accept-encoding|accept-language)") {
        let rig = Rig::new();
        let lines: String = values.iter().map(|value| format!("{vary}: {value}\n")).collect();
        let variant = Variant::new(&rig.rules, &fields(&format!("vary: {vary}")), &fields(&lines));
        prop_assert!(variant.matches(&fields(&lines)));
    }
}
