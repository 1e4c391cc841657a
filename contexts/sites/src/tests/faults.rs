//! Everything that can go wrong with the operations and reconcilers of sites, at every step.

mod reconcilers;
mod releases;
mod removal;

use std::sync::Arc;

use mpanel_jobs::{Kind, Operation};
use mpanel_kernel::ids::{ReleaseId, SiteId};

use super::store::{published, used};
use super::support::World;
use crate::ops;

/// The operation of a kind, as the server has it.
fn registered(world: &World, kind: &'static Kind) -> Arc<dyn Operation> {
    let all = ops::all(&world.sites);
    all.into_iter().find(|operation| operation.kind() == kind).unwrap()
}

/// A site with releases, the last of them active, made without anything going wrong.
async fn site_with(world: &World, texts: &[&str]) -> (SiteId, Vec<ReleaseId>) {
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let mut releases = Vec::new();
    for text in texts {
        releases.push(world.deployed(site, &[("index.html", text)]).await);
    }
    (site, releases)
}

/// Whether a site serves this release: by its row, to the edges and on disk.
async fn serves(world: &World, site: SiteId, release: ReleaseId) -> Result<(), String> {
    let row = world.get(site).await;
    if row.active_release != Some(release) {
        return Err(format!("{:?} is active, not {release}", row.active_release));
    }
    let host = row.preview().unwrap();
    let (generation, target) = published(&world.db, host.as_str())
        .await
        .ok_or("nothing is published")?;
    let root = target.ok_or("it is withdrawn")?["root"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if generation != row.generation || root != format!("{site}/releases/{release}") {
        return Err(format!(
            "published is {root} under {generation}, not {}",
            row.generation
        ));
    }
    match world.agent.files(site, release) {
        Some(_) => Ok(()),
        None => Err("its files are gone".to_owned()),
    }
}

/// Whether the tenant is charged as much as before, and `more` bytes of disk space.
async fn charged_as(world: &World, before: [i64; 3], more: i64) -> Result<(), String> {
    let now = used(&world.db, world.tenant).await;
    let expected = [before[0], before[1], before[2] + more];
    if now == expected {
        Ok(())
    } else {
        Err(format!("sites, domains and bytes are {now:?}, not {expected:?}"))
    }
}
