use http::{HeaderMap, HeaderName, HeaderValue};
use mpanel_crypto::{Token, TokenKind};

use crate::{CredentialError, Presented, host, is_cross_site, is_same_site_for_sure};

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn read(fields: &[(&'static str, &str)]) -> Result<Option<&'static str>, CredentialError> {
    Ok(Presented::read(&headers(fields))?.map(|presented| match presented {
        Presented::Session(_) => "session",
        Presented::ApiToken(_) => "token",
    }))
}

#[test]
fn one_credential_is_read_and_two_are_refused() {
    let session = Token::generate(TokenKind::Session).reveal().to_owned();
    let cookie = format!("a=1; __Host-mpanel_session={session}; b=2");
    let bearer = format!("Bearer {}", Token::generate(TokenKind::Api).reveal());
    let ambiguous = Err(CredentialError::Ambiguous);
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(read(&[("cookie", "theme=dark")]), Ok(None));
    assert_eq!(read(&[("cookie", &cookie)]), Ok(Some("session")));
    assert_eq!(read(&[("authorization", &bearer)]), Ok(Some("token")));
    assert_eq!(read(&[("authorization", &bearer), ("cookie", &cookie)]), ambiguous);
    assert_eq!(
        read(&[("authorization", &bearer), ("authorization", &bearer)]),
        ambiguous
    );
    assert_eq!(read(&[("cookie", &cookie), ("cookie", &cookie)]), ambiguous);
    let twice = format!("{cookie}; __Host-mpanel_session={session}");
    assert_eq!(read(&[("cookie", &twice)]), ambiguous);
}

#[test]
fn what_we_never_gave_is_no_credential() {
    let token = Token::generate(TokenKind::Api).reveal().to_owned();
    let session = Token::generate(TokenKind::Session).reveal().to_owned();
    let mistyped = format!("Bearer {}x", &token[..token.len() - 1]);
    for value in [
        "Basic YTpi",
        "Bearer",
        "Bearer mpk_abc",
        "mpk_abc",
        mistyped.as_str(),
        "",
    ] {
        assert_eq!(
            read(&[("authorization", value)]),
            Err(CredentialError::Invalid),
            "{value}"
        );
    }
    assert_eq!(
        read(&[("authorization", &format!("Bearer {session}"))]),
        Err(CredentialError::Invalid),
        "a session's token is for cookies"
    );
    for value in [
        "__Host-mpanel_session=",
        "__Host-mpanel_session=nonsense",
        &format!("__Host-mpanel_session={token}"),
        &format!("__Host-mpanel_session=\"{session}\""),
    ] {
        assert_eq!(read(&[("cookie", value)]), Err(CredentialError::Invalid), "{value}");
    }
    // Names are told apart exactly.
    let other = format!("__host-mpanel_session={session}; mpanel_session={session}");
    assert_eq!(read(&[("cookie", &other)]), Ok(None));
}

#[test]
fn the_host_has_neither_port_nor_case() {
    let of = |value: &str| host(&headers(&[("host", value)]));
    assert_eq!(of("Panel.Example.com:7080"), "panel.example.com");
    assert_eq!(of("panel.example.com."), "panel.example.com");
    assert_eq!(of("[::1]:7080"), "::1");
    assert_eq!(of("127.0.0.1"), "127.0.0.1");
    assert_eq!(host(&HeaderMap::new()), "");
}

#[test]
fn v3_5_1_requests_from_pages_of_other_sites_are_known() {
    const HOST: (&str, &str) = ("host", "panel.example.com:7080");
    type Case<'a> = (&'a [(&'static str, &'a str)], bool, bool);
    let cases: [Case<'_>; 9] = [
        (&[], false, false),
        (&[("sec-fetch-site", "same-origin")], false, true),
        (&[("sec-fetch-site", "none")], false, true),
        (&[("sec-fetch-site", "same-site")], true, false),
        (&[("sec-fetch-site", "cross-site")], true, false),
        (&[("origin", "https://panel.example.com:7080")], false, true),
        (&[("origin", "https://panel.example.com")], true, false),
        (&[("origin", "null")], true, false),
        (
            &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
            true,
            false,
        ),
    ];
    for (fields, cross, sure) in cases {
        let map = headers(&[fields, &[HOST]].concat());
        assert_eq!(
            (is_cross_site(&map), is_same_site_for_sure(&map)),
            (cross, sure),
            "{fields:?}"
        );
    }
}
