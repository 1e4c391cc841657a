//! A hundred clients at once ask for what is not in the cache yet, of an origin that takes its time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::http;
use crate::peers::{Kind, Serves};
use crate::report::{Figure, Goal};
use crate::stats::percentile;

const CLIENTS: usize = 100;
const ROUNDS: usize = 5;
const DELAY: Duration = Duration::from_millis(100);
/// Of the milliseconds beyond the origin's.
const GOAL: f64 = 30.0;

/// An origin that answers each request after [`DELAY`], and counts those for pages.
struct Slow {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Slow {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                thread::spawn(move || answer(stream, &count));
            }
        });
        Ok(Self { address, asked })
    }
}

fn answer(mut stream: TcpStream, asked: &AtomicUsize) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let body = "x".repeat(1024);
    let mut head = Vec::new();
    loop {
        let mut byte = [0; 4096];
        let count = stream.read(&mut byte).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(byte.get(..count)?);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        if head.starts_with(b"GET /page-") {
            asked.fetch_add(1, Ordering::SeqCst);
            thread::sleep(DELAY);
        }
        head.clear();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncache-control: max-age=3600\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).ok()?;
    }
}

pub(super) fn measure(below: &Path) -> Result<Vec<Figure>> {
    let mut measured = Vec::new();
    for kind in [Kind::Edge, Kind::Nginx, Kind::Varnish] {
        let origin = Slow::start()?;
        let server = kind.start(&Serves::Cache(origin.address), below)?;
        let mut took = Vec::new();
        let clients = clients(server.address)?;
        for round in 0..ROUNDS {
            took.extend(ask(&clients, round)?);
        }
        measured.push((
            server.name.clone(),
            percentile(&took, 99.0),
            origin.asked.load(Ordering::SeqCst),
        ));
    }
    let [(_, ours, asked), peers @ ..] = &measured[..] else {
        unreachable!("three are measured")
    };
    ensure!(
        *asked == ROUNDS,
        "the origin was asked {asked} times for {ROUNDS} pages"
    );
    let command = format!(
        "{ROUNDS} × {CLIENTS} connections, each a GET of one page at once, an origin that answers after 100 ms"
    );
    let most = DELAY.as_secs_f64() * 1e3 + GOAL;
    let mut figures = vec![Figure::new(
        "one of 100 at once is asked for, p99",
        "ms",
        *ours,
        Goal::AtMost(most),
        &command,
    )];
    figures.extend(peers.iter().map(|(name, theirs, asked)| {
        let command = format!("{command}; of this peer it was asked {asked} times");
        Figure::new("the same", "ms", *ours, Goal::Explains, &command).beside_less(name, *theirs)
    }));
    Ok(figures)
}

/// Connections that have carried a request already.
fn clients(address: SocketAddr) -> Result<Vec<TcpStream>> {
    let clients = (0..CLIENTS).map(|_| {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        get(&mut stream, address, "/warm")?;
        Ok(stream)
    });
    clients.collect()
}

fn get(stream: &mut TcpStream, address: SocketAddr, path: &str) -> Result<()> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes())?;
    let answer = http::read(&mut std::io::BufReader::new(stream))?;
    ensure!(answer.status == 200, "{path} was answered {}", answer.status);
    Ok(())
}

/// Milliseconds that each of them waited.
fn ask(clients: &[TcpStream], round: usize) -> Result<Vec<f64>> {
    let start = Barrier::new(clients.len());
    thread::scope(|scope| {
        let threads: Vec<_> = clients
            .iter()
            .map(|client| {
                let start = &start;
                scope.spawn(move || {
                    let mut stream = client.try_clone()?;
                    let address = stream.peer_addr()?;
                    start.wait();
                    let begin = Instant::now();
                    get(&mut stream, address, &format!("/page-{round}"))?;
                    Ok(begin.elapsed().as_secs_f64() * 1e3)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a client panicked")?)
            .collect()
    })
}
