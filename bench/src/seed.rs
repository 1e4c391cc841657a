//! An installation in use: its owner, a customer, and the customer's thousand sites.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::http::{Api, text};
use crate::report::{Figure, Goal};
use crate::stats::percentile;
use crate::system::System;

pub const SITES: usize = 1000;
/// Connections that create them.
const WRITERS: usize = 4;

/// Becomes the owner, as `mpanel claim` does, and gives a connection with an API token that acts for a customer
/// without limits.
///
/// # Errors
/// When the API refuses.
pub fn claim(system: &System) -> Result<Api> {
    let token = fs::read_to_string(system.data.join("run/claim")).context("no claim token")?;
    let owner = json!({
        "token": token.trim(),
        "email": "owner@bench.example",
        "name": "Owner",
        "password": "measured twice, cut once",
    });
    let mut session = Api::new(system.panel);
    let answer = session.send(
        "POST",
        "/api/v1/claim",
        "application/json",
        &serde_json::to_vec(&owner)?,
    )?;
    answer.json().context("claim")?;
    let cookie = answer
        .header("set-cookie")
        .and_then(|cookie| cookie.split(';').next())
        .context("no session")?;
    session.set_field("Cookie", cookie);
    session.set_field("Mpanel-CSRF", "1");
    session.set_field("Sec-Fetch-Site", "same-origin");
    let made = session.post(
        "/api/v1/api-tokens",
        &json!({"name": "bench", "scopes": ["*", "below"]}),
    )?;
    let mut api = Api::new(system.panel);
    api.set_field("Authorization", &format!("Bearer {}", text(&made, "/token")?));
    let unlimited = json!({"sites": null, "domains": null, "disk_bytes": null, "traffic_bytes_month": null});
    let plan = api.post(
        "/api/v1/plans",
        &json!({"name": "Unlimited", "entitlements": unlimited}),
    )?;
    let customer = json!({"kind": "customer", "name": "Bench", "plan_id": text(&plan, "/id")?});
    let made = api.post("/api/v1/tenants", &customer)?;
    api.set_field("Mpanel-Tenant", text(&made, "/tenant/id")?);
    Ok(api)
}

/// Creates the sites over a few connections.
///
/// # Errors
/// When the API refuses one.
pub fn sites(api: &Api) -> Result<Vec<Figure>> {
    let next = AtomicUsize::new(0);
    let begin = Instant::now();
    let writer = || -> Result<Vec<f64>> {
        let (mut api, mut took) = (api.another(), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= SITES {
                return Ok(took);
            }
            let begin = Instant::now();
            api.post("/api/v1/sites", &json!({"name": format!("Site {number}")}))?;
            took.push(begin.elapsed().as_secs_f64() * 1000.0);
        }
    };
    let took: Vec<Vec<f64>> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(writer)).collect();
        let ended = writers
            .into_iter()
            .map(|writer| writer.join().map_err(|_| anyhow!("a writer panicked"))?);
        ended.collect::<Result<_>>()
    })?;
    let rate = SITES as f64 / begin.elapsed().as_secs_f64();
    let took = took.concat();
    let command = format!("{SITES} × POST /api/v1/sites over {WRITERS} connections");
    Ok(vec![
        Figure::new("create a site, rate", "sites/s", rate, Goal::Explains, &command),
        Figure::new(
            "create a site, p50",
            "ms",
            percentile(&took, 50.0),
            Goal::Explains,
            &command,
        ),
        Figure::new(
            "create a site, p95",
            "ms",
            percentile(&took, 95.0),
            Goal::Explains,
            &command,
        ),
    ])
}

/// A site with a release of one page; its id.
///
/// # Errors
/// When it cannot be published.
pub fn published_site(system: &System, api: &mut Api, page: &str) -> Result<String> {
    let folder = system.data.with_extension("website");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("index.html"), page)?;
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--directory"])
        .arg(&folder)
        .arg("index.html");
    let packed = tar.stdin(Stdio::null()).output().context("cannot start tar")?;
    ensure!(
        packed.status.success(),
        "tar: {}",
        String::from_utf8_lossy(&packed.stderr)
    );
    let site = api.post("/api/v1/sites", &json!({"name": "Published"}))?;
    let site = text(&site, "/id")?.to_owned();
    let path = format!("/api/v1/sites/{site}/releases");
    let started = api.send("POST", &path, "application/gzip", &packed.stdout)?.json()?;
    let operation = format!("/api/v1/operations/{}", text(&started, "/operation_id")?);
    let begin = Instant::now();
    loop {
        let now: Value = api.get(&operation)?;
        match text(&now, "/state")? {
            "succeeded" => return Ok(site),
            "pending" | "running" if begin.elapsed() < Duration::from_secs(30) => {}
            _ => anyhow::bail!("the release is not published: {now}"),
        }
        thread::sleep(Duration::from_millis(20));
    }
}
