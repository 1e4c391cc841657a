//! Connections to servers: addresses that may be connected to, and TLS.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;

use super::{Member, Pool};
use crate::backends::UpstreamTls;
use crate::net::{Address, Stream};

/// Between two looks whether a name has been looked up.
const LOOK: Duration = Duration::from_millis(20);
/// The system's certificate authorities.
const READ_AGAIN: Duration = Duration::from_hours(1);

/// How a pool speaks TLS.
#[derive(Debug)]
pub(super) struct Tls {
    /// What it was made of.
    pub(super) config: UpstreamTls,
    client: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl Tls {
    pub(super) fn new(config: &UpstreamTls) -> Result<Self, String> {
        let name = config
            .name
            .as_deref()
            .map(|name| ServerName::try_from(name.to_owned()).map_err(|_| format!("tls: name {name:?} is none")));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("tls: {error}"))?;
        let mut client = if config.insecure {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
                .with_no_client_auth()
        } else {
            builder.with_root_certificates(roots(config)?).with_no_client_auth()
        };
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: config.clone(),
            client: Arc::new(client),
            name: name.transpose()?,
        })
    }

    async fn open(&self, stream: TcpStream, address: &Address) -> io::Result<Stream> {
        let own = || match address {
            Address::Ip(address) => Ok(ServerName::from(address.ip())),
            Address::Name(name, _) => ServerName::try_from(name.to_string()).map_err(io::Error::other),
            Address::Unix(_) => Err(io::Error::other("no name to verify")),
        };
        let name = self.name.clone().map_or_else(own, Ok)?;
        let stream = TlsConnector::from(Arc::clone(&self.client))
            .connect(name, stream)
            .await?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

fn roots(config: &UpstreamTls) -> Result<Arc<RootCertStore>, String> {
    let roots = match &config.ca_pem {
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| format!("tls: ca: {error}"))?;
                roots.add(certificate).map_err(|error| format!("tls: ca: {error}"))?;
            }
            Arc::new(roots)
        }
        None => system_roots(),
    };
    if roots.is_empty() {
        return Err("tls: no certificate authority".to_owned());
    }
    Ok(roots)
}

/// The system's authorities. They are read once an hour at most, not for each of a thousand pools.
fn system_roots() -> Arc<RootCertStore> {
    static READ: Mutex<Option<(Instant, Arc<RootCertStore>)>> = Mutex::new(None);
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    match &*read {
        Some((at, roots)) if at.elapsed() < READ_AGAIN => Arc::clone(roots),
        _ => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            let roots = Arc::new(roots);
            *read = Some((Instant::now(), Arc::clone(&roots)));
            roots
        }
    }
}

/// Takes any certificate, where the operator says so.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether an address may turn out to be on the public internet.
pub(super) fn may_be_public(address: &Address) -> bool {
    match address {
        Address::Unix(_) => false,
        Address::Ip(address) => is_public(*address),
        Address::Name(..) => true,
    }
}

fn is_public(address: SocketAddr) -> bool {
    mpanel_netguard::is_public(address.ip().to_canonical())
}

/// Whether an address is one of this machine's, behind whose firewall its services think themselves: what is sent to it
/// is sent from it. Nothing is sent to find out.
fn is_own(address: SocketAddr) -> bool {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let from = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == address.ip())
}

impl Pool {
    /// Connects to a server of the pool. Addresses are judged here, as what they are: a name may lead anywhere.
    pub(crate) async fn connect(&self, member: &Member) -> io::Result<Stream> {
        let until = Instant::now() + self.connect_timeout;
        let attempt = async {
            let stream = match &member.address {
                Address::Unix(path) => return UnixStream::connect(path).await.map(Stream::Unix),
                Address::Ip(address) => self.tcp(*address).await?,
                Address::Name(..) => self.named(member).await?,
            };
            match &self.tls {
                Some(tls) => tls.open(stream, &member.address).await,
                None => Ok(Stream::Tcp(stream)),
            }
        };
        timeout_at(until, attempt).await?
    }

    async fn tcp(&self, address: SocketAddr) -> io::Result<TcpStream> {
        if self.public_only && !is_public(address) {
            let text = format!("{address} is not on the public internet");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        if self.public_only && is_own(address) {
            let text = format!("{address} is this machine's own");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        Stream::tcp(address).await
    }

    async fn named(&self, member: &Member) -> io::Result<TcpStream> {
        // A pool that has just come is looked up within moments.
        let mut found = member.found.load_full();
        while found.is_empty() {
            sleep(LOOK).await;
            found = member.found.load_full();
        }
        let first = self.turn.load(Relaxed) % found.len();
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in found.iter().cycle().skip(first).take(found.len()) {
            match self.tcp(*address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests;
