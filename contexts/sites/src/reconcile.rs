mod site;
mod uploads;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::OpCx;
use mpanel_jobs::{BoxError, PassReport, Reconciler, Stuck};
use mpanel_kernel::error::PublicError as _;
use mpanel_kernel::ids::{SiteId, TenantId, Uuid};
use mpanel_pg::Reason;
use mpanel_sites_contract::events;

use crate::Sites;
use crate::error::Error;
use crate::store::due::{self, Due};

/// Objects looked at in one pass; the next follows at once while there are more.
const BATCH: i64 = 100;
/// Sites seen to at one time: one that is slow does not keep all others waiting.
const AT_ONCE: usize = 4;
/// A site that takes longer hangs, and counts as one that cannot be seen to.
const LONGEST: Duration = Duration::from_secs(60);
/// A site that is well is looked at so often.
const WELL: SignedDuration = SignedDuration::from_hours(6);
/// Files that were seen no longer ago than this are not looked at again for no reason.
const FRESH: SignedDuration = SignedDuration::from_hours(5);
/// A server that has just started looks at all sites, so many at a time and so often: everything else goes on meanwhile.
const STEP: i64 = 20;
const STEP_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// Makes what is published, answered, certified and on disk equal to what the rows say, and writes
/// down how sites do.
pub struct Converge {
    sites: Sites,
    /// How far this process has looked at all sites: what it publishes, and what it is set up with, may be new.
    walk: Mutex<Walk>,
    /// When the folder of uploads was last compared with the rows.
    swept: When,
}

#[derive(Clone, Copy)]
struct Walk {
    /// The last one looked at; `None` once all are.
    after: Option<(TenantId, SiteId)>,
    /// When it goes on.
    at: Timestamp,
}

/// What a pass looks at.
struct Turn {
    sites: Vec<Due>,
    /// There are more whose time has come.
    more: bool,
    /// Where the walk is then.
    walk: Walk,
}

/// A moment that has come, or not yet.
#[derive(Default)]
struct When(Mutex<Option<Timestamp>>);

impl When {
    fn load(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

fn later(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

impl Converge {
    pub fn new(sites: Sites) -> Self {
        Self {
            sites,
            walk: Mutex::new(Walk {
                after: Some((TenantId::from_uuid(Uuid::nil()), SiteId::from_uuid(Uuid::nil()))),
                at: Timestamp::MIN,
            }),
            swept: When::default(),
        }
    }

    fn cx(&self, tenant: TenantId) -> OpCx {
        OpCx::system("sites.edge", tenant, self.sites.clock.clone())
    }

    fn walk(&self) -> std::sync::MutexGuard<'_, Walk> {
        self.walk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sites whose turn it is: those that are due, and the next ones of the walk. Nothing is written for that: rewriting all rows
    /// at each start would keep everybody waiting who changes one.
    async fn due(&self, now: Timestamp) -> Result<Turn, Error> {
        let mut walk = *self.walk();
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile("sites.edge")).await?;
        let stale = now.saturating_sub(FRESH).unwrap_or(Timestamp::MIN);
        let mut sites = due::sites(&mut tx, now, stale, BATCH).await?;
        let more = sites.len() >= BATCH as usize;
        if let Some(after) = walk.after.filter(|_| walk.at <= now) {
            let next = due::after(&mut tx, after, (now, stale), STEP).await?;
            walk.after = next.last().map(|(due, _)| (due.tenant, due.site));
            walk.at = later(now, STEP_EVERY);
            sites.extend(next.into_iter().filter(|(_, is_due)| !is_due).map(|(due, _)| due));
        }
        tx.end_read();
        Ok(Turn { sites, more, walk })
    }

    /// Sees to a site. One that cannot be seen to waits longer each time, and keeps nobody else waiting.
    async fn one(&self, due: Due) -> Result<PassReport, Error> {
        let mut report = PassReport::default();
        let seen = tokio::time::timeout(LONGEST, self.see_to(due, &mut report)).await;
        let problem = match seen {
            Ok(Ok(()) | Err(Error::Deleting | Error::NotFound)) => return Ok(report),
            Ok(Err(error)) => {
                tracing::warn!(site = %due.site, %error, "site cannot be seen to");
                error.public_text()
            }
            Err(_) => "it takes too long".to_owned(),
        };
        let failures = due.failures.saturating_add(1);
        tracing::warn!(site = %due.site, problem, failures, "site waits until it is tried again");
        let mut tx = self.sites.spine.db().tenant(due.tenant).await?;
        let now = self.sites.clock.now();
        let then = later(now, site::after_failures(failures));
        due::failed(&mut tx, due.site, (failures, &problem), now, then).await?;
        tx.commit().await?;
        Ok(report)
    }

    /// When to look again.
    async fn again(&self) -> Result<Option<Duration>, Error> {
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile("sites.edge")).await?;
        let due = due::next(&mut tx).await?;
        tx.end_read();
        let walk = *self.walk();
        let next = due.into_iter().chain(walk.after.map(|_| walk.at)).min();
        let now = self.sites.clock.now();
        Ok(next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO)))
    }
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
        if let Err(error) = self.sweep(&mut report).await {
            tracing::warn!(%error, "folder of uploads cannot be looked at");
        }
        let Turn {
            sites,
            more: more_sites,
            walk,
        } = self.due(self.sites.clock.now()).await?;
        let mut seen = stream::iter(sites.into_iter().map(|due| self.one(due))).buffer_unordered(AT_ONCE);
        while let Some(one) = seen.next().await {
            let one = one?;
            report.changed += one.changed;
            report.deleted += one.deleted;
        }
        *self.walk() = walk;
        report.again = if more_uploads || more_sites {
            Some(Duration::ZERO)
        } else {
            self.again().await?
        };
        Ok(report)
    }

    async fn stuck(&self, of: Option<TenantId>, most: u32) -> Result<Vec<Stuck>, BoxError> {
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile("sites.edge")).await?;
        Ok(due::stuck(&mut tx, of, most).await?)
    }

    async fn try_now(&self, tenant: TenantId, subject: &str) -> Result<bool, BoxError> {
        let Ok(site) = subject.parse::<SiteId>() else {
            return Ok(false);
        };
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        let stuck = due::try_now(&mut tx, site, self.sites.clock.now()).await?;
        tx.commit().await?;
        Ok(stuck)
    }
}

impl Sites {
    /// Has the reconciler look at a site soon.
    pub(crate) async fn look_soon(&self, tenant: TenantId, site: SiteId) -> Result<(), Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        due::now(&mut tx, site, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }
}
