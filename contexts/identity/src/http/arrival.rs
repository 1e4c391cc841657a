use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};
use mpanel_crypto::{Token, TokenHash};
use mpanel_http::{Caller, Problem};

use crate::credential::{Presented, SESSION_COOKIE, host, is_cross_site};
use crate::domain::Presence;
use crate::error::Error;

/// Somebody who signs in. Refuses what a page of another site would send on a visitor's behalf, which
/// would sign them in to an account of its choice (ASVS 3.5.1).
pub struct Arrival(pub Presence);

impl<S: Sync> FromRequestParts<S> for Arrival {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if is_cross_site(&parts.headers) {
            return Err(Error::CrossSite.into());
        }
        let caller = Caller::from_request_parts(parts, state).await?;
        Ok(Self(Presence {
            address: caller.address,
            secure: caller.secure,
            loopback: caller.loopback,
            user_agent: caller.user_agent,
            request_id: caller.request_id,
            host: host(&parts.headers),
            old_session: current(parts),
        }))
    }
}

/// The token of the session that the request belongs to, if a browser makes it.
pub struct Current(pub Option<TokenHash>);

impl<S: Sync> FromRequestParts<S> for Current {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self(current(parts)))
    }
}

/// A cookie that cannot be ours must not keep anybody from signing in.
fn current(parts: &Parts) -> Option<TokenHash> {
    match Presented::read(&parts.headers) {
        Ok(Some(Presented::Session(token))) => Some(token.hash()),
        Ok(_) | Err(_) => None,
    }
}

/// Hands a session to the browser (ASVS 3.3.1 to 3.3.4). It lasts as long as the browser runs; when
/// it ends is decided here, not there.
pub fn set_cookie(token: &Token) -> (HeaderName, HeaderValue) {
    cookie(token.reveal(), "")
}

pub fn clear_cookie() -> (HeaderName, HeaderValue) {
    cookie("", "; Max-Age=0")
}

fn cookie(value: &str, more: &str) -> (HeaderName, HeaderValue) {
    let text = format!("{SESSION_COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{more}");
    let mut value = HeaderValue::try_from(text).expect("a token is letters, digits and an underscore");
    value.set_sensitive(true);
    (header::SET_COOKIE, value)
}
