//! TLS handshakes: by which rules, and what is known afterwards.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Role;
use crate::certs;
use crate::edge::Shared;
use crate::policy::Handshakes;

pub(crate) struct Tls {
    pub(crate) sites: Arc<ServerConfig>,
    pub(crate) panel: Arc<ServerConfig>,
}

/// What a handshake has settled.
pub(crate) struct Secured {
    /// The name that the client asked for.
    pub(crate) name: Option<Box<str>>,
    /// Of the [`Handshakes`] it was made under, if any.
    rules: Option<u64>,
}

impl Secured {
    /// For requests that the edge sends itself, on behalf of clients who spoke TLS.
    pub(crate) const fn on_behalf() -> Self {
        Self {
            name: None,
            rules: None,
        }
    }

    /// Whether the connection may carry requests for a host with these rules.
    pub(crate) fn satisfies(&self, rules: &Handshakes) -> bool {
        self.rules == Some(rules.id)
    }
}

impl Tls {
    pub(crate) async fn accept(
        &self,
        shared: &Shared,
        role: Role,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Secured)> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let (config, rules) = match role {
            Role::Panel => (Arc::clone(&self.panel), None),
            _ => match rules(shared, &start.client_hello()) {
                Some(rules) => (rules.config(&self.sites.cert_resolver), Some(rules.id)),
                None => (Arc::clone(&self.sites), None),
            },
        };
        let stream = start.into_stream(config).await?;
        let name = stream.get_ref().1.server_name().map(Into::into);
        Ok((stream, Secured { name, rules }))
    }
}

/// Those of the host that the client names. An authority that tries a challenge has no certificate to show.
fn rules(shared: &Shared, hello: &ClientHello<'_>) -> Option<Arc<Handshakes>> {
    if certs::is_challenge(hello) {
        return None;
    }
    let name = certs::normalised(hello.server_name()?);
    let snapshot = shared.snapshot.load();
    snapshot.hosts.find(&name)?.guard.as_ref()?.handshakes().cloned()
}
