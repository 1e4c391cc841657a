//! Handshakes of one host that are stricter than those of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ResolvesServerCert, ResolvesServerCertUsingSni, ServerConfig, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};

use super::config::{ClientAuth, TlsRules, TlsVersion};

/// Rules made ready.
#[derive(Debug)]
pub(crate) struct Handshakes {
    /// Tells connections that were made under these rules from others.
    pub(crate) id: u64,
    /// Without certificates, which are the engine's to choose. It gives no tickets: none of another host opens this one.
    config: ServerConfig,
    pub(crate) asks_for_certificate: bool,
}

impl Handshakes {
    pub(crate) fn compile(rules: &TlsRules) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let versions: &[&SupportedProtocolVersion] = match rules.min_version {
            TlsVersion::V1_2 => &[&TLS12, &TLS13],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| format!("tls: {error}"))?;
        let builder = match &rules.client_auth {
            None => builder.with_no_client_auth(),
            Some(auth) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(auth)?), provider);
                let verifier = match auth.optional {
                    true => verifier.allow_unauthenticated(),
                    false => verifier,
                };
                let verifier = verifier.build().map_err(|error| format!("tls: client_auth: {error}"))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            id: NEXT.fetch_add(1, Relaxed),
            config,
            asks_for_certificate: rules.client_auth.is_some(),
        })
    }

    /// For one handshake.
    pub(crate) fn config(&self, certificates: &Arc<dyn ResolvesServerCert>) -> Arc<ServerConfig> {
        let mut config = self.config.clone();
        config.cert_resolver = Arc::clone(certificates);
        Arc::new(config)
    }
}

fn roots(auth: &ClientAuth) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(auth.authorities_pem.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("tls: client_auth: authorities_pem: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("tls: client_auth: authorities_pem: {error}"))?;
    }
    match roots.is_empty() {
        true => Err("tls: client_auth: authorities_pem holds no certificate".to_owned()),
        false => Ok(roots),
    }
}
