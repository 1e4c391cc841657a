use std::collections::BTreeSet;

use crate::{Token, TokenHash, TokenKind};

#[test]
fn tokens_have_a_recognisable_form_and_256_random_bits() {
    let (a, b) = (Token::generate(TokenKind::Api), Token::generate(TokenKind::Api));
    assert_ne!(a.reveal(), b.reveal());
    let (prefix, body) = a.reveal().split_once('_').unwrap();
    assert_eq!((prefix, body.len()), ("mpk", 58));
    assert!(
        body.bytes()
            .all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte))
    );
    assert_eq!(format!("{a:?}"), "Token(mpk_[redacted])");
}

#[test]
fn asvs_7_2_3_a_token_finds_its_own_hash_only() {
    let token = Token::generate(TokenKind::Session);
    let received = Token::parse(TokenKind::Session, token.reveal()).unwrap();
    let stored = TokenHash::try_from(token.hash().as_bytes()).unwrap();
    assert_eq!(received.hash(), stored);
    assert_ne!(Token::generate(TokenKind::Session).hash(), stored);
    assert!(TokenHash::try_from(&[0u8; 31][..]).is_err());
}

#[test]
fn text_that_is_no_token_of_the_prefix_is_refused_without_a_look_up() {
    let token = Token::generate(TokenKind::Api);
    let text = token.reveal();
    let body = text.strip_prefix("mpk_").unwrap();
    for bad in [
        String::new(),
        "mpk_".into(),
        body.to_owned(),
        format!("mps_{body}"),
        format!("mpk-{body}"),
        text.to_uppercase(),
        format!("mpk_{}", body.to_uppercase()),
        format!("{text}a"),
        format!(" {text}"),
        text[..text.len() - 1].to_owned(),
        format!("mpk_{}", "é".repeat(29)),
    ] {
        assert!(Token::parse(TokenKind::Api, &bad).is_err(), "{bad}");
    }
}

#[test]
fn a_mistyped_character_is_caught_by_the_checksum() {
    let token = Token::generate(TokenKind::Api);
    let text = token.reveal();
    for at in 4..text.len() {
        let other = if text.as_bytes()[at] == b'a' { "b" } else { "a" };
        let mistyped = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        assert!(Token::parse(TokenKind::Api, &mistyped).is_err(), "position {at}");
    }
}

#[test]
fn what_a_token_is_for_stands_before_it_and_nothing_else_is_taken_for_it() {
    let prefixes: BTreeSet<&str> = TokenKind::ALL.into_iter().map(TokenKind::prefix).collect();
    assert_eq!(prefixes.len(), TokenKind::ALL.len());
    for kind in TokenKind::ALL {
        assert!(kind.prefix().bytes().all(|byte| byte.is_ascii_lowercase()), "{kind:?}");
        let token = Token::generate(kind);
        for other in TokenKind::ALL {
            assert_eq!(Token::parse(other, token.reveal()).is_ok(), kind == other);
        }
    }
}
