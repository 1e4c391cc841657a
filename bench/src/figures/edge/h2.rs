//! HTTP/2 over TLS 1.3.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::rates;
use crate::peers::{Kind, Server, Serves};
use crate::proc;
use crate::report::{Figure, Goal};
use crate::stats::median;

const ROUNDS: usize = 3;
/// On 32 connections, 16 at a time on each.
const ARGUMENTS: [&str; 6] = [
    "-t1",
    "-c32",
    "-m16",
    "-n200000",
    "--tls13-ciphers",
    "TLS_AES_128_GCM_SHA256",
];

pub(super) fn measure(below: &Path) -> Result<Vec<Figure>> {
    let key = rcgen::KeyPair::generate()?;
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()])?;
    fs::write(below.join("chain.pem"), params.self_signed(&key)?.pem())?;
    fs::write(below.join("key.pem"), key.serialize_pem())?;
    let serves = Serves::FilesOverTls(rates::folder(below)?, below.to_owned());
    let servers = [Kind::Edge.start(&serves, below)?, Kind::Nginx.start(&serves, below)?];
    let mut all: [Vec<f64>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (server, rates) in servers.iter().zip(&mut all) {
            rates.push(rate(server)?);
        }
    }
    let [ours, peer] = all.map(|rates| median(&rates));
    let command = format!(
        "median of {ROUNDS} × h2load {} https://SERVER/1k.html, user and system time of the server",
        ARGUMENTS.join(" ")
    );
    let figure = Figure::new(
        "file of 1 KiB over HTTP/2 and TLS",
        "req/CPU-s",
        ours,
        Goal::BeatPeer,
        &command,
    );
    Ok(vec![figure.beside(&servers[1].name, peer)])
}

fn rate(server: &Server) -> Result<f64> {
    let before = proc::cpu_of_tree(server.pid())?;
    let output = Command::new("h2load")
        .args(ARGUMENTS)
        .arg(format!("https://{}/1k.html", server.address))
        .stdin(Stdio::null())
        .output()
        .context("cannot start h2load: `make bench-edge` installs it")?;
    let used = proc::cpu_of_tree(server.pid())? - before;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(succeeded(&text).with_context(|| format!("h2load: {text}"))? / used)
}

/// How many requests a run of h2load made; each of them has to have succeeded.
///
/// # Errors
/// When one did not, or it does not say.
pub(crate) fn succeeded(text: &str) -> Result<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("status codes: "))
        .context("no status codes")?;
    let count = |name: &str| {
        let part = line.split(", ").find_map(|part| part.strip_suffix(name));
        part.context("a count is missing")?
            .trim()
            .parse::<f64>()
            .context("no number")
    };
    let good = count(" 2xx")?;
    ensure!(
        good > 0.0 && count(" 4xx")? + count(" 5xx")? == 0.0,
        "not all succeeded: {line}"
    );
    Ok(good)
}
