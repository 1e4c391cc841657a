use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{Actor, OpCx};
use mpanel_client_agent::{Failure, ReleaseEntry, ReleaseState as OnDisk};
use mpanel_events::Record;
use mpanel_jobs::{BoxError, OperationFilter, PassReport, Reconciler, deletes_allowed};
use mpanel_kernel::ids::{ReleaseId, RequestId, SiteId, TenantId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::Reason;
use mpanel_sites_contract::events;
use serde_json::json;

use crate::domain::{Condition, ReleaseState, Site, SiteState, Truth, digest};
use crate::error::Error;
use crate::ops::{DELETE_SITE, DeleteSiteInput};
use crate::store::due::{self, Found};
use crate::{Sites, store};

/// Objects looked at in one pass; the next follows at once while there are more.
const BATCH: i64 = 100;
/// Releases of one site that one pass removes.
const BURIED: usize = 10;
/// A site that is well is looked at so often.
const WELL: SignedDuration = SignedDuration::from_hours(6);
/// One that waits for something, first, and at most.
const WAITING: SignedDuration = SignedDuration::from_secs(2);
const WAITING_LONG: SignedDuration = SignedDuration::from_secs(60);

/// Makes what is published, answered, certified and on disk equal to what the rows say, and writes
/// down how sites do.
pub struct Converge {
    sites: Sites,
    /// Whether this process has made every site due once: what it publishes may be new.
    began: AtomicBool,
}

impl Converge {
    pub fn new(sites: Sites) -> Self {
        Self {
            sites,
            began: AtomicBool::new(false),
        }
    }

    fn cx(&self, tenant: TenantId) -> OpCx {
        OpCx::system("sites.edge", tenant, self.sites.clock.clone())
    }

    /// Removes uploads that are buried or too old.
    async fn uploads(&self, report: &mut PassReport) -> Result<bool, BoxError> {
        let now = self.sites.clock.now();
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile("sites.edge")).await?;
        let uploads = due::uploads(&mut tx, now, BATCH).await?;
        tx.commit().await?;
        for (tenant, site, upload) in &uploads {
            self.sites.drop_upload(&self.cx(*tenant), *site, *upload).await?;
            report.deleted += 1;
        }
        Ok(uploads.len() >= BATCH as usize)
    }

    async fn see_to(&self, tenant: TenantId, id: SiteId, report: &mut PassReport) -> Result<(), Error> {
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        let Some(site) = store::sites::get(&mut tx, id).await? else {
            return Ok(());
        };
        tx.commit().await?;
        if site.state == SiteState::Deleting {
            return self.resume_removal(tenant, id).await;
        }
        let mut site = self.republish(tenant, site, report).await?;
        self.ask_again(tenant, &site).await?;
        let files = self.files(tenant, &site, report).await;
        let (present, bytes) = files.unwrap_or_else(|error| {
            tracing::warn!(site = %id, %error, "files of a site cannot be looked at");
            (None, None)
        });
        let conditions = self.sites.observe(tenant, &mut site, present).await?;
        self.keep(tenant, &site, &conditions, bytes).await
    }

    /// Publishes a site again whose hosts would be published otherwise now: by a newer version, or
    /// with another configuration.
    async fn republish(&self, tenant: TenantId, site: Site, report: &mut PassReport) -> Result<Site, Error> {
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        let site = store::sites::lock(&mut tx, site.id).await?;
        let hosts = self.sites.hosts(&mut tx, &site).await?;
        if digest(&hosts)? == store::sites::published(&mut tx, site.id).await? {
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

    /// Removes what carries a tombstone. Says whether the active release's files are there, and how
    /// much the site's files take.
    async fn files(
        &self,
        tenant: TenantId,
        site: &Site,
        report: &mut PassReport,
    ) -> Result<(Option<bool>, Option<i64>), Error> {
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
        tx.commit().await?;

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
        let usage = match sites.ports.agent.measure_site(site.id, uid).await {
            Ok(usage) => i64::try_from(usage.apparent_bytes).ok(),
            Err(mpanel_client_agent::Error::Failed(Failure::Busy {})) => None,
            Err(error) => return Err(error.into()),
        };
        Ok((site.active_release.map(there), usage))
    }

    async fn is_operated_on(&self, tx: &mut mpanel_pg::TenantTx, site: SiteId) -> Result<bool, Error> {
        let filter = OperationFilter {
            subject: Some(site.to_string()),
            kind: None,
            unfinished: Some(true),
        };
        let one = PageRequest { limit: 1, after: None };
        Ok(!mpanel_jobs::list(tx, &filter, one).await?.items.is_empty())
    }

    /// Starts a removal again that has failed or was cancelled: a tombstone stays one.
    async fn resume_removal(&self, tenant: TenantId, id: SiteId) -> Result<(), Error> {
        let mut change = self.sites.spine.begin(&self.cx(tenant)).await?;
        let site = store::sites::lock(change.tx(), id).await?;
        let later = self
            .sites
            .clock
            .now()
            .saturating_add(WAITING_LONG)
            .unwrap_or(Timestamp::MAX);
        due::postpone(change.tx(), id, later).await?;
        let operation = if self.is_operated_on(change.tx(), id).await? {
            None
        } else {
            let input = DeleteSiteInput { site: id };
            Some(mpanel_jobs::start(change.tx(), &self.cx(tenant), &DELETE_SITE, id, &input).await?)
        };
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
        disk_bytes: Option<i64>,
    ) -> Result<(), Error> {
        let now = self.sites.clock.now();
        let waits = conditions
            .iter()
            .filter(|c| c.status == Truth::Unknown && c.kind != "dns");
        let pause = match waits.map(|c| now.duration_since(c.at)).max() {
            None => WELL,
            // The longer it takes, the longer it takes.
            Some(since) => since.clamp(WAITING, WAITING_LONG),
        };
        let found = Found {
            generation: site.generation,
            ready: site.ready,
            summary: &site.summary,
            conditions: &site.conditions,
            due: now.saturating_add(pause).unwrap_or(Timestamp::MAX),
            disk_bytes,
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

#[async_trait]
impl Reconciler for Converge {
    fn name(&self) -> &'static str {
        "sites.edge"
    }

    fn wakes_on(&self, event: &str) -> bool {
        const OWN: [&str; 3] = ["sites.site.", "sites.domain.", "sites.release."];
        event != events::SITE_STATUS_CHANGED
            && (OWN.iter().any(|prefix| event.starts_with(prefix))
                || event == mpanel_certificates_contract::events::ISSUED)
    }

    fn every(&self) -> Duration {
        Duration::from_secs(180)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let mut report = PassReport::default();
        let more_uploads = self.uploads(&mut report).await?;
        let now = self.sites.clock.now();
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile("sites.edge")).await?;
        if !self.began.load(Ordering::Relaxed) {
            due::all(&mut tx, now).await?;
        }
        let sites = due::sites(&mut tx, now, BATCH).await?;
        tx.commit().await?;
        self.began.store(true, Ordering::Relaxed);
        let mut failed = None;
        for (tenant, site) in &sites {
            // One site that cannot be seen to does not keep the others waiting.
            match self.see_to(*tenant, *site, &mut report).await {
                Ok(()) | Err(Error::Deleting | Error::NotFound) => {}
                Err(error) => {
                    tracing::warn!(%site, %error, "site cannot be seen to");
                    failed = Some(error);
                }
            }
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile("sites.edge")).await?;
        let next = due::next(&mut tx).await?;
        tx.commit().await?;
        report.again = if more_uploads || sites.len() >= BATCH as usize {
            Some(Duration::ZERO)
        } else {
            next.map(|next| Duration::try_from(next.duration_since(self.sites.clock.now())).unwrap_or(Duration::ZERO))
        };
        Ok(report)
    }
}
