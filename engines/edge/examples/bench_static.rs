//! A one-worker edge for benchmarks: serves DIR (made with `1k.html` and `16k.html` when absent) on ADDR for any host,
//! over plain HTTP, until standard input ends.
//!
//! `cargo run --release -p mpanel-engine-edge --example bench_static -- [ADDR [DIR [THREADS]]]`

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use mpanel_engine_edge::{Edge, EdgeConfig, EdgeOptions, Host, Listener, Role, Target};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let directory = arguments
        .next()
        .map_or_else(|| std::env::temp_dir().join("mpanel-bench-static"), PathBuf::from);
    let threads = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1);
    std::fs::create_dir_all(&directory)?;
    for (name, size) in [("1k.html", 1024), ("16k.html", 16 * 1024)] {
        let file = directory.join(name);
        if !file.exists() {
            std::fs::write(file, vec![b'x'; size])?;
        }
    }
    let (sites, root) = match (directory.parent(), directory.file_name()) {
        (Some(sites), Some(root)) => (sites.to_owned(), root.to_string_lossy().into_owned()),
        _ => return Err(std::io::Error::other("the directory needs a name")),
    };
    let target = Target::Site {
        site: String::new(),
        root,
        spa_fallback: false,
        not_found: None,
        https_redirect: false,
    };
    let config = EdgeConfig {
        hosts: [("*".to_owned(), Host::from(target))].into(),
        ..EdgeConfig::default()
    };
    let mut options = EdgeOptions::new(sites, "unused.sock");
    options.threads = threads;
    let (edge, rejected) = Edge::new(options, config);
    if let Some(first) = rejected.first() {
        return Err(std::io::Error::other(first.reason.clone()));
    }
    let running = edge.start(vec![Listener::new(
        Role::EdgeHttp,
        std::net::TcpListener::bind(&address)?,
    )])?;
    for (_, address) in running.addresses() {
        println!("listening on {address}, pid {}", std::process::id());
    }
    let mut end = Vec::new();
    std::io::stdin().read_to_end(&mut end)?;
    let stopped = running.stop(Duration::from_secs(2));
    println!("stopped, {} connections cut off", stopped.aborted);
    Ok(())
}
