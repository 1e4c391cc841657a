//! What a site says about caching, and the same made ready.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::HeaderMap;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use super::directives::MAX_DELTA;
use super::group::Group;
use super::purge::Site;

/// How answers of a host's proxy or PHP target are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CachePolicy {
    /// Which rules the other fields add to.
    pub mode: Mode,
    /// Hosts with the same label share one budget; the site's label when empty.
    pub budget_group: String,
    /// Bytes of memory the group may hold; 0 is a quarter of the whole. Of hosts in one group that say different
    /// things, the last one configured counts.
    pub budget_bytes: u64,
    /// Answers with a longer body are not kept.
    pub max_object_bytes: u64,
    /// Seconds for which a 200, 203, 204, 301, 308 or 410 is fresh when the origin names no time.
    pub default_ttl: Option<u32>,
    /// The same by status; for failures and what is not there.
    pub status_ttl: BTreeMap<u16, u32>,
    /// Seconds of freshness at most, whatever the origin says.
    pub max_ttl: Option<u32>,
    /// Whether a tenth of the time since `Last-Modified` is taken for freshness when nothing else names it
    /// (RFC 9111 §4.2.2).
    pub heuristic: bool,
    /// Seconds during which a stale answer is served while it is fetched anew, when the origin does not say.
    pub stale_while_revalidate: u32,
    /// Seconds during which a stale answer stands in for a failing origin, when the origin does not say.
    pub stale_if_error: u32,
    /// What of the query tells answers apart. What does not is not sent on either.
    pub query: Query,
    /// Parameters that never count, as `utm_*` or `fbclid`.
    pub ignore_query: Vec<String>,
    /// Requests with one of these cookies (`name` or `name*`) go to the origin.
    pub bypass_cookies: Vec<String>,
    /// Requests for these paths and what lies below them go to the origin.
    pub bypass_paths: Vec<String>,
    /// What becomes of answers that set cookies.
    pub set_cookie: SetCookie,
    /// Whether answers say in `Cache-Status` (RFC 9211) where they come from.
    pub status_field: bool,
}

impl CachePolicy {
    /// Whether it can be used.
    ///
    /// # Errors
    /// What is wrong with it, with the field.
    pub fn check(&self) -> Result<(), String> {
        for path in &self.bypass_paths {
            if !path.starts_with('/') {
                return Err(format!("cache.bypass_paths: {path:?} does not start with a slash"));
            }
        }
        for status in self.status_ttl.keys() {
            if !(200..=599).contains(status) {
                return Err(format!("cache.status_ttl: {status} is not the status of an answer"));
            }
        }
        let names = [
            ("cache.bypass_cookies", &self.bypass_cookies),
            ("cache.ignore_query", &self.ignore_query),
        ];
        for (field, names) in names {
            if names.iter().any(|name| name.is_empty() || name == "*") {
                return Err(format!("{field}: a name is missing"));
            }
        }
        Ok(())
    }
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self {
            mode: Mode::Standard,
            budget_group: String::new(),
            budget_bytes: 0,
            max_object_bytes: 8 * 1024 * 1024,
            default_ttl: None,
            status_ttl: BTreeMap::new(),
            max_ttl: None,
            heuristic: false,
            stale_while_revalidate: 0,
            stale_if_error: 0,
            query: Query::AsIs,
            ignore_query: Vec::new(),
            bypass_cookies: Vec::new(),
            bypass_paths: Vec::new(),
            set_cookie: SetCookie::Pass,
            status_field: true,
        }
    }
}

/// A set of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing is kept.
    Off,
    /// What the origin allows is kept.
    #[default]
    Standard,
    /// For WordPress and WooCommerce: pages are fresh for ten minutes unless they say otherwise; who has logged in,
    /// commented or put something into a cart goes to PHP, as do the pages for that; other cookies do not reach it.
    Wordpress,
}

/// What of a query is part of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// All of it, byte by byte.
    #[default]
    AsIs,
    /// All of it, the parameters in order of their bytes.
    Sorted,
    /// These parameters, in order.
    Only(Vec<String>),
    /// Nothing.
    Ignored,
}

/// What becomes of answers with `Set-Cookie`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetCookie {
    /// They are not kept.
    #[default]
    Pass,
    /// They are kept without the field, also for the one who caused it.
    Strip,
    /// They are kept with it, as the letter of RFC 9111 §7.3 has it. Every visitor gets the first one's cookie.
    Keep,
}

const WORDPRESS_COOKIES: [&str; 8] = [
    "wordpress_logged_in_*",
    "wordpress_sec_*",
    "wp-postpass_*",
    "comment_author_*",
    "woocommerce_items_in_cart",
    "woocommerce_cart_hash",
    "wp_woocommerce_session_*",
    "edd_items_in_cart",
];
const WORDPRESS_PATHS: [&str; 9] = [
    "/wp-admin",
    "/wp-login.php",
    "/wp-cron.php",
    "/xmlrpc.php",
    "/wp-json",
    "/wp-comments-post.php",
    "/cart",
    "/checkout",
    "/my-account",
];
const WORDPRESS_IGNORED: [&str; 8] = [
    "utm_*", "fbclid", "gclid", "gbraid", "wbraid", "msclkid", "mc_cid", "mc_eid",
];
/// Seconds.
const WORDPRESS_TTL: u32 = 600;

/// A policy made ready.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) site: Arc<Site>,
    pub(crate) group: Arc<Group>,
    pub(crate) max_object_bytes: u64,
    default_ttl: Option<u32>,
    status_ttl: BTreeMap<u16, u32>,
    pub(crate) max_ttl: u32,
    pub(crate) heuristic: bool,
    pub(crate) stale_while_revalidate: u32,
    pub(crate) stale_if_error: u32,
    pub(crate) query: Query,
    pub(crate) ignore_query: Vec<Pattern>,
    bypass_cookies: Vec<Pattern>,
    bypass_paths: Vec<Box<str>>,
    pub(crate) set_cookie: SetCookie,
    pub(crate) strip_cookies: bool,
    pub(crate) status_field: bool,
}

/// A name, or the beginning of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<str>,
    open: bool,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let (text, open) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        Self {
            text: text.into(),
            open,
        }
    }

    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        match self.open {
            true => name.starts_with(self.text.as_bytes()),
            false => name == self.text.as_bytes(),
        }
    }
}

impl Rules {
    /// `None` when nothing is to be kept. The error names the field.
    pub(crate) fn compile(
        policy: &CachePolicy,
        site: impl FnOnce() -> Arc<Site>,
        group: impl FnOnce(&str, u64) -> Arc<Group>,
    ) -> Result<Option<Self>, String> {
        if policy.mode == Mode::Off {
            return Ok(None);
        }
        policy.check()?;
        let wordpress = policy.mode == Mode::Wordpress;
        let preset = |own: &[String], preset: &[&str]| -> Vec<Pattern> {
            let preset = preset.iter().copied().filter(|_| wordpress);
            own.iter().map(String::as_str).chain(preset).map(Pattern::new).collect()
        };
        let mut bypass_paths: Vec<Box<str>> = policy
            .bypass_paths
            .iter()
            .map(|path| path.trim_end_matches('/').into())
            .collect();
        if wordpress {
            bypass_paths.extend(WORDPRESS_PATHS.iter().map(|path| Box::from(*path)));
        }
        let site = site();
        let label = match policy.budget_group.as_str() {
            "" => site.label().to_owned(),
            label => label.to_owned(),
        };
        Ok(Some(Self {
            group: group(&label, policy.budget_bytes),
            site,
            max_object_bytes: policy.max_object_bytes,
            default_ttl: policy.default_ttl.or(wordpress.then_some(WORDPRESS_TTL)),
            status_ttl: policy.status_ttl.clone(),
            max_ttl: policy.max_ttl.unwrap_or(MAX_DELTA),
            heuristic: policy.heuristic,
            stale_while_revalidate: policy.stale_while_revalidate,
            stale_if_error: policy.stale_if_error,
            query: policy.query.clone(),
            ignore_query: preset(&policy.ignore_query, &WORDPRESS_IGNORED),
            bypass_cookies: preset(&policy.bypass_cookies, &WORDPRESS_COOKIES),
            bypass_paths,
            set_cookie: policy.set_cookie,
            strip_cookies: wordpress,
            status_field: policy.status_field,
        }))
    }

    pub(crate) fn status_ttl(&self, status: StatusCode) -> Option<u32> {
        let status = status.as_u16();
        let named = self.status_ttl.get(&status).copied();
        named.or(self
            .default_ttl
            .filter(|_| matches!(status, 200 | 203 | 204 | 301 | 308 | 410)))
    }

    /// Whether the site sends requests like this one to its origin.
    pub(crate) fn bypasses(&self, path: &str, headers: &HeaderMap) -> bool {
        let below = |start: &str| {
            path.strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.bypass_paths.iter().any(|start| below(start)) {
            return true;
        }
        if self.bypass_cookies.is_empty() {
            return false;
        }
        headers.get_all(header::COOKIE).iter().any(|line| {
            // Quotes mean nothing here: what one hides from us, the program behind still sees.
            line.as_bytes().split(|byte| *byte == b';').any(|cookie| {
                let cookie = cookie.trim_ascii();
                let end = cookie.iter().position(|byte| *byte == b'=').unwrap_or(cookie.len());
                let name = cookie[..end].trim_ascii_end();
                self.bypass_cookies.iter().any(|pattern| pattern.matches(name))
            })
        })
    }
}
