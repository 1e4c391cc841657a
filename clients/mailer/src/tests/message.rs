use super::support::{mail, sender};
use crate::message::compose;
use crate::{Letter, MailError, Sender};

/// The header of a message, a line each.
fn header(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (header, _) = text.split_once("\r\n\r\n").unwrap();
    header.split("\r\n").map(str::to_owned).collect()
}

/// ASVS 1.2.1 and 1.3.11: what people type does not become a header of a mail.
#[test]
fn nothing_that_people_type_becomes_a_header() {
    for evil in [
        "hello\r\nBcc: victim@example.com",
        "hello\nBcc: victim@example.com",
        "hello\rBcc: victim@example.com",
        "hello\r\n\r\nanother body",
        "hello\u{b}Bcc: x@example.com\u{85}Bcc: y@example.com\0",
    ] {
        let mut mail = mail("ada@example.com");
        mail.subject = evil.to_owned();
        assert!(
            matches!(compose(&mail, &sender()), Err(MailError::Permanent(_))),
            "{evil:?}"
        );
        // A letter puts it right before.
        mail.subject = Letter::new(evil).render(&crate::Brand::own("https://x")).subject;
        let message = compose(&mail, &sender()).unwrap();
        let lines = header(&message.formatted());
        assert!(
            !lines
                .iter()
                .any(|line| line.starts_with("Bcc") || line.starts_with("another")),
            "{lines:?}"
        );
        assert_eq!(message.envelope().to().len(), 1);
    }
    assert!(Sender::parse("Evil\r\nBcc: victim@example.com <panel@example.com>").is_err());
    assert!(Sender::parse("panel@example.com\r\nBcc: victim@example.com").is_err());
}

#[test]
fn a_sender_is_an_address_with_or_without_a_name() {
    for (text, expected) in [
        ("panel@example.com", "From: panel@example.com"),
        ("mPanel <panel@example.com>", "From: mPanel <panel@example.com>"),
        (
            "\"Host, Inc.\" <panel@example.com>",
            "From: =?utf-8?b?SG9zdCwgSW5jLg==?= <panel@example.com>",
        ),
    ] {
        let message = compose(&mail("ada@example.com"), &Sender::parse(text).unwrap()).unwrap();
        let lines = header(&message.formatted());
        assert!(lines.iter().any(|line| line == expected), "{lines:?}");
    }
    for wrong in ["", "nobody", "Name <nobody>", "<>", "a@b <c>"] {
        assert!(Sender::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn words_beyond_ascii_are_encoded_in_header_and_body() {
    let mut mail = mail("ada@example.com");
    mail.subject = "Grüße von der Bäckerei 🥐".to_owned();
    let bytes = compose(&mail, &sender()).unwrap().formatted();
    assert!(bytes.is_ascii());
    assert!(header(&bytes).iter().any(|line| line.starts_with("Subject: =?utf-8?")));
}
