//! Sees to one site.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use mpanel_authz::Actor;
use mpanel_client_agent::{Failure, ReleaseEntry, ReleaseState as OnDisk};
use mpanel_events::Record;
use mpanel_jobs::{OperationFilter, PassReport, deletes_allowed};
use mpanel_kernel::ids::{ReleaseId, RequestId, SiteId, TenantId};
use mpanel_kernel::paging::PageRequest;
use mpanel_sites_contract::events;
use serde_json::json;

use super::{Converge, WELL, later};
use crate::domain::{Condition, ReleaseState, Site, SiteState, Truth, digest};
use crate::error::Error;
use crate::ops::{DELETE_SITE, DeleteSiteInput};
use crate::store;
use crate::store::due::{self, Due, Found};

/// Releases of one site that one pass removes.
const BURIED: usize = 10;
/// A site that waits for something is looked at again after a tenth of the time it has waited, within these.
const WAITING: SignedDuration = SignedDuration::from_secs(2);
const WAITING_LONG: SignedDuration = SignedDuration::from_mins(5);
/// One that could not be seen to, first and at most; twice as long each time.
const FAILED: SignedDuration = SignedDuration::from_secs(10);
const FAILED_LONG: SignedDuration = SignedDuration::from_mins(30);
/// Bytes on disk beside what is counted that are no reason to say anything: manifests.
const UNCOUNTED: u64 = 1 << 20;

/// How long to wait after so many failures in a row.
pub(super) fn after_failures(failures: i32) -> SignedDuration {
    let doublings = failures.clamp(1, 16).unsigned_abs() - 1;
    FAILED.saturating_mul(1 << doublings).min(FAILED_LONG)
}

impl Converge {
    pub(super) async fn see_to(&self, due: Due, report: &mut PassReport) -> Result<(), Error> {
        let tenant = due.tenant;
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        let Some(site) = store::sites::get(&mut tx, due.site).await? else {
            return Ok(());
        };
        tx.end_read();
        if site.state == SiteState::Deleting {
            return self.resume_removal(due).await;
        }
        let mut site = self.republish(tenant, site, report).await?;
        self.ask_again(tenant, &site).await?;
        let (mut present, mut seen) = (None, None);
        // Files that cannot be looked at say nothing of the rest.
        let files = if due.files {
            self.files(tenant, &site, report).await.map(|there| {
                present = there;
                seen = Some(self.sites.clock.now());
            })
        } else {
            Ok(())
        };
        let conditions = self.sites.observe(tenant, &mut site, present).await?;
        self.keep(tenant, &site, &conditions, seen).await?;
        files
    }

    /// Publishes a site again whose hosts would be published otherwise now: by a newer version, or
    /// with another configuration.
    async fn republish(&self, tenant: TenantId, site: Site, report: &mut PassReport) -> Result<Site, Error> {
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        let site = store::sites::lock(&mut tx, site.id).await?;
        let published = self.sites.published(&mut tx, &site).await?;
        if digest(&published)? == store::sites::published(&mut tx, site.id).await? {
            return Ok(site);
        }
        self.sites.publish(&mut tx, site.id, &[]).await?;
        let site = store::sites::get(&mut tx, site.id).await?.ok_or(Error::NotFound)?;
        tx.commit().await?;
        report.changed += 1;
        Ok(site)
    }

    /// Brings records up to date with the node's addresses, and asks for certificates that nobody
    /// knows of.
    async fn ask_again(&self, tenant: TenantId, site: &Site) -> Result<(), Error> {
        let ports = &self.sites.ports;
        let addresses = ports.nodes.addresses(site.node);
        let hosts = site.host_names()?;
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        store::sites::lock_active(&mut tx, site.id).await?;
        for host in &hosts[1..] {
            ports.records.point(&mut tx, host, &addresses, false).await?;
        }
        let known = ports.certificates.status(&mut tx, &hosts).await?;
        for (host, known) in hosts.iter().zip(known) {
            if known.is_none() {
                ports.certificates.want(&mut tx, host).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Removes what carries a tombstone. Says whether the active release's files are there, if there is one. A release whose
    /// files are not there stays what it is: the disk may only be away, and what failed is removed where it is found.
    async fn files(&self, tenant: TenantId, site: &Site, report: &mut PassReport) -> Result<Option<bool>, Error> {
        let sites = &self.sites;
        let uid = site.uid()?;
        let on_disk = sites.ports.agent.list_releases(site.id, uid).await?;
        let mut tx = sites.spine.db().tenant(tenant).await?;
        let rows: BTreeMap<ReleaseId, (ReleaseState, i64)> = store::releases::all(&mut tx, site.id)
            .await?
            .into_iter()
            .map(|release| (release.id, (release.state, release.reserved)))
            .collect();
        let idle = !self.is_operated_on(&mut tx, site.id).await?;
        tx.end_read();

        let buried: Vec<ReleaseId> = rows
            .iter()
            .filter(|(_, (state, _))| *state == ReleaseState::Deleting)
            .map(|(id, _)| *id)
            .collect();
        let left: Vec<ReleaseId> = on_disk.iter().filter_map(|entry| is_left(entry, &rows, idle)).collect();
        deletes_allowed("releases", rows.len() + left.len(), left.len())
            .map_err(|error| Error::Stored(error.to_string()))?;
        // Tombstones were made by somebody; a pass takes some of them, and the next one goes on.
        for id in buried.into_iter().take(BURIED) {
            if idle {
                sites.remove_release(&self.cx(tenant), site.id, id).await?;
                report.deleted += 1;
            }
        }
        for id in left {
            sites.ports.agent.delete_release(site.id, id, uid).await?;
            report.deleted += 1;
        }
        let there = |id: ReleaseId| {
            on_disk
                .iter()
                .any(|entry| entry.release == id && entry.state == OnDisk::Finished)
        };
        if idle {
            self.compare(site, rows.len()).await?;
        }
        Ok(site.active_release.map(there))
    }

    /// Files that nobody counts take a customer's disk space for free: somebody should look.
    async fn compare(&self, site: &Site, releases: usize) -> Result<(), Error> {
        let usage = match self.sites.ports.agent.measure_site(site.id, site.uid()?).await {
            Ok(usage) => usage,
            Err(mpanel_client_agent::Error::Failed(Failure::Busy {})) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let counted = u64::try_from(site.disk_bytes).unwrap_or_default();
        if usage.apparent_bytes > counted.saturating_add(UNCOUNTED) {
            let on_disk = usage.apparent_bytes;
            tracing::warn!(site = %site.id, on_disk, counted, releases, "more is on disk than is counted");
        }
        Ok(())
    }

    pub(super) async fn is_operated_on(&self, tx: &mut mpanel_pg::TenantTx, site: SiteId) -> Result<bool, Error> {
        let filter = OperationFilter {
            subject: Some(site.to_string()),
            kind: None,
            unfinished: Some(true),
        };
        let one = PageRequest { limit: 1, after: None };
        Ok(!mpanel_jobs::list(tx, &filter, one).await?.items.is_empty())
    }

    /// Starts a removal again that has failed: a tombstone stays one.
    async fn resume_removal(&self, due: Due) -> Result<(), Error> {
        let Due { tenant, site: id, .. } = due;
        let mut change = self.sites.spine.begin(&self.cx(tenant)).await?;
        let site = store::sites::lock(change.tx(), id).await?;
        let failures = due.failures.saturating_add(1);
        let then = later(self.sites.clock.now(), after_failures(failures));
        if self.is_operated_on(change.tx(), id).await? {
            drop(change);
            let mut tx = self.sites.spine.db().tenant(tenant).await?;
            due::postpone(&mut tx, id, due.failures, then).await?;
            return Ok(tx.commit().await?);
        }
        due::postpone(change.tx(), id, failures, then).await?;
        let input = DeleteSiteInput { site: id };
        let operation = mpanel_jobs::start(change.tx(), &self.cx(tenant), &DELETE_SITE, id, &input).await?;
        let data = json!({"slug": site.slug, "operation": operation});
        change.record(Record::new(events::SITE_DELETING, id, data)).await?;
        Ok(change.commit().await?)
    }

    /// Writes down how a site does, and tells those who watch when it is news.
    async fn keep(
        &self,
        tenant: TenantId,
        site: &Site,
        conditions: &[Condition],
        files_seen: Option<Timestamp>,
    ) -> Result<(), Error> {
        let now = self.sites.clock.now();
        let waits = conditions
            .iter()
            .filter(|c| c.status == Truth::Unknown && c.kind != "dns");
        let pause = match waits.map(|c| now.duration_since(c.at)).max() {
            None => WELL,
            // The longer it takes, the longer it takes.
            Some(since) => (since / 10).clamp(WAITING, WAITING_LONG),
        };
        let found = Found {
            generation: site.generation,
            ready: site.ready,
            summary: &site.summary,
            conditions: &site.conditions,
            due: later(now, pause),
            files_seen,
        };
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        if due::found(&mut tx, site.id, &found).await? {
            let data = json!({"ready": site.ready});
            let subject = site.id.to_string();
            let (kind, actor) = (events::SITE_STATUS_CHANGED, Actor::System("sites.edge"));
            let request = RequestId::generate();
            mpanel_events::event(&mut tx, Some(tenant), kind, &subject, &actor, request, &data, now).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// A release on disk that is to go: what an interrupted removal or unpacking has left, or what was
/// unpacked for a release that failed. A finished one that nobody knows stays: absence is no tombstone.
fn is_left(entry: &ReleaseEntry, rows: &BTreeMap<ReleaseId, (ReleaseState, i64)>, idle: bool) -> Option<ReleaseId> {
    let row = rows.get(&entry.release).map(|(state, _)| *state);
    let left = match (entry.state, row) {
        (_, Some(ReleaseState::Failed)) => true,
        (OnDisk::Partial | OnDisk::Deleting, None) => true,
        (OnDisk::Finished, None) => {
            tracing::warn!(release = %entry.release, "a release on disk is known to nobody and stays");
            false
        }
        _ => false,
    };
    (left && idle).then_some(entry.release)
}
