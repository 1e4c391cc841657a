use proptest::prelude::*;

use crate::names::{DomainName, EmailAddress, RelPath, Slug, Suffix, Title};

#[test]
fn a_domain_is_kept_lower_case_in_a_label_form_without_final_dot() {
    for (given, kept) in [
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        (" shop.example.org ", "shop.example.org"),
        ("acme.localhost", "acme.localhost"),
    ] {
        assert_eq!(DomainName::parse(given).unwrap().as_str(), kept);
    }
}

#[test]
fn what_is_no_host_name_is_refused_with_its_reason() {
    for (given, code) in [
        ("", "domain.empty"),
        ("localhost", "domain.single_label"),
        ("a..b", "domain.empty_label"),
        ("-a.com", "domain.hyphen"),
        ("a_b.com", "domain.bad_character"),
        ("a.com/../etc", "domain.bad_character"),
        ("a.com\nX-Header: 1", "domain.bad_character"),
        ("192.0.2.1", "domain.ip_address"),
        ("$(id).example.com", "domain.bad_character"),
        (&format!("{}.com", "a".repeat(64)), "domain.label_too_long"),
        (&format!("{}com", "a.".repeat(126)), "domain.too_long"),
    ] {
        assert_eq!(DomainName::parse(given).unwrap_err().code, code, "{given:?}");
    }
}

#[test]
fn a_name_is_within_its_apex_and_not_within_a_look_alike() {
    let name = DomainName::parse("a.b.example.com").unwrap();
    assert!(name.is_within("example.com"));
    assert!(name.is_within("a.b.example.com"));
    assert!(!DomainName::parse("notexample.com").unwrap().is_within("example.com"));
    assert_eq!(
        name.ancestors().collect::<Vec<_>>(),
        ["a.b.example.com", "b.example.com", "example.com"]
    );
}

#[test]
fn names_are_made_below_a_suffix_of_one_label_or_more() {
    let label = Slug::parse("shop").unwrap();
    for (given, name) in [
        ("localhost", "shop.localhost"),
        ("Preview.Example.com.", "shop.preview.example.com"),
        ("bücher.example", "shop.xn--bcher-kva.example"),
    ] {
        let made = Suffix::parse(given).unwrap().name(&label);
        assert_eq!(made, DomainName::parse(name).unwrap());
    }
    // With the longest label, a name of 253 characters.
    let longest = format!("{}{}", "a.".repeat(75), "a".repeat(62));
    let label = Slug::parse(&"x".repeat(Slug::MAX)).unwrap();
    assert_eq!(Suffix::parse(&longest).unwrap().name(&label).as_str().len(), 253);
    for (bad, code) in [
        (" ", "domain.empty"),
        (".", "domain.empty_label"),
        ("a..b", "domain.empty_label"),
        ("a_b.com", "domain.bad_character"),
        ("192.0.2.1", "domain.ip_address"),
        (&format!("a.{longest}"), "domain.too_long"),
    ] {
        assert_eq!(Suffix::parse(bad).unwrap_err().code, code, "{bad:?}");
    }
}

#[test]
fn a_title_is_one_line_in_which_everything_stays_where_it_stands() {
    let longest = "é".repeat(Title::MAX);
    for (given, kept) in [
        ("  Ada's Shop ", "Ada's Shop"),
        ("متجر\u{200f} 7", "متجر\u{200f} 7"),
        ("👩‍🚀", "👩‍🚀"),
        (&longest, &longest),
    ] {
        assert_eq!(Title::parse(given).unwrap().as_str(), kept);
    }
    for bad in [
        "",
        " \t ",
        "a\nb",
        "a\0b",
        "a\u{85}b",
        "a\u{9b}b",
        "a\u{2028}b",
        "a\u{2029}b",
        "gpj.\u{202e}exe",
        "a\u{202a}b",
        "a\u{2066}b",
        "a\u{2069}b",
        &format!("{longest}é"),
    ] {
        assert_eq!(Title::parse(bad).unwrap_err().code, "name.length", "{bad:?}");
    }
}

#[test]
fn a_title_is_seen_and_hides_nothing() {
    for given in ["👩\u{200d}🚀", "❤\u{fe0f}", "می\u{200c}خواهم", "a\u{200e}"] {
        assert_eq!(Title::parse(given).unwrap().as_str(), given);
    }
    for hidden in [
        '\u{200b}',
        '\u{2060}',
        '\u{feff}',
        '\u{ad}',
        '\u{e0000}',
        '\u{e0041}',
        '\u{e007f}',
    ] {
        for bad in [hidden.to_string(), format!("Sh{hidden}op"), format!("Shop{hidden}")] {
            assert_eq!(Title::parse(&bad).unwrap_err().code, "name.length", "{bad:?}");
        }
    }
    for unseen in [
        "\u{200d}",
        "\u{fe0f}",
        "\u{200e}",
        "\u{200f} \u{61c}",
        "\u{3000}\u{200c}\u{a0}",
    ] {
        assert_eq!(Title::parse(unseen).unwrap_err().code, "name.length", "{unseen:?}");
    }
}

#[test]
fn mail_addresses_are_compared_in_lower_case() {
    let address = EmailAddress::parse("Ada.L@Example.com").unwrap();
    assert_eq!(address.as_str(), "Ada.L@example.com");
    assert_eq!(address.normalised(), "ada.l@example.com");
    for bad in [
        "ada",
        "@example.com",
        "a..b@example.com",
        "a b@example.com",
        "a@b",
        "a\r\nBcc:x@example.com",
    ] {
        assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_title_becomes_a_slug() {
    assert_eq!(Slug::from_title("Ada's Shop!").as_str(), "ada-s-shop");
    assert_eq!(Slug::from_title("***").as_str(), "site");
    assert!(Slug::parse("-a").is_err());
}

#[test]
fn a_path_never_leads_out_of_its_folder() {
    assert!(RelPath::parse("a/b.html").is_ok());
    for (bad, code) in [
        ("/etc/passwd", "path.absolute"),
        ("../x", "path.traversal"),
        ("a/../../x", "path.traversal"),
        ("a//b", "path.empty_part"),
        ("a\\..\\b", "path.bad_character"),
        ("a\0b", "path.bad_character"),
    ] {
        assert_eq!(RelPath::parse(bad).unwrap_err().code, code);
    }
}

proptest! {
    #[test]
    fn a_parsed_domain_parses_to_itself(text in "\\PC{0,80}") {
        if let Ok(name) = DomainName::parse(&text) {
            prop_assert_eq!(DomainName::parse(name.as_str()).unwrap(), name);
        }
    }

    #[test]
    fn every_slug_of_a_title_is_a_slug(title in "\\PC{0,80}") {
        let slug = Slug::from_title(&title);
        prop_assert!(Slug::parse(slug.as_str()).is_ok());
    }
}
