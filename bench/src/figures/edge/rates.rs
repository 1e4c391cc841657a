//! Requests for each second of processor time that a server uses, over plain HTTP on kept-alive connections.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::peers::{Kind, Server, Serves};
use crate::proc;
use crate::report::{Figure, Goal};
use crate::stats::median;
use crate::wrk::Wrk;

const ROUNDS: usize = 3;
const SECONDS: u32 = 3;
const CONNECTIONS: usize = 32;
const FILES: [(&str, usize); 2] = [("1k.html", 1024), ("16k.html", 16 * 1024)];

/// A folder with a file of each size.
pub(super) fn folder(below: &Path) -> Result<PathBuf> {
    let folder = below.join("site");
    fs::create_dir_all(&folder)?;
    for (name, size) in FILES {
        fs::write(folder.join(name), vec![b'x'; size])?;
    }
    Ok(folder)
}

pub(super) fn files(below: &Path) -> Result<Vec<Figure>> {
    let serves = Serves::Files(folder(below)?);
    let servers = start(&[Kind::Edge, Kind::Nginx, Kind::Caddy], &serves, below)?;
    compare("static file", &servers, below, |_| Goal::BeatPeer)
}

pub(super) fn proxy(below: &Path) -> Result<Vec<Figure>> {
    let origin = Kind::Nginx.start(&Serves::Files(folder(below)?), below)?;
    let serves = Serves::Proxy(origin.address);
    let servers = start(&[Kind::Edge, Kind::Nginx, Kind::Haproxy], &serves, below)?;
    compare("proxied file", &servers, below, |peer| match peer {
        Kind::Nginx => Goal::BeatPeer,
        _ => Goal::Explains,
    })
}

pub(super) fn cache(below: &Path) -> Result<Vec<Figure>> {
    let folder = folder(below)?;
    let origin = Kind::Nginx.start(&Serves::Fresh(folder), below)?;
    let serves = Serves::Cache(origin.address);
    let servers = start(&[Kind::Edge, Kind::Nginx, Kind::Varnish, Kind::Haproxy], &serves, below)?;
    compare("cache hit", &servers, below, |peer| match peer {
        Kind::Nginx => Goal::BeatPeer,
        Kind::Varnish => Goal::TimesPeer(2.0),
        _ => Goal::Explains,
    })
}

/// Ours first.
fn start(kinds: &[Kind], serves: &Serves, below: &Path) -> Result<Vec<(Kind, Server)>> {
    kinds
        .iter()
        .map(|kind| Ok((*kind, kind.start(serves, below)?)))
        .collect()
}

fn compare(what: &str, servers: &[(Kind, Server)], below: &Path, goal: impl Fn(Kind) -> Goal) -> Result<Vec<Figure>> {
    let wrk = Wrk::new(below, CONNECTIONS)?;
    let mut figures = Vec::new();
    for (file, size) in FILES {
        let url = |server: &Server| format!("http://{}/{file}", server.address);
        for (_, server) in servers {
            wrk.run(1, &[], &url(server))?;
        }
        // In turn, so that whatever else the machine does meets all of them.
        let mut rates = vec![Vec::new(); servers.len()];
        for _ in 0..ROUNDS {
            for ((_, server), rates) in servers.iter().zip(&mut rates) {
                let before = proc::cpu_of_tree(server.pid())?;
                let outcome = wrk.run(SECONDS, &[], &url(server))?;
                rates.push(outcome.requests / (proc::cpu_of_tree(server.pid())? - before));
            }
        }
        let command = format!(
            "median of {ROUNDS} × {}, user and system time of the server with its threads and workers",
            wrk.shown(SECONDS, &format!("http://SERVER/{file}"))
        );
        let rates: Vec<f64> = rates.iter().map(|rates| median(rates)).collect();
        for ((kind, peer), rate) in servers.iter().zip(&rates).skip(1) {
            let name = format!("{what} of {} KiB", size / 1024);
            let figure = Figure::new(name, "req/CPU-s", rates[0], goal(*kind), &command);
            figures.push(figure.beside(&peer.name, *rate));
        }
    }
    Ok(figures)
}
