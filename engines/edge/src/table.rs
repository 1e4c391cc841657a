//! The host table: compiled entries in immutable maps. A change copies one of many small maps, so that a hundred
//! changes a second on ten thousand hosts cost next to nothing.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri};

use crate::config::{Host, Target};
use crate::counters::{Counters, Registry};
use crate::{host, pages, path};

const SHARDS: usize = 64;

/// A host entry made ready to answer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Box<str>,
    pub(crate) site: Box<str>,
    pub(crate) route: Route,
    pub(crate) counters: Arc<Counters>,
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
    Placeholder(Notice),
    /// No host of this name.
    Unknown,
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
        registry: &Registry,
        provider: Option<&str>,
    ) -> Result<Self, String> {
        let (route, site) = match &config.target {
            Target::Site {
                site,
                root,
                spa_fallback,
                not_found,
                https_redirect,
            } => {
                let not_found = not_found.as_deref().map(relative_file).transpose()?;
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
            Target::Placeholder {
                site,
                title,
                text,
                status,
                retry_at,
                contact,
            } => {
                let notice = Notice {
                    page: pages::notice(title, text, contact.as_deref(), provider),
                    status: notice_status(*status)?,
                    retry_after: retry_at.map(retry_after).transpose()?,
                };
                (Route::Placeholder(notice), site.as_str())
            }
        };
        Ok(Self {
            name: name.into(),
            site: site.into(),
            route,
            counters: registry.get(name, site),
        })
    }

    /// An entry that is not in the configuration: the panel's listener and the unknown host.
    pub(crate) fn built_in(name: &str, route: Route, registry: &Registry) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            site: "".into(),
            route,
            counters: registry.get(name, ""),
        })
    }
}

fn notice_status(status: u16) -> Result<StatusCode, String> {
    match status {
        200 | 400..=599 => StatusCode::from_u16(status).ok(),
        _ => None,
    }
    .ok_or_else(|| format!("placeholder: status {status} is neither 200 nor an error's"))
}

fn retry_after(at: jiff::Timestamp) -> Result<HeaderValue, String> {
    // What an HTTP date can say ends with the year 9999, and so do timestamps.
    let text = httpdate::fmt_http_date(at.into());
    HeaderValue::try_from(text).map_err(|_| format!("placeholder: no date: {at}"))
}

fn relative_root(root: &str) -> Result<Arc<str>, String> {
    let plain = |segment: &str| !segment.is_empty() && segment != "." && segment != ".." && !segment.contains('\0');
    if root.is_empty() || !root.split('/').all(plain) {
        return Err(format!("root {root:?} is not a plain relative path"));
    }
    Ok(root.into())
}

fn relative_file(file: &str) -> Result<Box<str>, String> {
    let raw = path::encode(file);
    match path::normalise(&raw) {
        Ok(path) if !path.hidden && !path.is_directory() => Ok(path.relative.into()),
        _ => Err(format!("not_found {file:?} is not a plain relative file")),
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
