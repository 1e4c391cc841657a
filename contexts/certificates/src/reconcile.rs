use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::OpCx;
use mpanel_certificates_contract::events;
use mpanel_events::{Change, Record};
use mpanel_fleet_contract::events as fleet_events;
use mpanel_jobs::{BoxError, PassReport, Reconciler, Stuck};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::{CertificateId, TenantId};
use mpanel_pg::Reason;
use serde_json::json;

use crate::CertificateStore;
use crate::error::Error;
use crate::publish::{Edges, key_place, withdraw};
use crate::store::certificates::{self, Stored};
use crate::store::failing;
use crate::store::hosts::{self, Due};

const NAME: &str = "certificates.issue";
/// Objects looked at in one pass; the next follows at once while there are more.
const BATCH: i64 = 200;
/// Before what failed is tried again, then twice as long each time, up to an hour.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// Sees to it that every wanted host has a certificate, sealed to the edges that there are.
pub struct Issue {
    certificates: CertificateStore,
}

impl Issue {
    pub fn new(certificates: CertificateStore) -> Self {
        Self { certificates }
    }

    fn cx(&self, tenant: TenantId) -> OpCx {
        OpCx::system(NAME, tenant, self.certificates.clock.clone())
    }

    /// Issues, renews or withdraws for one host; returns whether it did.
    async fn see_to(&self, due: &Due, edges: &Edges) -> Result<bool, Error> {
        let mut change = self.certificates.spine.begin(&self.cx(due.tenant)).await?;
        let Some(now) = hosts::lock(change.tx(), &due.host).await? else {
            return Ok(false);
        };
        if (now.wanted, now.certificate, &now.names) != (due.wanted, due.certificate, &due.names) {
            // Something else is wanted by now: the next pass looks again.
            return Ok(false);
        }
        if !now.wanted {
            self.withdraw(&mut change, &now).await?;
            change.commit().await?;
            return Ok(true);
        }
        let certificate = self.issue(&mut change, &now, edges).await?;
        hosts::set_certificate(change.tx(), &now.host, certificate.id).await?;
        if let Some(old) = now.certificate {
            withdraw(&mut change, old).await?;
        }
        let facts =
            json!({"names": certificate.names, "not_after": certificate.not_after, "issuer": certificate.issuer});
        change
            .record(Record::new(events::ISSUED, certificate.id, facts.clone()).after(facts))
            .await?;
        change.commit().await?;
        Ok(true)
    }

    /// Whether something was done. What cannot be done is put off and told to the host's owner, so that the others of the
    /// pass have their turn.
    ///
    /// # Errors
    /// When it would be everybody's.
    async fn or_put_off(&self, tenant: TenantId, host: &str, done: Result<bool, Error>) -> Result<bool, Error> {
        let error = match done {
            Err(error) if error.kind() != Kind::Unavailable => error,
            done => return done,
        };
        tracing::error!(%tenant, host, %error, "a certificate cannot be seen to");
        let mut tx = self.certificates.spine.db().tenant(tenant).await?;
        let now = self.certificates.clock.now();
        let then = later(now, failing::failures(&mut tx, host).await?);
        failing::failed(&mut tx, host, &error.public_text(), now, then).await?;
        tx.commit().await?;
        Ok(false)
    }

    /// When the next of those that were put off is due.
    async fn again(&self) -> Result<Option<Duration>, Error> {
        let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let next = failing::next(&mut tx).await?;
        tx.end_read();
        let now = self.certificates.clock.now();
        Ok(next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO)))
    }

    async fn withdraw(&self, change: &mut Change, host: &Due) -> Result<(), Error> {
        hosts::delete(change.tx(), &host.host).await?;
        if let Some(id) = host.certificate {
            withdraw(change, id).await?;
        }
        let data = json!({"host": host.host});
        let record = Record::new("certificates.certificate.withdrawn.v1", &host.host, data.clone()).before(data);
        Ok(change.record(record).await?)
    }

    async fn issue(&self, change: &mut Change, host: &Due, edges: &Edges) -> Result<Stored, Error> {
        let now = self.certificates.clock.now();
        let leaf = self.certificates.authority.issue(&host.names, now)?;
        let id = CertificateId::generate();
        let sealer = self.certificates.spine.vault().tenant(change.tx()).await?;
        let stored = Stored {
            id,
            names: host.names.clone(),
            issuer: self.certificates.authority.name().to_owned(),
            chain_pem: leaf.chain_pem,
            sealed_key: sealer.seal(&key_place(id), leaf.key_pem.as_bytes()),
            fingerprint: leaf.fingerprint,
            not_before: leaf.not_before,
            not_after: leaf.not_after,
            generation: 1,
            issuer_id: None,
            created_at: now,
        };
        certificates::insert(change.tx(), &stored, &edges.fingerprint).await?;
        change
            .publish(&edges.state(&stored, leaf.key_pem.as_bytes(), 1)?)
            .await?;
        Ok(stored)
    }

    /// Seals a published certificate to the keys that the edges have now; returns whether it did.
    async fn reseal(&self, tenant: TenantId, id: CertificateId, host: &str, edges: &Edges) -> Result<bool, Error> {
        let mut change = self.certificates.spine.begin(&self.cx(tenant)).await?;
        let Some(generation) = certificates::republish(change.tx(), id, &edges.fingerprint).await? else {
            return Ok(false);
        };
        let Some(stored) = certificates::get(change.tx(), id).await? else {
            return Ok(false);
        };
        let sealer = self.certificates.spine.vault().tenant(change.tx()).await?;
        let key = sealer.open(&key_place(id), &stored.sealed_key)?;
        change.publish(&edges.state(&stored, &key, generation)?).await?;
        failing::passed(change.tx(), host).await?;
        let data = json!({"generation": generation});
        change
            .record(Record::new("certificates.certificate.resealed.v1", id, data))
            .await?;
        change.commit().await?;
        Ok(true)
    }
}

/// When what has failed so often before is tried again.
fn later(now: Timestamp, failures: i32) -> Timestamp {
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.clamp(0, 16));
    now.saturating_add(pause.min(LONGEST_PAUSE)).unwrap_or(Timestamp::MAX)
}

#[async_trait]
impl Reconciler for Issue {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes_on(&self, event: &str) -> bool {
        event == events::WANTED_CHANGED || event == fleet_events::NODE_KEY_CHANGED
    }

    fn every(&self) -> Duration {
        Duration::from_secs(300)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let edges = Edges::new(self.certificates.ports.nodes.edge_keys().await?);
        let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let now = self.certificates.clock.now();
        let due = hosts::due(&mut tx, now, BATCH).await?;
        let total = usize::try_from(hosts::count(&mut tx).await?).unwrap_or(usize::MAX);
        let others = certificates::sealed_to_others(&mut tx, &edges.fingerprint, now, BATCH).await?;
        tx.end_read();
        let full = due.len() + others.len() >= BATCH as usize;
        let (wanted, unwanted): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|due| due.wanted);
        let mut report = PassReport::default();
        for due in &wanted {
            let done = self.see_to(due, &edges).await;
            report.changed += u64::from(self.or_put_off(due.tenant, &due.host, done).await?);
        }
        for (tenant, id, host) in others {
            let done = self.reseal(tenant, id, &host, &edges).await;
            report.changed += u64::from(self.or_put_off(tenant, &host, done).await?);
        }
        // Each removal was asked for by name. A pass takes on no more than may go at once; the next one goes on.
        let share = unwanted.len().min((total / 20).max(10));
        let more = share < unwanted.len();
        for due in &unwanted[..share] {
            let done = self.see_to(due, &edges).await;
            report.deleted += u64::from(self.or_put_off(due.tenant, &due.host, done).await?);
        }
        report.again = if full || more {
            Some(Duration::ZERO)
        } else {
            self.again().await?
        };
        Ok(report)
    }

    async fn stuck(&self, of: Option<TenantId>, most: u32) -> Result<Vec<Stuck>, BoxError> {
        let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
        Ok(failing::stuck(&mut tx, of, most).await?)
    }

    async fn try_now(&self, tenant: TenantId, subject: &str) -> Result<bool, BoxError> {
        let mut tx = self.certificates.spine.db().tenant(tenant).await?;
        let stuck = failing::try_now(&mut tx, subject, self.certificates.clock.now()).await?;
        tx.commit().await?;
        Ok(stuck)
    }
}
