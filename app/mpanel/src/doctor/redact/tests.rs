use mpanel_crypto::{Token, TokenKind};

use super::Redaction;

fn clean(text: &str) -> String {
    Redaction::default().text(text)
}

#[test]
fn a_token_of_each_kind_is_taken_out_wherever_it_stands_and_when_it_was_cut_short() {
    for kind in TokenKind::ALL {
        let token = Token::generate(kind);
        let token = token.reveal();
        let (prefix, letters) = token.split_once('_').unwrap();
        for text in [
            format!("with {token} in it"),
            format!("http://127.0.0.1:1/{prefix}#{token}"),
            format!("cookie-like=__Host-mpanel_session={token};"),
            format!("cut short: {}", &token[..prefix.len() + 20]),
            token.to_ascii_uppercase(),
        ] {
            let clean = clean(&text).to_ascii_lowercase();
            assert!(!clean.contains(&letters[..16]), "{kind:?}: {text}: {clean}");
        }
    }
}

#[test]
fn names_that_begin_like_a_token_are_left() {
    for name in [
        "mpanel_sessions_ended_total",
        "email_confirmations_sent_total",
        "reset_requested_by_somebody",
        "session_cookie_renewed",
        "claim_abandoned",
        "activate_release",
    ] {
        assert_eq!(clean(name), name);
    }
}
