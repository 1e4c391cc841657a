//! The one place that reads a credential out of a request. Two parsers that disagree about one
//! session are how panels are taken over, so whatever is unclear is refused.

use http::{HeaderMap, header};
use mpanel_crypto::{Token, TokenKind};
use mpanel_kernel::error::{Kind, PublicError};

/// Host-bound by its name: browsers take it only with `Secure`, `Path=/` and without `Domain`.
pub const SESSION_COOKIE: &str = "__Host-mpanel_session";

/// A credential as presented, not yet looked up.
#[derive(Debug)]
pub enum Presented {
    /// The cookie of a browser's session.
    Session(Token),
    /// `Authorization: Bearer mpk_…`.
    ApiToken(Token),
}

/// What is presented cannot be a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("send one credential: either the session's cookie or one Authorization header")]
    Ambiguous,
    #[error("this credential is not valid")]
    Invalid,
}

impl PublicError for CredentialError {
    fn kind(&self) -> Kind {
        match self {
            Self::Ambiguous => Kind::Malformed,
            Self::Invalid => Kind::Unauthenticated,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous => "identity.credential.ambiguous",
            Self::Invalid => "identity.credential.invalid",
        }
    }
}

impl Presented {
    /// Reads the credential of a request; `None` when there is none.
    ///
    /// # Errors
    /// [`CredentialError::Ambiguous`] for more than one, [`CredentialError::Invalid`] for one that
    /// we cannot have given.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, CredentialError> {
        let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
        let bearer = authorizations.next();
        let cookie = session_cookie(headers)?;
        if authorizations.next().is_some() || (bearer.is_some() && cookie.is_some()) {
            return Err(CredentialError::Ambiguous);
        }
        if let Some(value) = bearer {
            let text = value.to_str().map_err(|_| CredentialError::Invalid)?;
            let (scheme, token) = text.split_once(' ').ok_or(CredentialError::Invalid)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(CredentialError::Invalid);
            }
            let token = Token::parse(TokenKind::Api, token.trim()).map_err(|_| CredentialError::Invalid)?;
            return Ok(Some(Self::ApiToken(token)));
        }
        cookie
            .map(|text| Token::parse(TokenKind::Session, text).map(Self::Session))
            .transpose()
            .map_err(|_| CredentialError::Invalid)
    }

    /// The token, whatever it stands for.
    #[must_use]
    pub fn token(&self) -> &Token {
        match self {
            Self::Session(token) | Self::ApiToken(token) => token,
        }
    }
}

/// The value of the session's cookie, over all `Cookie` fields (RFC 6265 §5.4, RFC 9113 §8.2.3).
fn session_cookie(headers: &HeaderMap) -> Result<Option<&str>, CredentialError> {
    let mut found = None;
    for field in headers.get_all(header::COOKIE) {
        // Another program's cookie on this host may hold any bytes; it must not hide ours.
        for pair in field.as_bytes().split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            let Some(at) = pair.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let (name, value) = (pair[..at].trim_ascii(), &pair[at + 1..]);
            if name != SESSION_COOKIE.as_bytes() {
                continue;
            }
            let value = std::str::from_utf8(value).map_err(|_| CredentialError::Invalid)?;
            if found.replace(value).is_some() {
                return Err(CredentialError::Ambiguous);
            }
        }
    }
    Ok(found)
}

/// The name at which a request arrived, without its port: what a session is bound to, as browsers
/// bind cookies. Empty when the request has none.
#[must_use]
pub fn host(headers: &HeaderMap) -> String {
    let authority = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether a browser says that another site's page makes the request. `Sec-Fetch-Site` cannot be
/// set by scripts; browsers that lack it send `Origin` with every unsafe request.
#[must_use]
pub fn is_cross_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    headers.get(header::ORIGIN).is_some() && !is_own_origin(headers)
}

/// Whether the request says that it comes from a page of our own, or from a person directly.
#[must_use]
pub fn is_same_site_for_sure(headers: &HeaderMap) -> bool {
    !is_cross_site(headers) && (headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN))
}

fn is_own_origin(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (origin, more) = (origins.next(), origins.next());
    let origin = origin.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let authority = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    more.is_none() && host.is_some() && authority.zip(host).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}
