//! Requests that pass to the origin: as what they go there, and what their answers tell about what is kept.

use std::sync::Arc;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::config::Rules;
use super::directives::{MPANEL, SURROGATE};
use super::flow::Asked;
use super::key::for_everybody;
use super::object::Object;
use super::policy::Times;
use super::serve::CACHE_STATUS;
use super::{Cache, fetch};

/// A request that the cache does not answer.
pub(crate) struct Passing {
    /// The `fwd` of `Cache-Status`.
    pub(super) why: &'static str,
    /// A change: what is kept of the address is no longer true (RFC 9111 §4.4).
    pub(super) changes: bool,
    /// What a `HEAD` may show to be old or still true (§4.3.5), and what is to be asked of the origin then.
    pub(super) kept: Option<(Arc<Object>, PathAndQuery)>,
}

impl Passing {
    pub(super) fn new(why: &'static str) -> Self {
        Self {
            why,
            changes: false,
            kept: None,
        }
    }

    /// Makes a request fit for what its answer may change: one that changes what others get is as for everybody. Whether
    /// it is.
    pub(crate) fn prepare(&self, rules: &Rules, parts: &mut Parts) -> bool {
        if let Some((_, target)) = &self.kept {
            share(rules, target, parts);
        }
        self.kept.is_some()
    }
}

/// Makes a client's request the one for everybody.
pub(super) fn share(rules: &Rules, target: &PathAndQuery, parts: &mut Parts) {
    for_everybody(&mut parts.headers, rules);
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.path_and_query = Some(target.clone());
    parts.uri = Uri::from_parts(uri).unwrap_or_else(|_| Uri::from(target.clone()));
}

/// Takes out what an origin says to this cache alone.
pub(super) fn keep_to_us(headers: &mut HeaderMap) {
    for ours in [MPANEL, SURROGATE] {
        headers.remove(ours);
    }
}

pub(super) fn say(rules: &Rules, headers: &mut HeaderMap, why: &'static str) {
    if rules.status_field
        && let Ok(value) = HeaderValue::try_from(format!("mpanel; fwd={why}"))
    {
        headers.append(CACHE_STATUS, value);
    }
}

impl Cache {
    /// Looks at the answer to a request that passed: a change makes what is kept untrue, a `HEAD` may do so.
    pub(crate) fn passed(
        &self,
        rules: &Rules,
        asked: &Asked<'_>,
        passing: &Passing,
        status: StatusCode,
        headers: &mut HeaderMap,
    ) {
        if passing.changes && (status.is_success() || status.is_redirection()) {
            let target = asked.parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
            self.forget_address(rules, asked.authority, target, false);
            for name in [header::LOCATION, header::CONTENT_LOCATION] {
                let other = headers.get(name).and_then(|value| value.to_str().ok());
                if let Some(other) = other.and_then(|other| same_origin(asked, other)) {
                    self.forget_address(rules, asked.authority, &other, false);
                }
            }
        }
        if let Some((kept, _)) = passing.kept.as_ref().filter(|_| status == StatusCode::OK) {
            let now = self.clock.now();
            fetch::freshen(
                self,
                rules,
                kept,
                &asked.parts.headers,
                headers,
                Times {
                    sent: now,
                    received: now,
                },
            );
        }
        keep_to_us(headers);
        say(rules, headers, passing.why);
    }
}

/// Path and query of a reference, if it leads to the same host (RFC 9111 §4.4).
fn same_origin(asked: &Asked<'_>, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    if let Some(rest) = ["http://", "https://", "//"]
        .iter()
        .find_map(|start| reference.strip_prefix(start))
    {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if !authority.eq_ignore_ascii_case(asked.authority) {
            return None;
        }
        return Some(match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        });
    }
    if reference.starts_with('/') {
        return Some(reference.to_owned());
    }
    let path = asked.parts.uri.path();
    let folder = &path[..=path.rfind('/')?];
    (!reference.is_empty() && !reference.contains(':')).then(|| format!("{folder}{reference}"))
}
