//! Redirects and rewrites.

use std::collections::HashMap;

use http::{HeaderValue, StatusCode, Uri};

use super::config::Rule;
use super::pattern::{Pattern, Template};
use crate::host;

/// Rules of one host. More than this would be a table for a program of one's own.
const MAX_RULES: usize = 5_000;
/// Rules with variable parts are compared one after the other.
const MAX_OPEN: usize = 500;
/// Bytes of `from`, and of `to`.
const MAX_TEXT: usize = 2_048;
/// Variable parts of `to`: each may be as long as a request's path.
const MAX_NAMES: usize = 16;
/// Bytes of what a rule leads to; clients and servers take no longer lines.
const MAX_FILLED: usize = 8_192;

/// Where a rule leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The client is sent there.
    Redirect { status: StatusCode, location: String },
    /// The request is answered as if it had asked for this path and query.
    Rewrite(String),
    /// What it leads to is longer than anybody takes.
    TooLong,
}

#[derive(Debug, Default)]
pub(crate) struct Rules {
    all: Vec<Compiled>,
    /// The first rule for each path without a variable part.
    exact: HashMap<Box<str>, usize>,
    /// The others, in order.
    open: Vec<usize>,
}

#[derive(Debug)]
struct Compiled {
    from: Pattern,
    to: Template,
    /// `None` is a rewrite.
    status: Option<StatusCode>,
    has_query: bool,
}

impl Rules {
    pub(crate) fn compile(rules: &[Rule]) -> Result<Self, String> {
        if rules.len() > MAX_RULES {
            return Err(format!("more than {MAX_RULES} redirects"));
        }
        let mut out = Self::default();
        for (at, rule) in rules.iter().enumerate() {
            let compiled = Compiled::new(rule).map_err(|why| format!("redirect {}: {why}", at + 1))?;
            match compiled.from.literal() {
                Some(path) => {
                    out.exact.entry(path.into()).or_insert(at);
                }
                None => out.open.push(at),
            }
            out.all.push(compiled);
        }
        if out.open.len() > MAX_OPEN {
            return Err(format!("more than {MAX_OPEN} redirects with `*` or `:`"));
        }
        Ok(out)
    }

    /// The first rule for a normalised path that leads elsewhere.
    pub(crate) fn find(&self, relative: &str, query: Option<&str>) -> Option<Found> {
        if self.all.is_empty() {
            return None;
        }
        let path = relative.strip_suffix('/').unwrap_or(relative);
        let mut exact = self.exact.get(path).copied();
        for &at in &self.open {
            if let Some(first) = exact.take_if(|first| *first < at)
                && let Some(found) = self.all[first].follow(relative, query)
            {
                return Some(found);
            }
            if let Some(found) = self.all[at].follow(relative, query) {
                return Some(found);
            }
        }
        exact.and_then(|first| self.all[first].follow(relative, query))
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Result<Self, String> {
        for (field, text) in [("from", &rule.from), ("to", &rule.to)] {
            if text.len() > MAX_TEXT {
                return Err(format!("{field} is longer than {MAX_TEXT} bytes"));
            }
        }
        let from = Pattern::parse(&rule.from)?;
        let status = match rule.status {
            200 => None,
            301 | 302 | 303 | 307 | 308 => StatusCode::from_u16(rule.status).ok(),
            other => return Err(format!("status {other} is not 200, 301, 302, 303, 307 or 308")),
        };
        destination(&rule.to, status.is_some())?;
        let to = Template::parse(&rule.to, &from);
        if to.varies_before_path() {
            return Err(format!("to {:?}: the host cannot vary", rule.to));
        }
        if to.names() > MAX_NAMES {
            return Err(format!("to: more than {MAX_NAMES} variable parts"));
        }
        let has_query = rule.to.contains('?');
        Ok(Self {
            from,
            to,
            status,
            has_query,
        })
    }

    fn follow(&self, relative: &str, query: Option<&str>) -> Option<Found> {
        let captures = self.from.captures(relative)?;
        let room = MAX_FILLED.saturating_sub(query.map_or(0, |query| query.len() + 1));
        let Some(mut to) = self.to.fill(&captures, room) else {
            return Some(Found::TooLong);
        };
        // One that leads to where it came from would never end.
        let (path, _) = to.split_once(['?', '#']).unwrap_or((&to, ""));
        if crate::path::normalise(path).is_ok_and(|path| path.relative == relative) {
            return None;
        }
        if let (Some(query), false) = (query.filter(|query| !query.is_empty()), self.has_query) {
            let fragment = to.find('#').unwrap_or(to.len());
            to.insert_str(fragment, query);
            to.insert(fragment, '?');
        }
        Some(match self.status {
            Some(status) => Found::Redirect { status, location: to },
            None => Found::Rewrite(to),
        })
    }
}

/// A path of the host itself, or another address.
fn destination(to: &str, may_leave: bool) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("to {to:?}: {why}"));
    if HeaderValue::from_str(to).is_err() || to.contains('\\') {
        return wrong("is no address");
    }
    if to.starts_with('/') {
        return match to.starts_with("//") {
            true => wrong("begins with two slashes, which would be another host"),
            false if !may_leave && to.contains('#') => wrong("what is answered has no fragment"),
            false => Ok(()),
        };
    }
    if !may_leave {
        return wrong("status 200 answers with a path of the same host, which begins with /");
    }
    let Ok(uri) = to.parse::<Uri>() else {
        return wrong("is neither a path nor a url");
    };
    let authority = uri
        .authority()
        .map(|authority| host::parse_authority(authority.as_str().as_bytes()));
    match (uri.scheme_str(), authority) {
        (Some("http" | "https"), Some(Ok(_))) => Ok(()),
        _ => wrong("is neither a path nor an absolute http or https url"),
    }
}
