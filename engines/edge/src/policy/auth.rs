//! Areas that ask for a name and a password (RFC 7617).

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap};
use http::{HeaderValue, StatusCode};
use mpanel_crypto::{Passwords, Verdict, check_password_hash};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::network::Network;
use mpanel_kernel::throttle::Throttle;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::Refusal;
use super::config::BasicAuth;
use super::pattern::Pattern;
use crate::pages;

/// Wrong passwords of one network until it has to wait, and how long until it has them all again.
const WRONG: u32 = 10;
const WRONG_IN: Duration = Duration::from_secs(60);
/// Right passwords that are remembered, since a hash costs 25 ms and a page asks for fifty files.
const REMEMBERED: usize = 1_024;
/// `Authorization` fields beyond this are no password that anybody types.
const MAX_CREDENTIALS: usize = 1_024;

pub(crate) struct Area {
    pub(crate) path: Pattern,
    challenge: HeaderValue,
    users: HashMap<Box<str>, Box<str>>,
    /// By a key that only this process has, so that memory holds no password.
    key: hmac::Key,
    right: Cache<[u8; 32], ()>,
    wrong: Throttle<Network>,
    /// One at a time, so that guesses are counted before the next one is looked at.
    turn: Semaphore,
}

impl std::fmt::Debug for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Area").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Area {
    pub(crate) fn compile(config: &BasicAuth, clock: &SharedClock) -> Result<Self, String> {
        let realm = &config.realm;
        if realm.is_empty() || realm.len() > 100 || realm.chars().any(|char| char.is_control() || "\"\\".contains(char))
        {
            return Err("auth: realm is 1 to 100 characters without quotes and backslashes".to_owned());
        }
        if config.users.is_empty() {
            return Err("auth: nobody could come in: users is empty".to_owned());
        }
        let mut users = HashMap::new();
        for (name, hash) in &config.users {
            if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
                return Err(format!(
                    "auth: user {name:?}: a name has no colon and no control characters"
                ));
            }
            check_password_hash(hash).map_err(|error| format!("auth: user {name:?}: {error}"))?;
            users.insert(name.as_str().into(), hash.as_str().into());
        }
        let challenge = HeaderValue::from_str(&format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
        let mut key = [0; 32];
        mpanel_crypto::fill_random(&mut key);
        Ok(Self {
            path: Pattern::parse(&config.path)?,
            challenge: challenge.map_err(|_| "auth: realm is not plain text".to_owned())?,
            users,
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            right: Cache::new(REMEMBERED),
            wrong: Throttle::new(SharedClock::clone(clock), WRONG, WRONG_IN),
            turn: Semaphore::new(1),
        })
    }

    /// Lets somebody in, or says what to answer.
    pub(crate) async fn ask(&self, headers: &HeaderMap, client: IpAddr, passwords: &Passwords) -> Result<(), Refusal> {
        let Some(field) = headers.get(header::AUTHORIZATION) else {
            return Err(self.challenge());
        };
        let mark = hmac::sign(&self.key, field.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(mark.as_ref());
        if self.right.get(&key).is_some() {
            return Ok(());
        }
        let network = Network::of(client);
        self.patience(&network)?;
        let Some((name, password)) = credentials(field) else {
            return Err(self.challenge());
        };
        let Ok(_turn) = self.turn.acquire().await else {
            return Err(self.challenge());
        };
        // Others of the same page may have been asked meanwhile, or guessed wrong.
        if self.right.get(&key).is_some() {
            return Ok(());
        }
        self.patience(&network)?;
        let stored = self.users.get(name.as_str()).map(AsRef::as_ref);
        match passwords.verify(&password, stored).await {
            Ok(Verdict::Match { .. }) => {
                self.right.insert(key, ());
                Ok(())
            }
            Ok(Verdict::Mismatch) => {
                // The look before decides; this only counts.
                let _ = self.wrong.take(&network);
                Err(self.challenge())
            }
            Err(error) => {
                tracing::warn!(%error, "a password could not be checked");
                Err(pages::text(StatusCode::SERVICE_UNAVAILABLE, "try again in a moment\n").into())
            }
        }
    }

    /// Whoever guesses must not keep the processor busy either.
    fn patience(&self, network: &Network) -> Result<(), Refusal> {
        self.wrong
            .look(network)
            .map_err(|seconds| Box::new(pages::too_many(seconds)))
    }

    fn challenge(&self) -> Refusal {
        let mut response = pages::text(StatusCode::UNAUTHORIZED, "a name and a password are needed\n");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, self.challenge.clone());
        response.into()
    }
}

fn credentials(field: &HeaderValue) -> Option<(String, String)> {
    let text = field.to_str().ok().filter(|text| text.len() <= MAX_CREDENTIALS)?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}
