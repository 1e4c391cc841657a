//! Answers to certificate authorities that try whether a name leads here: a file over plain HTTP (RFC 8555 §8.3), or a
//! certificate in a handshake of a protocol of its own (RFC 8737). Each is there only while somebody has asked for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use crate::config::{Challenge, Proof};
use crate::table;

/// The protocol that is spoken only to show a certificate.
pub(crate) const ALPN: &[u8] = b"acme-tls/1";
const FOLDER: &str = "/.well-known/acme-challenge/";

#[derive(Debug)]
pub(crate) struct Live {
    host: Box<str>,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    File { token: Box<str>, body: Bytes },
    Handshake(Arc<CertifiedKey>),
}

impl Live {
    pub(crate) fn parse(config: &Challenge) -> Result<Self, String> {
        let host = table::canonical_key(&config.host)?;
        if host.starts_with('*') {
            return Err("a challenge is about one name, without `*`".to_owned());
        }
        let answer = match &config.proof {
            Proof::Http {
                token,
                key_authorization,
            } => {
                // RFC 8555 §8.3: a token is base64url, so it can stand in no other folder.
                let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                if token.is_empty() || !token.bytes().all(is_base64url) {
                    return Err("the token is not base64url".to_owned());
                }
                Answer::File {
                    token: token.as_str().into(),
                    body: Bytes::from(key_authorization.clone()),
                }
            }
            Proof::TlsAlpn { key_authorization } => {
                let key = certificate(&host, key_authorization).map_err(|error| format!("challenge: {error}"))?;
                Answer::Handshake(Arc::new(key))
            }
        };
        Ok(Self {
            host: host.into(),
            answer,
        })
    }
}

/// RFC 8737 §3: self-signed, for this name alone, with the digest of the key authorization in a critical extension.
fn certificate(host: &str, key_authorization: &str) -> Result<CertifiedKey, Box<dyn std::error::Error>> {
    let hash = digest::digest(&digest::SHA256, key_authorization.as_bytes());
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![host.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(hash.as_ref())];
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Not checked against each other: what checks them does not know the extension, and it is critical.
    let key = provider::sign::any_supported_type(&key)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// What is answered at present, by id and by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Challenges {
    all: BTreeMap<Box<str>, Arc<Live>>,
    by_host: HashMap<Box<str>, Vec<Arc<Live>>>,
}

impl Challenges {
    pub(crate) fn set(&mut self, id: &str, live: Option<Live>) {
        if let Some(old) = self.all.remove(id)
            && let Some(of_host) = self.by_host.get_mut(&old.host)
        {
            of_host.retain(|live| !Arc::ptr_eq(live, &old));
            if of_host.is_empty() {
                self.by_host.remove(&old.host);
            }
        }
        if let Some(live) = live.map(Arc::new) {
            self.by_host
                .entry(live.host.clone())
                .or_default()
                .push(Arc::clone(&live));
            self.all.insert(id.into(), live);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Live>> {
        self.all.get(id)
    }

    /// Puts back what another snapshot held under the id.
    pub(crate) fn keep(&mut self, id: &str, kept: &Arc<Live>) {
        self.by_host
            .entry(kept.host.clone())
            .or_default()
            .push(Arc::clone(kept));
        self.all.insert(id.into(), Arc::clone(kept));
    }

    /// What is answered to a request for `path` of `host`, exactly.
    pub(crate) fn file(&self, host: &str, path: &str) -> Option<Bytes> {
        let asked = path.strip_prefix(FOLDER)?;
        self.by_host.get(host)?.iter().find_map(|live| match &live.answer {
            Answer::File { token, body } if **token == *asked => Some(body.clone()),
            _ => None,
        })
    }

    /// What is shown in a handshake of [`ALPN`] for `host`.
    pub(crate) fn handshake(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.by_host
            .get(host)?
            .iter()
            .rev()
            .find_map(|live| match &live.answer {
                Answer::Handshake(key) => Some(Arc::clone(key)),
                Answer::File { .. } => None,
            })
    }
}
