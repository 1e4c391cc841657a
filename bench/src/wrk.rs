//! Runs of `wrk`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Prints what wrk's own report leaves out.
const SCRIPT: &str = "function done(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format(\"result %d %d %d %d\\n\", summary.requests, summary.duration, latency:percentile(95), failed))
end
";

/// What one run says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    pub requests: f64,
    pub seconds: f64,
    pub p95_ms: f64,
}

/// A way to run it.
#[derive(Debug)]
pub struct Wrk {
    script: PathBuf,
    connections: usize,
}

impl Wrk {
    /// # Errors
    /// When the folder cannot be written.
    pub fn new(folder: &Path, connections: usize) -> Result<Self> {
        let script = folder.join("wrk.lua");
        fs::write(&script, SCRIPT)?;
        Ok(Self { script, connections })
    }

    /// As one would type it.
    pub fn shown(&self, seconds: u32, target: &str) -> String {
        format!("wrk -t1 -c{} -d{seconds}s {target}", self.connections)
    }

    /// # Errors
    /// When it cannot run, or any answer is no success.
    pub fn run(&self, seconds: u32, fields: &[String], url: &str) -> Result<Outcome> {
        let output = Command::new("wrk")
            .args([
                "-t1",
                &format!("-c{}", self.connections),
                &format!("-d{seconds}s"),
                "-s",
            ])
            .arg(&self.script)
            .args(fields)
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .context("cannot start wrk: `make bench` installs it")?;
        let text = String::from_utf8_lossy(&output.stdout);
        outcome(&text).with_context(|| format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Reads the line that the script prints.
///
/// # Errors
/// When it is missing or counts failures.
pub fn outcome(text: &str) -> Result<Outcome> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("result "))
        .context("no result")?;
    let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, micros, p95, failed] = numbers[..] else {
        anyhow::bail!("not four numbers: {line}")
    };
    ensure!(
        failed == 0.0 && requests > 0.0,
        "{failed} of {requests} requests failed"
    );
    Ok(Outcome {
        requests,
        seconds: micros / 1e6,
        p95_ms: p95 / 1e3,
    })
}
