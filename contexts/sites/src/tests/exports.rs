//! What a tenant takes away of its sites.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _};

use flate2::read::GzDecoder;
use mpanel_client_agent::Failure;
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter as _};
use serde_json::Value;

use super::support::World;

const ACTIVE: ExportScope = ExportScope { all_releases: false };
const ALL: ExportScope = ExportScope { all_releases: true };

impl World {
    async fn exported(&self, path: &str) -> Result<Vec<u8>, ExportError> {
        let mut file = tempfile::tempfile().unwrap();
        let into = file.try_clone().unwrap();
        self.sites.write(self.tenant, path, into, 1 << 20).await?;
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        Ok(bytes)
    }
}

fn untar(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut tar = tar::Archive::new(GzDecoder::new(bytes));
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (entry.path().unwrap().display().to_string(), text)
    });
    entries.collect()
}

#[tokio::test]
async fn the_release_that_is_shown_is_exported_with_the_site_and_others_when_asked() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    let first = world.deployed(site, &[("index.html", "one")]).await;
    let second = world
        .deployed(site, &[("index.html", "two"), ("deep/page.html", "deeper")])
        .await;
    let about = format!("sites/{site}/site.json");
    let files = |release| format!("sites/{site}/releases/{release}.tar.gz");
    let listed = world.sites.list(world.tenant, ACTIVE).await.unwrap();
    assert_eq!(listed, [about.clone(), files(second)]);
    let mut listed = world.sites.list(world.tenant, ALL).await.unwrap();
    listed.sort();
    let mut expected = [about.clone(), files(first), files(second)];
    expected.sort();
    assert_eq!(listed, expected);

    let found = untar(&world.exported(&files(second)).await.unwrap());
    assert_eq!(
        (found["index.html"].as_str(), found["deep/page.html"].as_str()),
        ("two", "deeper")
    );
    let about: Value = serde_json::from_slice(&world.exported(&about).await.unwrap()).unwrap();
    assert_eq!(
        (&about["name"], &about["primary_host"]),
        (&"Shop".into(), &"example.com".into())
    );
    assert_eq!(about["active_release"], second.to_string());
}

#[tokio::test]
async fn what_has_gone_is_left_out_and_what_does_not_fit_is_said() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let release = world.deployed(site, &[("index.html", "one")]).await;
    let path = format!("sites/{site}/releases/{release}.tar.gz");
    world.agent.fail_next(Failure::NoSpace {});
    assert!(matches!(world.exported(&path).await, Err(ExportError::NoSpace)));
    world.agent.fail_next(Failure::Busy {});
    assert!(matches!(world.exported(&path).await, Err(ExportError::Other(_))));
    world.agent.fail_next(Failure::NoRelease {});
    assert!(matches!(world.exported(&path).await, Err(ExportError::Gone)));
    for strange in ["sites/", "sites/../../etc/passwd", "zones/example.com.json", ""] {
        assert!(
            matches!(world.exported(strange).await, Err(ExportError::Gone)),
            "{strange}"
        );
    }
    // Another tenant's paths lead to nothing.
    let other = super::store::plant(&world.db, "customer", [None, None, None]).await;
    assert!(world.sites.list(other, ALL).await.unwrap().is_empty());
    let into = tempfile::tempfile().unwrap();
    let borrowed = world.sites.write(other, &path, into, 1 << 20).await;
    assert!(matches!(borrowed, Err(ExportError::Gone)));
}
