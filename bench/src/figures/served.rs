//! From sending a change to the API until DNS and the edge serve it.

use std::io::BufReader;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustls::client::Resumption;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::json;

use crate::http::{self, Api, text};
use crate::report::{Figure, Goal};
use crate::seed;
use crate::stats::percentile;
use crate::system::System;

const WRITES: usize = 100;
/// The budget of the slowest of a hundred.
const BUDGET: Goal = Goal::AtMost(250.0);
/// Name servers share the port; as many sockets reach each of them with all but certainty.
const SOCKETS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);
const PAGE: &str = "<!doctype html><title>served</title><p>served</p>";

/// # Errors
/// When a change is refused or never served.
pub fn measure(system: &System, api: &Api) -> Result<Vec<Figure>> {
    let mut figures = dns(system, api)?;
    figures.extend(edge(system, api)?);
    Ok(figures)
}

fn dns(system: &System, api: &Api) -> Result<Vec<Figure>> {
    let mut api = api.another();
    let zone = api.post("/api/v1/zones", &json!({"apex": "bench.example"}))?;
    let path = format!("/api/v1/zones/{}/records", text(&zone, "/id")?);
    let sockets: Vec<UdpSocket> = (0..SOCKETS).map(|_| client(system.dns)).collect::<Result<_>>()?;
    let mut took = Vec::new();
    for number in 0..WRITES {
        let record = json!({"name": format!("r{number}"), "type": "A", "data": "192.0.2.1"});
        let query = query(&format!("r{number}.bench.example"));
        let begin = Instant::now();
        api.post(&path, &record)?;
        for socket in &sockets {
            while !answers(socket, &query)? {
                ensure!(begin.elapsed() < PATIENCE, "r{number}.bench.example is not answered");
                sleep(Duration::from_millis(1));
            }
        }
        took.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    let command = format!("{WRITES} × POST /api/v1/zones/…/records, until both name servers answer it over UDP");
    Ok(both("API write to DNS answer", &took, &command))
}

fn both(name: &str, took: &[f64], command: &str) -> Vec<Figure> {
    vec![
        Figure::new(
            format!("{name}, p50"),
            "ms",
            percentile(took, 50.0),
            Goal::Explains,
            command,
        ),
        Figure::new(format!("{name}, p99"), "ms", percentile(took, 99.0), BUDGET, command),
    ]
}

fn client(server: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket)
}

/// A question for an A record (RFC 1035 §4.1).
pub fn query(name: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or_default());
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}

/// Whether the answer holds a record.
fn answers(socket: &UdpSocket, query: &[u8]) -> Result<bool> {
    socket.send(query)?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).context("no answer over UDP")?;
    ensure!(length >= 12, "an answer of {length} bytes");
    let (rcode, records) = (answer[3] & 15, u16::from_be_bytes([answer[6], answer[7]]));
    Ok(rcode == 0 && records > 0)
}

fn edge(system: &System, api: &Api) -> Result<Vec<Figure>> {
    let mut api = api.another();
    let site = seed::published_site(system, &mut api, PAGE)?;
    let path = format!("/api/v1/sites/{site}/domains");
    let trust = trust(&mut api)?;
    let mut took = Vec::new();
    for number in 0..WRITES {
        let name = format!("d{number}.bench.example");
        let begin = Instant::now();
        api.post(&path, &json!({"name": name, "kind": "alias"}))?;
        while !serves(system.edge_https, &trust, &name) {
            ensure!(begin.elapsed() < PATIENCE, "{name} is not served");
            sleep(Duration::from_millis(2));
        }
        took.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    let command =
        format!("{WRITES} × POST /api/v1/sites/…/domains, until the edge serves the site there over verified HTTPS");
    Ok(both("API write to HTTPS answer", &took, &command))
}

/// Only what the installation's own authority has signed, and every handshake in full.
pub(super) fn trust(api: &mut Api) -> Result<Arc<ClientConfig>> {
    let answer = api.send("GET", "/api/v1/certificate-authority", "", &[])?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&answer.body)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn serves(address: SocketAddr, trust: &Arc<ClientConfig>, name: &str) -> bool {
    let attempt = || -> Result<bool> {
        let server = ServerName::try_from(name.to_owned())?;
        let connection = ClientConnection::new(Arc::clone(trust), server)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, http::connect(address)?));
        let head = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n");
        let answer = http::exchange(&mut stream, &head, &[])?;
        Ok(answer.status == 200 && answer.body == PAGE.as_bytes())
    };
    // Until then the name is unknown, or has no certificate, or no site.
    attempt().unwrap_or(false)
}
