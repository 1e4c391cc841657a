//! Whether an installation is whole: nothing on disk that no row knows, nothing counted that is not there, nothing unfinished.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Account, Api, System, eventually};

/// Looks at everything of the one customer of an installation. What was withdrawn is cleared away a moment later, so it waits.
///
/// # Panics
/// When it does not become whole; says what is wrong.
pub async fn assert_whole(system: &System, customer: &Account) {
    let mut wrong = Vec::new();
    let whole = async || {
        wrong = faults(system, customer).await;
        wrong.is_empty().then_some(())
    };
    let waited = tokio::time::timeout(crate::harness::PATIENCE / 2, eventually("it is whole", whole));
    let in_time = waited.await.is_ok();
    assert!(in_time, "{}", wrong.join("\n"));
}

/// What is there and should not be, or is not there and should be.
async fn faults(system: &System, customer: &Account) -> Vec<String> {
    let api = &customer.api;
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    let (mut folders, mut bytes) = (BTreeSet::new(), 0);
    let sites = api.list("/sites").await;
    for site in &sites {
        let id = text(site, "id");
        for release in api.list(&format!("/sites/{id}/releases")).await {
            let release_id = text(&release, "id");
            match release["state"].as_str().unwrap() {
                "ready" | "active" => {
                    folders.insert(format!("{id}/releases/{release_id}"));
                    folders.insert(format!("{id}/manifests/{release_id}.json"));
                    bytes += release["bytes"].as_i64().unwrap();
                }
                "failed" => {}
                state => found.push(format!("{release_id} is {state}")),
            }
        }
    }
    // Of each site its releases and what describes them; sites that are no more have no folder.
    let folders_on_disk = names(system, "sites");
    let mut on_disk = BTreeSet::new();
    for part in folders_on_disk
        .iter()
        .flat_map(|site| [format!("{site}/releases"), format!("{site}/manifests")])
    {
        let inside = names(system, &format!("sites/{part}")).into_iter();
        on_disk.extend(inside.map(|name| format!("{part}/{name}")));
    }
    if on_disk != folders {
        let (more, less) = (on_disk.difference(&folders), folders.difference(&on_disk));
        found.push(format!(
            "on disk and in no row: {:?}; in a row and not on disk: {:?}",
            more.collect::<Vec<_>>(),
            less.collect::<Vec<_>>()
        ));
    }
    let known = |name: &&String| sites.iter().any(|site| site["id"] == name.as_str());
    let strangers: Vec<&String> = folders_on_disk.iter().filter(|name| !known(name)).collect();
    if !strangers.is_empty() {
        found.push(format!("folders of no site: {strangers:?}"));
    }
    let uploads = names(system, "blobs/uploads");
    if !uploads.is_empty() {
        found.push(format!("uploads are left: {uploads:?}"));
    }
    let usage = api
        .get(&format!("/tenants/{}/usage", customer.tenant))
        .await
        .expect(200);
    for item in usage.body["items"].as_array().unwrap() {
        let right = match item["key"].as_str().unwrap() {
            "sites" => i64::try_from(sites.len()).unwrap(),
            "disk_bytes" => bytes,
            "domains" => domains(api, &sites).await,
            _ => continue,
        };
        if item["used"] != right {
            found.push(format!("{item} should be {right}"));
        }
    }
    for operation in api.list("/operations?filter[unfinished]=true").await {
        found.push(format!("{operation} is not finished"));
    }
    found
}

/// How many domains are in use: those of sites, and zones that none of these is in.
async fn domains(api: &Api, sites: &[Value]) -> i64 {
    let mut hosts = Vec::new();
    for site in sites {
        let path = format!("/sites/{}/domains", site["id"].as_str().unwrap());
        let domains = api.list(&path).await;
        hosts.extend(domains.iter().map(|domain| domain["name"].as_str().unwrap().to_owned()));
    }
    let zones = api.list("/zones").await;
    let alone = zones.iter().filter(|zone| {
        let apex = zone["apex"].as_str().unwrap();
        let is_in = |host: &String| host == apex || host.ends_with(&format!(".{apex}"));
        !hosts.iter().any(is_in)
    });
    i64::try_from(alone.count() + hosts.len()).unwrap()
}

/// What lies in a folder of the data folder; nothing when it is gone.
fn names(system: &System, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(system.data().join(folder))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
