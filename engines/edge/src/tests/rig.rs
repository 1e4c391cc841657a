//! A running edge on ephemeral ports, and small clients that send exactly the bytes they are given.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tempfile::TempDir;

use crate::{Certificate, Delta, Edge, EdgeConfig, EdgeOptions, Host, Listener, PrivateKeyPem, Role, Running, Target};

pub(super) struct Rig {
    pub(super) edge: Edge,
    pub(super) running: Running,
    pub(super) folder: TempDir,
}

pub(super) fn site(root: &str) -> Target {
    Target::Site {
        site: String::new(),
        root: root.to_owned(),
        spa_fallback: false,
        not_found: None,
        https_redirect: false,
    }
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// Two threads, all three roles, the panel's socket at `serve.sock` in the folder, sites in `sites`.
    pub(super) fn with(change: impl FnOnce(&mut EdgeOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sites")).unwrap();
        let mut options = EdgeOptions::new(folder.path().join("sites"), folder.path().join("serve.sock"));
        options.threads = 2;
        options.files.revalidate = Duration::ZERO;
        change(&mut options);
        let (edge, rejected) = Edge::new(options, EdgeConfig::default());
        assert_eq!(rejected, []);
        let listener = |role| Listener::new(role, TcpListener::bind("127.0.0.1:0").unwrap());
        let running = edge
            .start(
                [Role::EdgeHttp, Role::EdgeHttps, Role::Panel]
                    .into_iter()
                    .map(listener)
                    .collect(),
            )
            .unwrap();
        Self { edge, running, folder }
    }

    pub(super) fn address(&self, role: Role) -> SocketAddr {
        self.running.addresses().iter().find(|(of, _)| *of == role).unwrap().1
    }

    pub(super) fn http(&self) -> SocketAddr {
        self.address(Role::EdgeHttp)
    }

    pub(super) fn https(&self) -> SocketAddr {
        self.address(Role::EdgeHttps)
    }

    pub(super) fn panel(&self) -> SocketAddr {
        self.address(Role::Panel)
    }

    pub(super) fn sites(&self) -> std::path::PathBuf {
        self.folder.path().join("sites")
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.sites().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(super) fn host(&self, name: &str, target: Target) {
        let delta = Delta::UpsertHost {
            name: name.to_owned(),
            host: Host::from(target),
        };
        assert_eq!(self.edge.apply([delta]), []);
    }

    pub(super) fn certificate(&self, id: &str, names: &[&str]) {
        let delta = Delta::UpsertCertificate {
            id: id.to_owned(),
            certificate: certificate(names),
        };
        assert_eq!(self.edge.apply([delta]), []);
    }

    pub(super) fn get(&self, host: &str, path: &str) -> Reply {
        self.ask(format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
    }

    /// A request with further header lines (each ending in CRLF) and no body.
    pub(super) fn request(&self, method: &str, host: &str, path: &str, fields: &str) -> Reply {
        self.ask(format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n"
        ))
    }

    pub(super) fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        ask(self.http(), request)
    }
}

pub(super) fn certificate(names: &[&str]) -> Certificate {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(names.clone()).unwrap();
    Certificate {
        names,
        chain_pem: made.cert.pem(),
        key_pem: PrivateKeyPem::new(made.signing_key.serialize_pem()),
        not_after: None,
    }
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Self {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        };
        if reply.field("transfer-encoding") == Some("chunked") {
            reply.body = dechunk(&reply.body);
        }
        reply
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        out.extend_from_slice(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 4 + size..];
    }
    out
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends the bytes and reads until the other side closes.
pub(super) fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Reply {
    let mut stream = connect(address);
    stream.write_all(request.as_ref()).unwrap();
    Reply::parse(&read_all(&mut stream))
}

/// Everything until the end; a reset after the answer counts as the end.
pub(super) fn read_all(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return bytes,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if !bytes.is_empty() && error.kind() != std::io::ErrorKind::WouldBlock => return bytes,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads one head, without what follows it.
pub(super) fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(
            stream.read(&mut byte).unwrap(),
            1,
            "ended in {:?}",
            String::from_utf8_lossy(&head)
        );
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

pub(super) type TlsStream = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

/// A TLS client that takes any certificate; `name` goes into SNI unless it is an address.
pub(super) fn tls(address: SocketAddr, name: &str, alpn: &[&str]) -> std::io::Result<TlsStream> {
    let mut stream = TlsStream::new(
        rustls::ClientConnection::new(
            Arc::new(client_config(alpn)),
            ServerName::try_from(name.to_owned()).unwrap(),
        )
        .unwrap(),
        connect(address),
    );
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

pub(super) fn client_config(alpn: &[&str]) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(any_certificate())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

pub(super) fn ask_tls(address: SocketAddr, sni: &str, request: &str) -> Reply {
    let mut stream = tls(address, sni, &["http/1.1"]).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    Reply::parse(&read_all(&mut stream))
}

pub(super) fn any_certificate() -> Arc<dyn rustls::client::danger::ServerCertVerifier> {
    Arc::new(AnyCertificate(Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

/// A challenge's certificate has a critical extension that the check of signatures cannot read.
fn unless_unreadable(
    checked: Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error>,
) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
    match checked {
        Err(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(_))) => {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }
        checked => checked,
    }
}

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let checked =
            rustls::crypto::verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms);
        unless_unreadable(checked)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let checked =
            rustls::crypto::verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms);
        unless_unreadable(checked)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
