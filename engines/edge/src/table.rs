//! The host table: compiled entries in immutable maps. A change copies one of many small maps, so that a hundred
//! changes a second on ten thousand hosts cost next to nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::backends::Proxy;
use crate::cache::{Cache, CachePolicy, Rules};
use crate::config::{Host, Target};
use crate::counters::{Counters, Registry};
use crate::edge::Shared;
use crate::fastcgi::PhpRoute;
use crate::policy::Guard;
use crate::proxy::ProxyRoute;
use crate::split::SplitRoute;
use crate::{host, pages, path};

const SHARDS: usize = 64;

/// A host entry made ready to answer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Box<str>,
    pub(crate) site: Box<str>,
    pub(crate) route: Route,
    pub(crate) counters: Arc<Counters>,
    /// How the answers are kept.
    pub(crate) cache: Option<Arc<Rules>>,
    /// By the beginning of a path, the longest first.
    paths: Vec<(Box<str>, Arc<Self>)>,
    pub(crate) guard: Option<Arc<Guard>>,
}

#[derive(Debug)]
pub(crate) enum Route {
    Site(SiteRoute),
    Redirect {
        to: Box<str>,
        status: StatusCode,
        keep_path: bool,
    },
    Panel,
    Php(Arc<PhpRoute>),
    Proxy(ProxyRoute),
    Split(SplitRoute),
    Placeholder(Notice),
    /// No host of this name.
    Unknown,
}

impl Route {
    /// Whether plain HTTP is sent to HTTPS.
    pub(crate) fn https_redirect(&self) -> bool {
        match self {
            Self::Site(site) => site.https_redirect,
            Self::Php(php) => php.files.https_redirect,
            Self::Proxy(proxy) => proxy.https_redirect,
            Self::Split(split) => split.https_redirect(),
            _ => false,
        }
    }
}

/// A built-in page in place of a site.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) page: Bytes,
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<HeaderValue>,
}

#[derive(Debug)]
pub(crate) struct SiteRoute {
    pub(crate) root: Arc<str>,
    pub(crate) spa_fallback: bool,
    pub(crate) not_found: Option<Box<str>>,
    pub(crate) https_redirect: bool,
}

impl Entry {
    /// Checks and compiles an entry; the error says what is wrong.
    pub(crate) fn compile(
        name: &str,
        config: &Host,
        shared: &Shared,
        former: Option<&Arc<Self>>,
    ) -> Result<Self, String> {
        let mut entry = Self::of_target(name, &config.target, shared)?;
        entry.guard = guard(&entry.site, config, shared, former)?;
        entry.keep(config.cache.as_deref(), &shared.cache)?;
        for route in &config.routes {
            let prefix = prefix(&route.path).map_err(|error| format!("routes: {error}"))?;
            if prefix.is_empty() {
                return Err("routes: / is the host's own target".to_owned());
            }
            if entry.paths.iter().any(|(other, _)| *other == prefix) {
                return Err(format!("routes: {prefix} is given twice"));
            }
            let below = Self::part(name, &route.target, shared);
            let mut below = below.map_err(|error| format!("{}: {error}", route.path))?;
            if let Some(below) = Arc::get_mut(&mut below) {
                below.keep(config.cache.as_deref(), &shared.cache)?;
            }
            entry.paths.push((prefix, below));
        }
        entry.paths.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(entry)
    }

    /// Answers of programs and servers are kept as the host says; others come from memory or the disk anyway.
    fn keep(&mut self, policy: Option<&CachePolicy>, cache: &Cache) -> Result<(), String> {
        if let (Some(policy), Route::Proxy(_) | Route::Php(_)) = (policy, &self.route) {
            self.cache = cache.rules(policy, &self.name, &self.site)?;
        }
        Ok(())
    }

    /// A target that is only part of a host.
    pub(crate) fn part(name: &str, target: &Target, shared: &Shared) -> Result<Arc<Self>, String> {
        match target {
            Target::Panel => Err("the panel is a host of its own".to_owned()),
            target => Self::of_target(name, target, shared).map(Arc::new),
        }
    }

    fn of_target(name: &str, target: &Target, shared: &Shared) -> Result<Self, String> {
        let options = &shared.options;
        let (route, site) = match target {
            Target::Site {
                site,
                root,
                spa_fallback,
                not_found,
                https_redirect,
            } => {
                let not_found = not_found
                    .as_deref()
                    .map(|file| relative_file("not_found", file))
                    .transpose()?;
                let route = SiteRoute {
                    root: relative_root(root)?,
                    spa_fallback: *spa_fallback,
                    not_found,
                    https_redirect: *https_redirect,
                };
                (Route::Site(route), site.as_str())
            }
            Target::Redirect {
                site,
                to,
                status,
                keep_path,
            } => (redirect(to, *status, *keep_path)?, site.as_str()),
            Target::Panel => (Route::Panel, ""),
            Target::Split(split) => (Route::Split(SplitRoute::compile(name, split, shared)?), ""),
            Target::Proxy(proxy) => (Route::Proxy(proxy_route(proxy)?), proxy.site.as_str()),
            Target::Php(php) => (
                Route::Php(Arc::new(PhpRoute::compile(php, &options.sites_dir)?)),
                php.site.as_str(),
            ),
            Target::Placeholder {
                site,
                title,
                text,
                status,
                retry_at,
                contact,
            } => {
                let notice = Notice {
                    page: pages::notice(title, text, contact.as_deref(), options.provider.as_deref()),
                    status: notice_status(*status)?,
                    retry_after: retry_at.map(pages::http_date).transpose()?,
                };
                (Route::Placeholder(notice), site.as_str())
            }
        };
        Ok(Self {
            name: name.into(),
            site: site.into(),
            route,
            counters: shared.registry.get(name, site),
            cache: None,
            paths: Vec::new(),
            guard: None,
        })
    }

    /// The entry that answers a request, and a cookie that says so: by path, then by share. `None` for a path that can
    /// be read in several ways where paths matter.
    pub(crate) fn lead(
        self: &Arc<Self>,
        raw: &str,
        headers: &HeaderMap,
        tls: bool,
    ) -> Option<(&Arc<Self>, Option<HeaderValue>)> {
        let mut entry = self;
        if !self.paths.is_empty() {
            let path = path::normalise(raw).ok()?;
            let begins = |prefix: &str| {
                let rest = path.relative.strip_prefix(&prefix[1..]);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            entry = self
                .paths
                .iter()
                .find(|(prefix, _)| begins(prefix))
                .map_or(self, |(_, entry)| entry);
        }
        Some(match &entry.route {
            Route::Split(split) => split.choose(headers, tls),
            _ => (entry, None),
        })
    }

    /// An entry that is not in the configuration: the panel's listener and the unknown host.
    pub(crate) fn built_in(name: &str, route: Route, registry: &Registry) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            site: "".into(),
            route,
            counters: registry.get(name, ""),
            cache: None,
            paths: Vec::new(),
            guard: None,
        })
    }
}

fn proxy_route(proxy: &Proxy) -> Result<ProxyRoute, String> {
    if proxy.upstream.is_empty() {
        return Err("upstream: its name is missing".to_owned());
    }
    let strip = proxy.strip_prefix.as_deref().map(prefix).transpose()?;
    Ok(ProxyRoute {
        upstream: proxy.upstream.as_str().into(),
        host: proxy.host_header,
        strip,
        https_redirect: proxy.https_redirect,
    })
}

/// A path that begins others, without a slash at its end.
fn prefix(text: &str) -> Result<Box<str>, String> {
    let trimmed = text.trim_end_matches('/');
    match path::normalise(text) {
        Ok(path) if format!("/{}", path.relative).trim_end_matches('/') == trimmed => Ok(trimmed.into()),
        _ => Err(format!("{text:?} is not a plain absolute path")),
    }
}

/// What has been counted stays when the rules are the same, and the names of one site count together.
fn guard(
    site: &str,
    config: &Host,
    shared: &Shared,
    former: Option<&Arc<Entry>>,
) -> Result<Option<Arc<Guard>>, String> {
    let Some(policy) = config.policy.as_deref() else {
        return Ok(None);
    };
    let former = former.and_then(|entry| entry.guard.as_ref());
    if let Some(same) = former.filter(|guard| guard.is_of(policy)) {
        return Ok(Some(Arc::clone(same)));
    }
    let provider = shared.options.provider.as_deref();
    let compile = || Guard::compile(policy, &shared.clock, provider, former.map(AsRef::as_ref)).map(Arc::new);
    shared.guards.of(site, policy, compile).map(Some)
}

fn notice_status(status: u16) -> Result<StatusCode, String> {
    match status {
        200 | 400..=599 => StatusCode::from_u16(status).ok(),
        _ => None,
    }
    .ok_or_else(|| format!("placeholder: status {status} is neither 200 nor an error's"))
}

pub(crate) fn relative_root(root: &str) -> Result<Arc<str>, String> {
    let plain = |segment: &str| !segment.is_empty() && segment != "." && segment != ".." && !segment.contains('\0');
    if root.is_empty() || !root.split('/').all(plain) {
        return Err(format!("root {root:?} is not a plain relative path"));
    }
    Ok(root.into())
}

/// A time that is given in milliseconds.
pub(crate) fn time(field: &str, millis: u32) -> Result<Duration, String> {
    match millis {
        0 => Err(format!("{field} must not be 0")),
        millis => Ok(Duration::from_millis(millis.into())),
    }
}

pub(crate) fn relative_file(field: &str, file: &str) -> Result<Box<str>, String> {
    let raw = path::encode(file);
    match path::normalise(&raw) {
        Ok(path) if !path.hidden && !path.is_directory() => Ok(path.relative.into()),
        _ => Err(format!("{field} {file:?} is not a plain relative file")),
    }
}

fn redirect(to: &str, status: u16, keep_path: bool) -> Result<Route, String> {
    let wrong = |why: &str| format!("redirect to {to:?}: {why}");
    let uri: Uri = to.parse().map_err(|_| wrong("not a url"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || HeaderValue::from_str(to).is_err() {
        return Err(wrong("not an absolute http or https url"));
    }
    let authority = uri
        .authority()
        .map(|authority| host::parse_authority(authority.as_str().as_bytes()));
    if !matches!(authority, Some(Ok(_))) {
        return Err(wrong("invalid host"));
    }
    if keep_path && (uri.query().is_some() || to.contains('#')) {
        return Err(wrong("a query or fragment cannot be kept together with the path"));
    }
    let status = match status {
        301 | 302 | 307 | 308 => StatusCode::from_u16(status).map_err(|_| wrong("invalid status"))?,
        _ => return Err(wrong("status is not 301, 302, 307 or 308")),
    };
    let to = if keep_path { to.trim_end_matches('/') } else { to };
    Ok(Route::Redirect {
        to: to.into(),
        status,
        keep_path,
    })
}

/// Checks a key of the table and gives its canonical form.
pub(crate) fn canonical_key(name: &str) -> Result<String, String> {
    let wrong = || format!("{name:?} is not a host name");
    if name == "*" {
        return Ok("*".to_owned());
    }
    if let Some(suffix) = name.strip_prefix("*.") {
        return host::parse_name(suffix)
            .map(|suffix| format!("*.{suffix}"))
            .map_err(|_| wrong());
    }
    if name.parse::<std::net::Ipv6Addr>().is_ok() {
        return host::parse_authority(format!("[{name}]").as_bytes())
            .map(|a| a.host.into_owned())
            .map_err(|_| wrong());
    }
    host::parse_name(name)
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| wrong())
}

type Shard = HashMap<Box<str>, Arc<Entry>>;

/// Hosts by name. Wildcards are kept under their suffix.
#[derive(Clone, Debug)]
pub(crate) struct HostTable {
    exact: Vec<Arc<Shard>>,
    wildcard: Vec<Arc<Shard>>,
    default: Option<Arc<Entry>>,
}

impl Default for HostTable {
    fn default() -> Self {
        let empty = Arc::new(Shard::new());
        Self {
            exact: vec![Arc::clone(&empty); SHARDS],
            wildcard: vec![empty; SHARDS],
            default: None,
        }
    }
}

fn shard_of(name: &str) -> usize {
    // FNV-1a: only spreads names over the maps, the maps themselves hash with a secret.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash >> 32).unwrap_or_default() % SHARDS
}

impl HostTable {
    /// The entry for a normalised host: exact, then one-label wildcard, then the default.
    pub(crate) fn find(&self, host: &str) -> Option<&Arc<Entry>> {
        if let Some(entry) = self.exact[shard_of(host)].get(host) {
            return Some(entry);
        }
        let wildcard = host
            .split_once('.')
            .and_then(|(_, suffix)| self.wildcard[shard_of(suffix)].get(suffix));
        wildcard.or(self.default.as_ref())
    }

    /// Sets or removes the entry under a canonical key and returns the old one.
    pub(crate) fn set(&mut self, key: &str, entry: Option<Arc<Entry>>) -> Option<Arc<Entry>> {
        if key == "*" {
            return std::mem::replace(&mut self.default, entry);
        }
        let (shards, name) = match key.strip_prefix("*.") {
            Some(suffix) => (&mut self.wildcard, suffix),
            None => (&mut self.exact, key),
        };
        let shard = Arc::make_mut(&mut shards[shard_of(name)]);
        match entry {
            Some(entry) => shard.insert(name.into(), entry),
            None => shard.remove(name),
        }
    }

    /// The entry stored under a canonical key.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        match key.strip_prefix("*.") {
            _ if key == "*" => self.default.as_ref(),
            Some(suffix) => self.wildcard[shard_of(suffix)].get(suffix),
            None => self.exact[shard_of(key)].get(key),
        }
    }

    /// The names that lead to the panel.
    pub(crate) fn panel_names(&self) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(|entry| matches!(entry.route, Route::Panel))
            .map(|entry| &*entry.name)
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.exact
            .iter()
            .chain(&self.wildcard)
            .flat_map(|shard| shard.values())
            .chain(&self.default)
    }

    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }
}
