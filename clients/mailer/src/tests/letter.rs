use super::support::letter;
use crate::{Brand, Letter};

#[test]
fn a_letter_is_plain_text_with_links_alone_on_their_lines() {
    let text = letter().render(&Brand::own("https://panel.example.com")).text;
    assert_eq!(
        text,
        "Somebody asked for a new password. Grüße & <b>no</b> markup.\n\
         \nSet it:\nhttps://panel.example.com/reset#reset_abc\n\
         \n  Asked from: 203.0.113.7\n\
         \n-- \nmPanel\nhttps://panel.example.com\n"
    );
    let long = Letter::new("x").text("word ".repeat(50)).render(&Brand::own("p")).text;
    assert!(long.lines().all(|line| line.len() <= 72), "{long}");
}

/// ASVS 1.2.1: names of people and tenants stand in letters.
#[test]
fn nothing_that_people_type_becomes_an_element_or_an_attribute() {
    let evil = "<script>alert('x')</script>\" onmouseover=\"alert(1)\r\n<img src=x>";
    let brand = Brand {
        name: evil.to_owned(),
        logo: Some(format!("https://example.com/{evil}")),
        colour: evil.to_owned(),
        panel: format!("https://panel.example.com/{evil}"),
    };
    let html = Letter::new(evil)
        .text(evil)
        .link(evil, format!("https://panel.example.com/#{evil}"))
        .fact("Name", evil)
        .render(&brand)
        .html;
    for raw in ["<script", "<img src=x", "\" onmouseover=\"alert"] {
        assert!(!html.contains(raw), "{raw} in {html}");
    }
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
}

#[test]
fn a_brand_of_another_name_is_at_the_same_port() {
    for (panel, expected) in [
        ("https://panel.example.com", "https://oven.example"),
        ("https://panel.example.com:8443", "https://oven.example:8443"),
        ("https://[2001:db8::1]", "https://oven.example"),
        ("https://[2001:db8::1]:8443", "https://oven.example:8443"),
        ("http://127.0.0.1:7080", "https://oven.example"),
    ] {
        assert_eq!(Brand::own(panel).at("oven.example").panel, expected);
    }
}

#[test]
fn a_brand_gives_a_mail_its_name_colour_and_logo() {
    let brand = Brand {
        name: "Oven Host".to_owned(),
        logo: Some("https://oven.example/logo.png".to_owned()),
        colour: "#aa3300".to_owned(),
        panel: "https://panel.oven.example".to_owned(),
    };
    let rendered = letter().render(&brand);
    assert!(
        rendered
            .html
            .contains("src=\"https://oven.example/logo.png\" alt=\"Oven Host\"")
    );
    assert!(rendered.html.contains("background:#aa3300"));
    assert!(rendered.text.ends_with("-- \nOven Host\nhttps://panel.oven.example\n"));
    assert!(!rendered.html.contains("mPanel") && !rendered.text.contains("mPanel"));
}
