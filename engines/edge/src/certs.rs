//! Certificates by name, and the rustls side of choosing one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;

use crate::challenge;
use crate::config::Certificate;
use crate::edge::Shared;
use crate::table;

/// A certificate ready for handshakes.
#[derive(Debug)]
pub(crate) struct Cert {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
    not_after: Option<jiff::Timestamp>,
}

impl Cert {
    pub(crate) fn parse(config: &Certificate) -> Result<Self, String> {
        let names = config
            .names
            .iter()
            .map(|name| table::canonical_key(name))
            .collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() || names.iter().any(|name| name == "*") {
            return Err("a certificate needs names, and `*` is none".to_owned());
        }
        let chain = CertificateDer::pem_slice_iter(config.chain_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("chain: {error}"))?;
        // The parser's messages may quote the input, which here is a secret.
        let key = PrivateKeyDer::from_pem_slice(config.key_pem.expose().as_bytes())
            .map_err(|_| "private key: not readable".to_owned())?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|error| format!("certificate and key: {error}"))?;
        Ok(Self {
            names,
            key: Arc::new(key),
            not_after: config.not_after,
        })
    }

    fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(suffix) => host.split_once('.').is_some_and(|(_, rest)| rest == suffix),
            None => name == host,
        })
    }
}

/// All certificates, indexed by exact and wildcard name.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertTable {
    all: BTreeMap<Box<str>, Arc<Cert>>,
    exact: HashMap<Box<str>, Arc<Cert>>,
    wildcard: HashMap<Box<str>, Arc<Cert>>,
    default: Option<Arc<Cert>>,
}

impl CertTable {
    pub(crate) fn set(&mut self, id: &str, cert: Option<Arc<Cert>>) {
        match cert {
            Some(cert) => self.all.insert(id.into(), cert),
            None => self.all.remove(id),
        };
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Cert>> {
        self.all.get(id)
    }

    /// Rebuilds the indexes. `panel_hosts` decide which certificate answers clients that name no host.
    pub(crate) fn index<'a>(&mut self, panel_hosts: impl Iterator<Item = &'a str>) {
        self.exact.clear();
        self.wildcard.clear();
        for cert in self.all.values() {
            for name in &cert.names {
                let (map, key) = match name.strip_prefix("*.") {
                    Some(suffix) => (&mut self.wildcard, suffix),
                    None => (&mut self.exact, name.as_str()),
                };
                let better = map
                    .get(key)
                    .is_none_or(|old: &Arc<Cert>| old.not_after <= cert.not_after);
                if better {
                    map.insert(key.into(), Arc::clone(cert));
                }
            }
        }
        let mut panel_hosts: Vec<&str> = panel_hosts.collect();
        panel_hosts.sort_unstable();
        let is_address = |cert: &&Arc<Cert>| cert.names.iter().any(|name| name.parse::<std::net::IpAddr>().is_ok());
        self.default = panel_hosts
            .iter()
            .find_map(|host| self.find(host))
            .or_else(|| self.all.values().find(is_address))
            .or_else(|| self.exact.get("localhost"))
            .cloned();
    }

    pub(crate) fn find(&self, host: &str) -> Option<&Arc<Cert>> {
        self.exact
            .get(host)
            .or_else(|| host.split_once('.').and_then(|(_, suffix)| self.wildcard.get(suffix)))
    }

    /// Whether a connection opened for `sni` may carry requests for `host`.
    pub(crate) fn may_share(&self, sni: Option<&str>, host: &str) -> bool {
        if sni == Some(host) {
            return true;
        }
        let presented = match sni {
            Some(sni) => self.find(sni),
            None => self.default.as_ref(),
        };
        presented.is_some_and(|cert| cert.covers(host))
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

/// Chooses the certificate of a handshake from the current snapshot.
struct Resolver {
    shared: Arc<Shared>,
    /// The panel's listener answers any name with the default certificate; sites never do.
    any_name: bool,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("any_name", &self.any_name)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let snapshot = self.shared.snapshot.load();
        let certs = &snapshot.certs;
        if is_challenge(&hello) {
            let name = hello.server_name()?.to_ascii_lowercase();
            return snapshot.challenges.handshake(&name);
        }
        let cert = match hello.server_name() {
            Some(name) => {
                let name = normalised(name);
                certs.find(&name).or(certs.default.as_ref().filter(|_| self.any_name))
            }
            None => certs.default.as_ref(),
        };
        cert.map(|cert| Arc::clone(&cert.key))
    }
}

/// A name of a handshake as the tables have it.
pub(crate) fn normalised(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whoever offers this protocol and no other wants to see a challenge's certificate (RFC 8737 §4).
pub(crate) fn is_challenge(hello: &ClientHello<'_>) -> bool {
    hello
        .alpn()
        .is_some_and(|mut offered| offered.all(|protocol| protocol == challenge::ALPN))
}

/// TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1, tickets that only this process can open.
pub(crate) fn server_config(shared: &Arc<Shared>, any_name: bool) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver {
            shared: Arc::clone(shared),
            any_name,
        }));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if !any_name {
        config.alpn_protocols.push(challenge::ALPN.to_vec());
    }
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 2;
    Ok(Arc::new(config))
}
