use proptest::prelude::*;

use super::rig::fields;
use crate::cache::directives::{Directives, MAX_DELTA};

fn read(lines: &str) -> Directives {
    Directives::read(&fields(lines))
}

#[test]
fn lifetimes_are_read_strictly_and_what_cannot_be_read_is_stale() {
    for (text, expected) in [
        ("max-age=3600", Some(3600)),
        ("MaX-aGe=3600", Some(3600)),
        ("foobar, max-age=3600", Some(3600)),
        ("max-age=\"3600\"", Some(3600)),
        ("max-age=003600", Some(3600)),
        ("max-age=99999999999", Some(MAX_DELTA)),
        ("max-age=2147483648", Some(MAX_DELTA)),
        ("max-age=-3600", Some(0)),
        ("max-age='3600'", Some(0)),
        ("max-age=3600.5", Some(0)),
        ("max-age=a3600", Some(0)),
        ("max-age=", Some(0)),
        ("max-age", Some(0)),
        ("max-age= 3600", Some(0)),
        ("max-age =3600", None),
        ("extension=\"max-age=3600\", max-age=1", Some(1)),
        ("max-age=1, extension=\"max-age=3600\"", Some(1)),
        ("extension=\"a\\\", max-age=3600\", max-age=1", Some(1)),
        ("max-age=1800, max-age=1", Some(1)),
        ("max-age=1, max-age=1800", Some(1)),
    ] {
        assert_eq!(read(&format!("cache-control: {text}")).max_age, expected, "{text}");
    }
}

#[test]
fn directives_with_field_names_are_about_those_fields_only() {
    let said = read("cache-control: no-cache=\"a, b\", private=\"set-cookie\", max-age=5");
    assert_eq!((said.no_cache, said.private, said.max_age), (false, false, Some(5)));
    assert_eq!(said.no_cache_fields, ["a", "b"]);
    assert_eq!(said.private_fields, ["set-cookie"]);
    // What names no field is about the whole.
    for text in ["no-cache=\"\"", "no-cache=\"a b\"", "no-cache", "No-CaChE"] {
        assert!(read(&format!("cache-control: {text}")).no_cache, "{text}");
    }
}

#[test]
fn the_field_for_this_cache_wins_over_that_for_all() {
    let both = "cache-control: no-store\ncdn-cache-control: max-age=10";
    assert_eq!((read(both).max_age, read(both).no_store), (Some(10), false));
    let three = format!("{both}\nmpanel-cache-control: max-age=20, stale-if-error=5");
    assert_eq!((read(&three).max_age, read(&three).stale_if_error), (Some(20), Some(5)));
    let surrogate = read("surrogate-control: max-age=30+60;mpanel, no-store;other\ncache-control: no-store");
    assert_eq!((surrogate.max_age, surrogate.no_store), (Some(30), false));
    assert_eq!(surrogate.stale_while_revalidate, Some(60));
}

#[test]
fn a_targeted_field_that_is_no_dictionary_is_not_there() {
    for text in [
        "",
        "max-age=10, &&&&",
        "MaX-aGe=10",
        "max-age=\"10\"",
        "max-age=1.5",
        "max-age =10",
        "max-age= 10",
        "a=?2",
        "a;B",
    ] {
        let said = read(&format!("cdn-cache-control: {text}\ncache-control: no-store"));
        assert!(said.no_store && !said.targeted, "{text:?}");
    }
    for text in [
        "max-age=10;x=1;y",
        "max-age=10, private=?0",
        "max-age=10 , b=\"c, d\"",
        "max-age=10, token=a/b:c",
    ] {
        let said = read(&format!("cdn-cache-control: {text}"));
        assert_eq!((said.max_age, said.private), (Some(10), false), "{text:?}");
    }
    assert_eq!(read("cdn-cache-control: max-age=-5").max_age, Some(0));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(0x20_u8..0x7f, 0..80)) {
        let text = String::from_utf8(bytes).unwrap();
        for name in ["cache-control", "cdn-cache-control", "surrogate-control"] {
            let _ = read(&format!("{name}: {text}"));
        }
    }

    #[test]
    fn a_quoted_value_hides_whatever_it_holds(inner in "[a-z=, -]{0,30}", seconds in 0_u32..1000) {
        let said = read(&format!("cache-control: x=\"{inner}\", max-age={seconds}"));
        prop_assert_eq!(said, Directives { max_age: Some(seconds), present: true, ..Directives::default() });
    }
}
