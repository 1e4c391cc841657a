//! What stands between a request and its host's target: who may come, how often, and what is changed on the way.
//!
//! A host without rules costs one comparison. Paths are compared in their decoded, normalised form, since a rule that
//! `/%61dmin` walks around protects nothing; where a rule depends on the path, one that cannot be read is refused.

mod auth;
mod config;
mod guards;
mod headers;
mod pattern;
mod rules;
mod tls;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use ipnet::IpNet;
use mpanel_crypto::Passwords;
use mpanel_kernel::clock::{SharedClock, SystemClock};
use mpanel_kernel::network::Network;
use mpanel_kernel::throttle::Throttle;

use crate::body::Payload;
use crate::{pages, path};
use auth::Area;
pub use config::{
    AccessRule, BasicAuth, ClientAuth, HeaderRule, Hsts, Maintenance, Policy, RateRule, RateScope, Rule, TlsRules,
    TlsVersion,
};
pub(crate) use guards::Guards;
use headers::Headers;
pub(crate) use pattern::Pattern;
pub(crate) use rules::{Found, Rules};
pub(crate) use tls::Handshakes;

/// By these some servers let a client say that it asks for another path.
const OTHER_PATHS: [&str; 4] = ["x-original-url", "x-rewrite-url", "x-override-url", "x-forwarded-uri"];
/// Rules of each kind that one host may have; redirects have a bound of their own.
const MAX_RULES: usize = 100;

/// What is answered instead.
pub(crate) type Refusal = Box<Response<Payload>>;

impl Policy {
    /// Whether it can be used.
    ///
    /// # Errors
    /// What is wrong with it, with the field.
    pub fn check(&self) -> Result<(), String> {
        let clock: SharedClock = Arc::new(SystemClock);
        Guard::compile(self, &clock, None, None).map(drop)
    }
}

/// A policy made ready.
#[derive(Debug)]
pub(crate) struct Guard {
    /// What it was made of: an entry that is set again keeps what has been counted.
    config: Policy,
    handshakes: Option<Arc<Handshakes>>,
    access: Vec<Access>,
    rates: Vec<Rate>,
    maintenance: Option<Closed>,
    rules: Rules,
    areas: Vec<Area>,
    headers: Headers,
    /// Whether something that protects depends on the path.
    is_scoped: bool,
}

#[derive(Debug)]
struct Access {
    path: Pattern,
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

struct Rate {
    path: Pattern,
    scope: RateScope,
    throttle: Throttle<Option<Network>>,
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate").field("path", &self.path).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Closed {
    page: bytes::Bytes,
    retry_after: Option<http::HeaderValue>,
    allow: Vec<IpNet>,
}

impl Guard {
    /// Checks and compiles. The error names the field. Connections that were made under the `former` rules for
    /// handshakes go on under the same.
    pub(crate) fn compile(
        config: &Policy,
        clock: &SharedClock,
        provider: Option<&str>,
        former: Option<&Self>,
    ) -> Result<Self, String> {
        let counts = [
            ("access", config.access.len()),
            ("rates", config.rates.len()),
            ("auth", config.auth.len()),
            ("headers", config.headers.len()),
        ];
        if let Some((what, _)) = counts.iter().find(|(_, count)| *count > MAX_RULES) {
            return Err(format!("{what}: more than {MAX_RULES} rules"));
        }
        let access: Vec<Access> = config.access.iter().map(Access::compile).collect::<Result<_, _>>()?;
        let rates: Vec<Rate> = config
            .rates
            .iter()
            .map(|rule| Rate::compile(rule, clock))
            .collect::<Result<_, _>>()?;
        let areas: Vec<Area> = config
            .auth
            .iter()
            .map(|area| Area::compile(area, clock))
            .collect::<Result<_, _>>()?;
        let paths = access.iter().map(|rule| &rule.path);
        let paths = paths.chain(rates.iter().map(|rule| &rule.path));
        let is_scoped = paths
            .chain(areas.iter().map(|area| &area.path))
            .any(|path| !path.is_everything());
        let handshakes = match (&config.tls, former) {
            (tls, Some(former)) if former.config.tls == *tls => former.handshakes.clone(),
            (tls, _) => tls.as_ref().map(Handshakes::compile).transpose()?.map(Arc::new),
        };
        Ok(Self {
            handshakes,
            access,
            rates,
            maintenance: config
                .maintenance
                .as_ref()
                .map(|closed| Closed::new(closed, provider))
                .transpose()?,
            rules: Rules::compile(&config.rules)?,
            areas,
            headers: Headers::compile(&config.headers, config.hsts.as_ref())?,
            is_scoped,
            config: config.clone(),
        })
    }

    /// Whether it was made of this.
    pub(crate) fn is_of(&self, config: &Policy) -> bool {
        self.config == *config
    }

    /// What its connections must have been made under.
    pub(crate) fn handshakes(&self) -> Option<&Arc<Handshakes>> {
        self.handshakes.as_ref()
    }

    /// Lets a request in, perhaps with another path, or answers it.
    ///
    /// # Errors
    /// The answer.
    pub(crate) async fn enter(&self, client: IpAddr, parts: &mut Parts, passwords: &Passwords) -> Result<(), Refusal> {
        if self.is_scoped && Asked::of(parts).is_none() {
            return Err(pages::text(StatusCode::BAD_REQUEST, "invalid path\n").into());
        }
        if self.is_scoped {
            for name in OTHER_PATHS {
                parts.headers.remove(name);
            }
        }
        let asked = Asked::of(parts).unwrap_or_default();
        self.admit(client, &asked)?;
        if let Some(closed) = &self.maintenance
            && !contains(&closed.allow, client)
        {
            return Err(closed.answer(&parts.method).into());
        }
        // Secrets in a path must not depend on the rules: an area is asked for by the path that is answered in the end.
        let found = asked
            .relative
            .as_deref()
            .and_then(|relative| self.rules.find(relative, parts.uri.query()));
        let asked = match found {
            None => asked.into_owned(),
            Some(Found::TooLong) => {
                return Err(pages::text(StatusCode::URI_TOO_LONG, "this address is too long\n").into());
            }
            Some(Found::Redirect { status, location }) => return Err(pages::redirect(status, &location).into()),
            Some(Found::Rewrite(to)) => {
                parts.uri = rewritten(&parts.uri, &to)
                    .ok_or_else(|| pages::text(StatusCode::BAD_REQUEST, "invalid rewrite\n"))?;
                let asked = Asked::of(parts).map(Asked::into_owned);
                if self.is_scoped && asked.is_none() {
                    return Err(pages::text(StatusCode::BAD_REQUEST, "invalid path\n").into());
                }
                let asked = asked.unwrap_or_default();
                self.let_in(client, &asked)?;
                asked
            }
        };
        if let Some(area) = self.areas.iter().find(|area| asked.is_below(&area.path)) {
            area.ask(&parts.headers, client, passwords).await?;
            // It was meant for the edge; what stands behind has no use for a password.
            parts.headers.remove(header::AUTHORIZATION);
        }
        Ok(())
    }

    /// Changes an answer's header.
    pub(crate) fn leave(&self, headers: &mut HeaderMap, relative: Option<&str>, tls: bool) {
        self.headers.apply(headers, relative, tls);
    }

    /// The path as [`Self::leave`] wants it; `None` when it does not matter or cannot be read.
    pub(crate) fn path_for_answer(&self, uri: &Uri) -> Option<String> {
        if !self.headers.is_scoped() {
            return None;
        }
        path::normalise(uri.path()).ok().map(|path| path.relative.into_owned())
    }

    fn admit(&self, client: IpAddr, asked: &Asked<'_>) -> Result<(), Refusal> {
        self.let_in(client, asked)?;
        for rate in &self.rates {
            if asked.is_below(&rate.path) {
                let whose = match rate.scope {
                    RateScope::Client => Some(Network::of(client)),
                    RateScope::Host => None,
                };
                rate.throttle
                    .check(&whose)
                    .map_err(|seconds| Box::new(pages::too_many(seconds)))?;
            }
        }
        Ok(())
    }

    fn let_in(&self, client: IpAddr, asked: &Asked<'_>) -> Result<(), Refusal> {
        let refused = |rule: &&Access| asked.is_below(&rule.path) && !rule.lets_in(client);
        match self.access.iter().find(refused) {
            Some(_) => Err(pages::text(StatusCode::FORBIDDEN, "this is not open to your address\n").into()),
            None => Ok(()),
        }
    }
}

/// A path as rules compare it; `None` inside is one that only rules for everything match.
#[derive(Default)]
struct Asked<'a> {
    relative: Option<Cow<'a, str>>,
    /// Without what some servers cut off before they look: `/admin;x=1/` is `/admin/` to them.
    bare: Option<String>,
}

impl<'a> Asked<'a> {
    fn of(parts: &'a Parts) -> Option<Self> {
        let relative = path::normalise(parts.uri.path()).ok()?.relative;
        let bare = match relative.contains(';') {
            true => Some(bare(&relative)?),
            false => None,
        };
        Some(Self {
            relative: Some(relative),
            bare,
        })
    }

    fn into_owned(self) -> Asked<'static> {
        Asked {
            relative: self.relative.map(|relative| Cow::Owned(relative.into_owned())),
            bare: self.bare,
        }
    }

    fn is_below(&self, pattern: &Pattern) -> bool {
        let covers = |path: &str| pattern.matches(path) || files(path).any(|file| pattern.matches(file));
        pattern.is_everything()
            || self.relative.as_deref().is_some_and(covers)
            || self.bare.as_deref().is_some_and(covers)
    }
}

/// What may be a program with the rest of the path as its path-info: `/wp-login.php` answers `/wp-login.php/x`, too.
/// Which names are programs is the target's affair; here each that has a dot may be one.
fn files(path: &str) -> impl Iterator<Item = &str> {
    let before = path.match_indices('/').map(|(at, _)| &path[..at]);
    before.filter(|file| file.rsplit('/').next().is_some_and(|name| name.contains('.')))
}

/// `None` where what is left goes up.
fn bare(relative: &str) -> Option<String> {
    let segments = relative
        .split('/')
        .map(|segment| segment.split(';').next().unwrap_or_default());
    let cut = format!("/{}", segments.collect::<Vec<_>>().join("/"));
    path::normalise(&path::encode(&cut))
        .ok()
        .map(|path| path.relative.into_owned())
}

impl Access {
    fn compile(rule: &AccessRule) -> Result<Self, String> {
        if rule.allow.len() + rule.deny.len() > 1_000 {
            return Err("access: more than 1000 networks in a rule".to_owned());
        }
        Ok(Self {
            path: Pattern::parse(&rule.path)?,
            allow: rule.allow.clone(),
            deny: rule.deny.clone(),
        })
    }

    fn lets_in(&self, address: IpAddr) -> bool {
        (self.allow.is_empty() || contains(&self.allow, address)) && !contains(&self.deny, address)
    }
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

impl Rate {
    fn compile(rule: &RateRule, clock: &SharedClock) -> Result<Self, String> {
        if !(1..=1_000_000).contains(&rule.requests) || !(1..=86_400).contains(&rule.seconds) {
            return Err("rates: requests is 1 to 1000000, and seconds 1 to 86400".to_owned());
        }
        let refill = Duration::from_secs(rule.seconds.into());
        Ok(Self {
            path: Pattern::parse(&rule.path)?,
            scope: rule.per,
            throttle: Throttle::new(SharedClock::clone(clock), rule.requests, refill),
        })
    }
}

impl Closed {
    fn new(config: &Maintenance, provider: Option<&str>) -> Result<Self, String> {
        Ok(Self {
            page: pages::page(&config.title, &config.text, provider),
            retry_after: config.retry_at.map(pages::http_date).transpose()?,
            allow: config.allow.clone(),
        })
    }

    fn answer(&self, method: &Method) -> Response<Payload> {
        let mut response = pages::html(StatusCode::SERVICE_UNAVAILABLE, self.page.clone());
        if let Some(at) = &self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, at.clone());
        }
        match *method == Method::HEAD {
            true => pages::without_body(response),
            false => response,
        }
    }
}

/// The same request for another path and query.
fn rewritten(uri: &Uri, to: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(to).ok()?);
    Uri::from_parts(parts).ok()
}
