//! A mail server that refuses whatever a strict one would refuse (RFC 5321, RFC 5322, RFC 3207), on a real socket.

mod conversation;
mod strict;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use mpanel_telemetry::spawn_named;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Encryption;

/// A mail that the peer took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// Header and body, without the dots that were stuffed.
    pub data: String,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Who had signed in.
    pub user: Option<String>,
}

/// How the peer behaves.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// [`Encryption::None`] when absent.
    pub encryption: Option<Encryption>,
    /// User and password, without which nothing is taken.
    pub login: Option<(String, String)>,
}

/// The running peer; it ends with the test.
#[derive(Clone)]
pub struct Peer(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    authority: String,
    options: Options,
    acceptor: TlsAcceptor,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    /// What was said against the rules, by any client.
    offences: Vec<String>,
    /// Answers to the next messages' ends, in place of taking them.
    answers: VecDeque<String>,
    /// Recipients that are refused, and how.
    refused: Vec<(String, String)>,
}

impl Peer {
    /// Listens on a free port of this machine, as `localhost`.
    ///
    /// # Panics
    /// When the machine gives no port.
    pub async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a key and its certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("the key just made");
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's own versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("the certificate of that key");
        let peer = Self(Arc::new(Shared {
            address: listener.local_addr().expect("it listens"),
            authority: cert.pem(),
            options,
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            state: Mutex::default(),
        }));
        let serving = peer.clone();
        spawn_named("fake.smtp", async move {
            while let Ok((socket, _)) = listener.accept().await {
                spawn_named("fake.smtp.connection", conversation::hold(serving.clone(), socket));
            }
        });
        peer
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.address.port()
    }

    /// PEM of what the peer's certificate is to be trusted by.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state(|state| state.received.clone())
    }

    #[must_use]
    pub fn offences(&self) -> Vec<String> {
        self.state(|state| state.offences.clone())
    }

    /// Answers the end of the next message by `answer`, such as `451 4.3.0 try later`, and does not take it.
    pub fn answer_next(&self, answer: &str) {
        self.state(|state| state.answers.push_back(answer.to_owned()));
    }

    /// Answers this recipient by `answer`, such as `550 5.1.1 nobody here`.
    pub fn refuse(&self, recipient: &str, answer: &str) {
        self.state(|state| state.refused.push((recipient.to_owned(), answer.to_owned())));
    }

    fn state<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
