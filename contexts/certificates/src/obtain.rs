//! Public certificates: accounts with authorities, which order is begun with which of them, and a pass over all orders.

mod account;
mod begin;
mod halt;
mod keep;
mod shown;
mod step;

pub use account::{account_place, external_place};

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use jiff::SignedDuration;
use mpanel_authz::OpCx;
use mpanel_certificates_contract::events;
use mpanel_client_acme::Account;
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;

use crate::error::Error;
use crate::store::issuers::StoredIssuer;
use crate::store::{issuers, orders, spent};
use crate::{CertificateStore, IssuerId, domain, metrics};

const NAME: &str = "certificates.order";
/// Orders looked at in one pass; the next follows at once while there are more.
const BATCH: i64 = 200;
/// Orders that wait for an authority at once.
const AT_ONCE: usize = 32;
/// After this time no authority counts an order.
const COUNTED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An account's URL, and the account.
type Opened = (String, Arc<dyn Account>);

/// Sees to it that hosts have certificates of public authorities, once somebody has set one up.
pub struct Obtain {
    certificates: CertificateStore,
    /// Open accounts, each with the URL that it has been opened for.
    accounts: Mutex<HashMap<IssuerId, Opened>>,
}

impl Obtain {
    pub fn new(certificates: CertificateStore) -> Self {
        Self {
            certificates,
            accounts: Mutex::default(),
        }
    }

    fn cx(&self, tenant: TenantId) -> OpCx {
        OpCx::system(NAME, tenant, self.certificates.clock.clone())
    }

    async fn issuers(&self) -> Result<Vec<StoredIssuer>, Error> {
        let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let all = issuers::all(&mut tx).await?;
        tx.end_read();
        Ok(all)
    }
}

#[async_trait]
impl Reconciler for Obtain {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes_on(&self, event: &str) -> bool {
        [
            events::ISSUED,
            events::WANTED_CHANGED,
            // The next authority is asked at once, and what waited for a first order with this one is ordered.
            events::ORDER_ENDED,
            events::ISSUER_CREATED,
            events::ISSUER_DELETED,
        ]
        .contains(&event)
    }

    fn every(&self) -> Duration {
        Duration::from_secs(300)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let mut report = PassReport::default();
        for issuer in self.issuers().await? {
            report.changed += u64::from(self.register(&issuer).await?);
        }
        let all = self.issuers().await?;
        let begun = self.begin(&all).await?;

        let now = self.certificates.clock.now();
        let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let due = orders::due(&mut tx, now, BATCH).await?;
        spent::forget(&mut tx, domain::earlier(now, COUNTED)).await?;
        tx.commit().await?;
        let full = begun.more || due.len() >= BATCH as usize;
        let mut under_way = futures_util::stream::iter(due)
            .map(|order| self.advance(&all, order))
            .buffer_unordered(AT_ONCE);
        while let Some(done) = under_way.next().await {
            report.changed += u64::from(done?);
        }

        let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let now = self.certificates.clock.now();
        let registering = all.iter().filter(|issuer| issuer.account_url.is_none());
        let next = [
            orders::next(&mut tx, now).await?,
            registering.filter_map(|issuer| issuer.paused_until).min(),
        ];
        let figures = orders::figures(&mut tx).await?;
        tx.end_read();
        metrics::standing(&all, &figures, now);
        let until = |at: jiff::Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        report.again = if full {
            Some(Duration::ZERO)
        } else {
            next.into_iter().flatten().min().map(until)
        };
        Ok(report)
    }
}
