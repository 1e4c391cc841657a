//! Two thousand clients at once who mean no good, and what they make the processes hold.

use std::io::{BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use serde_json::json;

use super::served::trust;
use crate::http::{self, Api, text};
use crate::proc;
use crate::report::{Figure, Goal};
use crate::seed;
use crate::stats::percentile;
use crate::system::System;

/// Of each of the four kinds, and so 2,000 in all.
const OF_A_KIND: usize = 500;
const CLIENTS: usize = 4 * OF_A_KIND;
/// Source addresses on the loopback network: one alone is not let in that often.
const ADDRESSES: u8 = 20;
/// How long they are at it: past the edge's patience with a head (15 s).
const STAY: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(250);
/// The largest body that the API takes.
const BODY: usize = 1024 * 1024;
const PIECE: usize = 32 * 1024;
/// Pages of 200 sites that one asks for and does not read.
const UNREAD: usize = 20;
/// What `serve` may hold at its peak: 45 MiB as after ordinary calls, bodies on their way (32 MiB of those who are known,
/// 16 MiB of strangers), answers that nobody reads (32 MiB), and 32 KiB for each connection.
const SERVE: Goal = Goal::AtMost(45.0 + 32.0 + 16.0 + 32.0 + CLIENTS as f64 / 32.0);

/// # Errors
/// When the clients cannot connect, or somebody who behaves is refused meanwhile.
pub fn measure(system: &System, api: &Api) -> Result<Vec<Figure>> {
    let mut figures = panel(system, api)?;
    figures.extend(websites(system, api)?);
    Ok(figures)
}

/// Half-sent heads, bodies that trickle, event streams and pages that nobody reads.
fn panel(system: &System, api: &Api) -> Result<Vec<Figure>> {
    let somebody_else = program(system, api)?;
    for name in ["serve", "edge"] {
        proc::forget_peak(system.pid(name)?)?;
    }
    let fields = format!("Host: {}\r\n{}", system.panel, api.fields());
    let head = format!("GET /api/v1/me HTTP/1.1\r\n{fields}X-Slow: ");
    let body = format!(
        "POST /api/v1/zones HTTP/1.1\r\n{fields}Content-Type: application/json\r\nContent-Length: {BODY}\r\n\r\n{{\"apex\":\""
    );
    let stream = format!("GET /api/v1/events HTTP/1.1\r\n{fields}\r\n");
    let unread = format!("GET /api/v1/sites?limit=200 HTTP/1.1\r\n{fields}\r\n").repeat(UNREAD);
    let crowd = |opening: &str, kind: u8| -> Result<Vec<TcpStream>> {
        (0..OF_A_KIND)
            .map(|number| {
                let mut stream = client(system.panel, usize::from(kind) * OF_A_KIND + number)?;
                write(&mut stream, opening.as_bytes());
                Ok(stream)
            })
            .collect()
    };
    let mut heads = crowd(&head, 0)?;
    let mut bodies = crowd(&body, 1)?;
    let _streams = crowd(&stream, 2)?;
    let _deaf = crowd(&unread, 3)?;
    let piece = vec![b'a'; PIECE];
    let over = AtomicBool::new(false);
    let took = thread::scope(|scope| {
        let behaved = scope.spawn(|| ordinary(&somebody_else, &over));
        let begin = Instant::now();
        while begin.elapsed() < STAY {
            for stream in &mut heads {
                write(stream, b"a");
            }
            for stream in &mut bodies {
                write(stream, &piece);
            }
            thread::sleep(TICK);
        }
        over.store(true, Ordering::Relaxed);
        behaved.join().map_err(|_| anyhow!("the ordinary caller panicked"))?
    })?;
    let command = format!(
        "VmHWM with {CLIENTS} clients at the panel for {} s: {OF_A_KIND} each of heads of a byte per {} ms, 1 MiB bodies that never end, event streams, {UNREAD} unread pages of 200 sites",
        STAY.as_secs(),
        TICK.as_millis()
    );
    let peak = |name: &str| proc::peak(system.pid(name)?);
    Ok(vec![
        Figure::new(
            "serve under 2,000 clients, peak RSS",
            "MiB",
            peak("serve")?,
            SERVE,
            &command,
        ),
        Figure::new(
            "edge under 2,000 clients of the panel, peak RSS",
            "MiB",
            peak("edge")?,
            Goal::Explains,
            &command,
        ),
        Figure::new(
            "GET /api/v1/tenants meanwhile, p95",
            "ms",
            percentile(&took, 95.0),
            Goal::Explains,
            "one caller, one request after another, every one answered with 200",
        ),
    ])
}

/// Another one than whose requests fill what one has under way: a service account of the platform.
fn program(system: &System, api: &Api) -> Result<Api> {
    let mut owner = Api::new(system.panel);
    let fields = api.fields().lines().filter_map(|field| field.split_once(": "));
    for (name, value) in fields.filter(|(name, _)| *name != "Mpanel-Tenant") {
        owner.set_field(name, value);
    }
    let account = owner.post(
        "/api/v1/service-accounts",
        &json!({"name": "Behaved", "role": "viewer"}),
    )?;
    let path = format!("/api/v1/service-accounts/{}/tokens", text(&account, "/id")?);
    let made = owner.post(&path, &json!({"name": "behaved", "scopes": ["*"]}))?;
    let mut program = Api::new(system.panel);
    program.set_field("Authorization", &format!("Bearer {}", text(&made, "/token")?));
    Ok(program)
}

/// Somebody who wants to work meanwhile: every request is answered.
fn ordinary(api: &Api, over: &AtomicBool) -> Result<Vec<f64>> {
    let (mut api, mut took) = (api.another(), Vec::new());
    while !over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        api.get("/api/v1/tenants?limit=1")
            .context("while others crowd the panel")?;
        took.push(begin.elapsed().as_secs_f64() * 1000.0);
        thread::sleep(Duration::from_millis(20));
    }
    Ok(took)
}

/// Visitors of a website who keep their connection, as browsers do.
fn websites(system: &System, api: &Api) -> Result<Vec<Figure>> {
    let mut api = api.another();
    let name = "crowd.bench.example";
    let site = seed::published_site(system, &mut api, "<!doctype html><title>crowd</title>")?;
    api.post(
        &format!("/api/v1/sites/{site}/domains"),
        &json!({"name": name, "kind": "alias"}),
    )?;
    let trust = trust(&mut api)?;
    let begin = Instant::now();
    while visit(system.edge_https, 0, &trust, name).is_err() {
        ensure!(begin.elapsed() < STAY, "{name} is not served");
        thread::sleep(TICK);
    }
    let edge = system.pid("edge")?;
    proc::forget_peak(edge)?;
    let before = proc::memory(edge)?.rss;
    let visitors: Vec<_> = (0..CLIENTS)
        .map(|number| visit(system.edge_https, number, &trust, name))
        .collect::<Result<_>>()?;
    let each = (proc::memory(edge)?.rss - before) * 1024.0 / CLIENTS as f64;
    let peak = proc::peak(edge)?;
    drop(visitors);
    let command = format!("VmHWM with {CLIENTS} kept-alive HTTPS connections, one GET of each");
    Ok(vec![
        Figure::new(
            "edge under 2,000 visitors, peak RSS",
            "MiB",
            peak,
            Goal::Explains,
            &command,
        ),
        Figure::new(
            "edge, a kept-alive HTTPS connection",
            "KiB",
            each,
            Goal::Explains,
            &command,
        ),
    ])
}

type Visitor = BufReader<StreamOwned<ClientConnection, TcpStream>>;

fn visit(address: SocketAddr, number: usize, trust: &Arc<ClientConfig>, name: &str) -> Result<Visitor> {
    let connection = ClientConnection::new(Arc::clone(trust), ServerName::try_from(name.to_owned())?)?;
    let stream = client(address, number)?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(STAY))?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let answer = http::exchange(&mut stream, &format!("GET / HTTP/1.1\r\nHost: {name}\r\n"), &[])?;
    ensure!(answer.status == 200, "GET / answered {}", answer.status);
    Ok(stream)
}

/// A connection from one of several addresses; writing to it never waits.
fn client(address: SocketAddr, number: usize) -> Result<TcpStream> {
    let last = u8::try_from(number % usize::from(ADDRESSES)).unwrap_or_default() + 1;
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, last), 0))?;
    connect(&socket, &address).with_context(|| format!("client {number}"))?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// As much of it as the other side takes at once. One that was closed is left: that is how the crowd is bounded.
fn write(stream: &mut TcpStream, bytes: &[u8]) {
    match stream.write(bytes) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            let _closed = stream.shutdown(std::net::Shutdown::Both);
        }
        _ => {}
    }
}
