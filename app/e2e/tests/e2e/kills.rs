//! `kill -9` of each process, at each step of the operations on sites: what was begun is finished or undone, nothing is left behind,
//! and visitors notice nothing.

mod data_plane;
mod steps;
mod times;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Account, System, eventually};
use crate::main_job::api::on_disk;

/// Whether disk and database agree: every folder and file belongs to a row, and every row has what it needs.
async fn assert_nothing_orphaned(system: &System, customer: &Account) {
    let api = &customer.api;
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    // What was withdrawn is cleared away a moment later.
    eventually("disk and database agree", async || {
        let (mut wanted_sites, mut wanted_releases) = (BTreeSet::new(), BTreeSet::new());
        for site in api.list("/sites").await {
            let site = text(&site, "id");
            for release in api.list(&format!("/sites/{site}/releases")).await {
                if ["ready", "active"].contains(&release["state"].as_str().unwrap()) {
                    wanted_releases.insert(text(&release, "id"));
                }
            }
            wanted_sites.insert(site);
        }
        let (sites, _) = on_disk(system);
        let sites: BTreeSet<String> = sites.into_iter().filter(|name| name.starts_with("site_")).collect();
        let mut releases = BTreeSet::new();
        for site in &sites {
            let folder = std::fs::read_dir(system.data().join("sites").join(site).join("releases"));
            let names = folder
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned());
            releases.extend(names.filter(|name| name.contains("rel_") && !name.ends_with(".json")));
        }
        (sites.is_subset(&wanted_sites) && releases == wanted_releases).then_some(())
    })
    .await;
}
