//! A page of 200 of 1,000 sites, over the edge's panel listener.

use std::path::Path;

use anyhow::Result;

use crate::http::Api;
use crate::proc;
use crate::report::{Figure, Goal};
use crate::stats::median;
use crate::system::System;
use crate::wrk::Wrk;

const ROUNDS: usize = 3;
const SECONDS: u32 = 5;
const PATH: &str = "/api/v1/sites?limit=200";

/// # Errors
/// When a request fails.
pub fn measure(system: &System, api: &Api, folder: &Path) -> Result<Vec<Figure>> {
    let wrk = Wrk::new(folder, 8)?;
    let (fields, url) = (api.wrk_fields(), api.url(PATH));
    let (serve, edge, postgres) = (system.pid("serve")?, system.pid("edge")?, system.pid("postgres")?);
    let spent = || Ok::<_, anyhow::Error>([proc::cpu(serve)?, proc::cpu(edge)?, proc::cpu_of_tree(postgres)?]);
    wrk.run(2, &fields, &url)?;
    let (mut rates, mut wall, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
    let mut micros: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let before = spent()?;
        let outcome = wrk.run(SECONDS, &fields, &url)?;
        let after = spent()?;
        for (index, each) in micros.iter_mut().enumerate() {
            each.push((after[index] - before[index]) * 1e6 / outcome.requests);
        }
        rates.push(outcome.requests / (after[0] - before[0]));
        wall.push(outcome.requests / outcome.seconds);
        latencies.push(outcome.p95_ms);
    }
    let command = format!(
        "median of {ROUNDS} × {}",
        wrk.shown(
            SECONDS,
            &format!("-H 'Authorization: Bearer …' -H 'Mpanel-Tenant: …' http://PANEL{PATH}")
        )
    );
    let rate = Figure::new(
        "list 200 of 1,000 sites",
        "req/CPU-s of serve",
        median(&rates),
        Goal::AtLeast(2800.0),
        &command,
    );
    let mut figures = vec![
        rate,
        Figure::new("list, p95", "ms", median(&latencies), Goal::AtMost(10.0), &command),
        Figure::new(
            "list, rate with all on this machine",
            "req/s",
            median(&wall),
            Goal::Explains,
            &command,
        ),
    ];
    for (name, each) in ["serve", "edge", "PostgreSQL"].iter().zip(&micros) {
        figures.push(Figure::new(
            format!("list, CPU of {name}"),
            "µs/req",
            median(each),
            Goal::Explains,
            &command,
        ));
    }
    Ok(figures)
}
