//! The edge as a web server of its own: listeners, hosts and certificates from one TOML file.
//!
//! ```toml
//! http = ["127.0.0.1:8080"]
//! https = ["127.0.0.1:8443"]
//! sites_dir = "sites"            # relative to this file
//!
//! [[host]]
//! name = "www.example.org"
//! target = { kind = "site", root = "www", https_redirect = true }
//!
//! [[certificate]]
//! names = ["www.example.org"]
//! chain = "www.crt"              # PEM files, relative to this file
//! key = "www.key"
//! ```
//!
//! `docs/src/edge.md` describes every key.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

use crate::{
    CachePolicy, Certificate, Edge, EdgeConfig, EdgeOptions, Host, Listener, PathRoute, Policy, PrivateKeyPem,
    Rejected, Role, Running, Target, Upstream,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    http: Vec<SocketAddr>,
    #[serde(default)]
    https: Vec<SocketAddr>,
    #[serde(default)]
    panel: Vec<SocketAddr>,
    #[serde(default = "here")]
    sites_dir: PathBuf,
    #[serde(default = "here")]
    panel_socket: PathBuf,
    https_port: Option<u16>,
    provider: Option<String>,
    #[serde(default)]
    threads: usize,
    #[serde(default)]
    trusted_proxies: Vec<IpNet>,
    cache_memory: Option<u64>,
    #[serde(default, rename = "upstream")]
    upstreams: BTreeMap<String, Upstream>,
    #[serde(default, rename = "host")]
    hosts: Vec<HostTable>,
    #[serde(default, rename = "certificate")]
    certificates: Vec<CertificateTable>,
}

fn here() -> PathBuf {
    PathBuf::from(".")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostTable {
    name: String,
    target: Target,
    #[serde(default)]
    routes: Vec<PathRoute>,
    cache: Option<Box<CachePolicy>>,
    policy: Option<Box<Policy>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateTable {
    names: Vec<String>,
    chain: PathBuf,
    key: PathBuf,
}

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what [this module](self) describes.
    #[error("{path}: {source}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A host or certificate in it cannot be used.
    #[error("{}: {}", .0.key, .0.reason)]
    Rejected(Rejected),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The threads cannot be started.
    #[error("cannot start: {0}")]
    Start(io::Error),
}

/// Opens the listeners of a file and serves its hosts.
///
/// # Errors
/// Anything wrong with the file, the files it names, or the addresses; nothing is served then.
pub fn serve(file: &Path) -> Result<(Edge, Running), Error> {
    let document = read(file)?;
    let base = file.parent().unwrap_or(Path::new(""));
    let mut options = EdgeOptions::new(base.join(&document.sites_dir), base.join(&document.panel_socket));
    options.https_port = document
        .https_port
        .or(document.https.first().map(SocketAddr::port))
        .unwrap_or(443);
    options.provider.clone_from(&document.provider);
    options.threads = document.threads;
    options.trusted_proxies.clone_from(&document.trusted_proxies);
    if let Some(bytes) = document.cache_memory {
        options.cache.memory_bytes = bytes;
    }
    let roles = [
        (Role::EdgeHttp, &document.http),
        (Role::EdgeHttps, &document.https),
        (Role::Panel, &document.panel),
    ];
    let mut listeners = Vec::new();
    for (role, addresses) in roles {
        for address in addresses {
            let socket = TcpListener::bind(address).map_err(|source| Error::Listen {
                address: *address,
                source,
            })?;
            listeners.push(Listener::new(role, socket));
        }
    }
    let (edge, rejected) = Edge::new(options, configuration(document, base)?);
    if let Some(first) = rejected.into_iter().next() {
        return Err(Error::Rejected(first));
    }
    let running = edge.start(listeners).map_err(Error::Start)?;
    Ok((edge, running))
}

/// Reads the file's hosts and certificates again; listeners and options stay as they are.
///
/// # Errors
/// As [`serve`]; entries that can be used are in force even when others are not.
pub fn reload(edge: &Edge, file: &Path) -> Result<(), Error> {
    let base = file.parent().unwrap_or(Path::new(""));
    let rejected = edge.replace(configuration(read(file)?, base)?);
    // Nobody meters here: what hosts that are gone have counted is let go.
    drop(edge.take_traffic());
    rejected
        .into_iter()
        .next()
        .map_or(Ok(()), |first| Err(Error::Rejected(first)))
}

/// A file and the certificates that it names, to notice when they change.
#[derive(Debug)]
pub struct Watched(Vec<(PathBuf, Option<Stamp>)>);

/// Device, inode, size, and when it was written: one of them differs after any change but one that wants to hide.
type Stamp = (u64, u64, u64, i64, i64);

impl Watched {
    /// What there is now. Of a file that cannot be read only the file itself is watched.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        let base = file.parent().unwrap_or(Path::new(""));
        let certificates = read(file).map(|document| document.certificates).unwrap_or_default();
        let named = certificates
            .iter()
            .flat_map(|table| [base.join(&table.chain), base.join(&table.key)]);
        let files = [file.to_owned()].into_iter().chain(named);
        Self(files.map(|path| (path.clone(), stamp(&path))).collect())
    }

    /// Whether one of them is not what it was.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.0.iter().any(|(path, seen)| stamp(path) != *seen)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.size(),
        found.mtime(),
        found.mtime_nsec(),
    ))
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn read(file: &Path) -> Result<Document, Error> {
    let text = text(file)?;
    toml::from_str(&text).map_err(|source| Error::Parse {
        path: file.to_owned(),
        source: Box::new(source),
    })
}

fn configuration(document: Document, base: &Path) -> Result<EdgeConfig, Error> {
    let hosts = document
        .hosts
        .into_iter()
        .map(|table| {
            let host = Host {
                target: table.target,
                routes: table.routes,
                policy: table.policy,
                cache: table.cache,
            };
            (table.name, host)
        })
        .collect();
    let mut certificates = BTreeMap::new();
    for (index, table) in document.certificates.into_iter().enumerate() {
        let certificate = Certificate {
            chain_pem: text(&base.join(&table.chain))?,
            key_pem: PrivateKeyPem::new(text(&base.join(&table.key))?),
            names: table.names,
            not_after: None,
        };
        certificates.insert(format!("certificate {}", index + 1), certificate);
    }
    Ok(EdgeConfig {
        hosts,
        certificates,
        upstreams: document.upstreams,
        ..EdgeConfig::default()
    })
}
