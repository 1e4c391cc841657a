//! Debian's pebble, the authority that the tests ask: started on free ports, ended when dropped.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

use crate::model::Directory;

/// How a pebble is to be.
#[derive(Debug, Clone, Copy)]
pub struct Pebble {
    /// Where names are looked up; absent, as this machine does.
    pub dns: Option<SocketAddr>,
    /// Where HTTP-01 and TLS-ALPN-01 look.
    pub http_port: u16,
    pub tls_port: u16,
    /// Per cent of good nonces that it refuses.
    pub refused_nonces: u8,
    /// Finds every challenge met, without looking.
    pub believes_all: bool,
    /// Accounts need [`KID`] and [`HMAC`].
    pub external: bool,
}

impl Default for Pebble {
    fn default() -> Self {
        Self {
            dns: None,
            http_port: 5002,
            tls_port: 5001,
            refused_nonces: 50,
            believes_all: false,
            external: false,
        }
    }
}

/// Where Debian puts programs.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

pub const KID: &str = "kid-1";
/// base64url, as pebble and most authorities hand it out.
pub const HMAC: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// A running pebble.
pub struct Running {
    child: Child,
    folder: tempfile::TempDir,
    management: u16,
    pub directory: Directory,
}

impl Pebble {
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(self) -> Running {
        let folder = tempfile::tempdir().expect("a folder");
        let root_pem = server_certificate(folder.path());
        let (port, management) = (free_port(), free_port());
        let mut config = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": folder.path().join("cert.pem"),
            "privateKey": folder.path().join("key.pem"),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": self.external,
        }});
        if self.external {
            config["pebble"]["externalAccountMACKeys"] = serde_json::json!({KID: HMAC});
        }
        let file = folder.path().join("pebble.json");
        std::fs::write(&file, config.to_string()).expect("its configuration");
        let log = std::fs::File::create(folder.path().join("log")).expect("its log");
        let mut command = Command::new("pebble");
        command.arg("-config").arg(&file);
        if let Some(dns) = self.dns {
            command.arg("-dnsserver").arg(dns.to_string());
        }
        command
            .env_clear()
            .env("PATH", PATH)
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("PEBBLE_WFE_NONCEREJECT", self.refused_nonces.to_string())
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("its log"))
            .stdout(log);
        if self.believes_all {
            command.env("PEBBLE_VA_ALWAYS_VALID", "1");
        }
        let child = command
            .spawn()
            .expect("pebble, from Debian's package of that name (deploy/deps run test)");
        let running = Running {
            child,
            folder,
            management,
            directory: Directory {
                url: format!("https://127.0.0.1:{port}/dir"),
                root_pem: Some(root_pem),
            },
        };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "pebble does not come up: {}", running.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

impl Running {
    /// What it has said.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).expect("its log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The root of the certificates that it issues, PEM; another one each time it is started.
    ///
    /// # Panics
    /// When it does not say.
    pub async fn root(&self) -> String {
        let client = mpanel_netguard::Client::builder()
            .allow(vec!["127.0.0.0/8".parse().expect("a network")])
            .ports(vec![self.management])
            .root_pem(self.directory.root_pem.clone())
            .build()
            .expect("a client");
        let request = http::Request::get(format!("https://127.0.0.1:{}/roots/0", self.management));
        let request = request.body(bytes::Bytes::new()).expect("a request");
        let answer = client.send(request).await.expect("an answer");
        String::from_utf8(answer.body.to_vec()).expect("PEM")
    }

    /// How many orders it has been asked for.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.log().matches("Added order").count()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The name server that comes with pebble: every name is at this machine.
pub struct Names {
    child: Child,
    pub address: SocketAddr,
}

impl Names {
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let (dns, management) = (free_port(), free_port());
        let child = Command::new("pebble-challtestsrv")
            .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
            .arg("-dns01")
            .arg(format!("127.0.0.1:{dns}"))
            .arg("-management")
            .arg(format!("127.0.0.1:{management}"))
            .env_clear()
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble-challtestsrv, from Debian's package pebble (deploy/deps run test)");
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", management)).is_err() {
            assert!(Instant::now() < until, "its name server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], dns)),
        }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// A certificate for pebble's own server; returns the root that signed it.
fn server_certificate(folder: &std::path::Path) -> String {
    let root_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&root_key).expect("a root");
    let issuer = Issuer::new(params, root_key);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    std::fs::write(folder.join("cert.pem"), certificate.pem()).expect("its certificate");
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).expect("its key");
    root.pem()
}
