use mpanel_tenancy_contract::ProviderPage;

use super::{grace, page};

fn given(title: &str, text: &str, contact: Option<&str>) -> ProviderPage {
    ProviderPage {
        title: title.to_owned(),
        text: text.to_owned(),
        contact: contact.map(str::to_owned),
    }
}

#[test]
fn a_page_is_short_plain_text_with_a_link_that_leads_to_a_page_or_a_letter() {
    let fine = page(given(
        " Away ",
        "One\r\n<b>two</b>\n",
        Some("https://help.example/a?b=c"),
    ))
    .unwrap();
    assert_eq!(
        fine,
        given("Away", "One\n<b>two</b>", Some("https://help.example/a?b=c"))
    );
    assert!(page(given("Away", "Text", Some("mailto:help@seller.example"))).is_ok());
    let long = "x".repeat(601);
    for (wrong, pointer) in [
        (given("", "Text", None), "/page/title"),
        (given("Two\nlines", "Text", None), "/page/title"),
        (given(&long[..81], "Text", None), "/page/title"),
        (given("Away", " ", None), "/page/text"),
        (given("Away", &long, None), "/page/text"),
        (given("Away", "a\u{7}b", None), "/page/text"),
        (given("Away", "Text", Some("javascript:alert(1)")), "/page/contact"),
        (given("Away", "Text", Some("http://help.example")), "/page/contact"),
        (given("Away", "Text", Some("https://")), "/page/contact"),
        (
            given("Away", "Text", Some("https://bank.example@evil.example/")),
            "/page/contact",
        ),
        (
            given("Away", "Text", Some("https://help.example/\"onclick=")),
            "/page/contact",
        ),
        (given("Away", "Text", Some("mailto:nobody")), "/page/contact"),
        (
            given("Away", "Text", Some("mailto:a@b.example?bcc=c@d.example")),
            "/page/contact",
        ),
    ] {
        let errors = page(wrong.clone()).unwrap_err();
        assert_eq!(errors[0].pointer, pointer, "{wrong:?}");
        assert_eq!(errors.len(), 1, "{wrong:?}");
    }
}

#[test]
fn nobody_gives_less_time_than_those_above_and_the_platform_decides_for_all() {
    assert_eq!(grace(30, None, None), 30);
    assert_eq!(grace(30, None, Some(60)), 60);
    assert_eq!(grace(30, None, Some(7)), 30);
    assert_eq!(grace(30, Some(7), None), 7);
    assert_eq!(grace(30, Some(0), Some(14)), 14);
    assert_eq!(grace(5000, None, None), 3650);
}
