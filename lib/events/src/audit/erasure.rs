use mpanel_authz::OpCx;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{TenantId, UserId, Uuid};
use mpanel_pg::{Db, Reason, Tx};
use serde_json::json;

use super::retention::{REMOVER, audit_retention, passed_over};
use crate::{Change, Error, Record, Spine};

/// The audit log's action for it.
const ERASED: &str = "spine.person.erased.v1";
/// People whose keys are looked for at once.
const BATCH: i64 = 100;

/// How far an erasure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent<'a> {
    /// What the change's tenant keeps.
    Tenant,
    /// What all of these keep, as [`tenants_that_know`] says: the platform's owner was asked for it. The caller has made
    /// sure that the change is the platform's.
    Everywhere(&'a [TenantId]),
}

/// What an erasure did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Keys that were destroyed.
    pub keys: u64,
    /// Tenants with a legal hold, where it is done by [`erase_released`] once that is over.
    pub held: u64,
    /// Tenants where it had been waiting for the end of one.
    pub waited: u64,
}

impl Erasure {
    /// Nothing was known of the person.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The tenants that keep something sealed about a person.
///
/// # Errors
/// When the database is away.
pub async fn tenants_that_know(db: &Db, person: UserId) -> Result<Vec<TenantId>, Error> {
    let mut tx = db.platform(Reason::Administer("spine.erase_person")).await?;
    let tenants = sqlx::query_scalar!(
        "select distinct tenant_id from spine.person_keys where person = $1 order by tenant_id",
        person.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(tenants.into_iter().map(TenantId::from_uuid).collect())
}

/// Destroys the keys of a person in the caller's change, which records that: what they sealed is then erased, in the
/// audit log and wherever else [`Vault::person`](crate::Vault::person) was used, while ids stay. Nothing is recorded where
/// there was nothing to do.
///
/// Copies of the database that were made before still hold the keys, wrapped; they end with the copies.
///
/// # Errors
/// [`Error::Held`] when the change's tenant has a legal hold on its log; otherwise when the database refuses or is away.
pub async fn erase_person(change: &mut Change, person: UserId, extent: Extent<'_>) -> Result<Erasure, Error> {
    let own = change.tx().tenant();
    let (tenants, everywhere) = match extent {
        Extent::Tenant => (&[own][..], false),
        Extent::Everywhere(tenants) => (tenants, true),
    };
    let mut done = Erasure::default();
    for tenant in tenants {
        change.tx().switch(*tenant).await?;
        match audit_retention(change.tx()).await?.held_for {
            Some(_) if *tenant == own => return Err(Error::Held),
            Some(_) => {
                wait_for_release(change, person).await?;
                done.held += 1;
            }
            None => {
                let (keys, waited) = forget(change, person).await?;
                done.keys += keys;
                done.waited += waited;
            }
        }
    }
    change.tx().switch(own).await?;
    if !done.is_nothing() {
        let facts = json!({"person": person, "keys": done.keys, "held": done.held, "everywhere": everywhere});
        change
            .record(Record::new(ERASED, person, facts.clone()).after(facts))
            .await?;
    }
    Ok(done)
}

async fn forget(change: &mut Change, person: UserId) -> Result<(u64, u64), Error> {
    let keys = sqlx::query_scalar!(r#"select spine.forget_person($1) as "keys!""#, person.uuid())
        .fetch_one(change.tx().conn())
        .await?;
    let tenant = change.tx().tenant();
    let waited = sqlx::query!(
        "delete from spine.held_erasures where tenant_id = $1 and person = $2",
        tenant.uuid(),
        person.uuid(),
    )
    .execute(change.tx().conn())
    .await?
    .rows_affected();
    Ok((keys.unsigned_abs(), waited))
}

async fn wait_for_release(change: &mut Change, person: UserId) -> Result<(), Error> {
    let tenant = change.tx().tenant();
    sqlx::query!(
        "insert into spine.held_erasures (tenant_id, person) values ($1, $2) on conflict do nothing",
        tenant.uuid(),
        person.uuid(),
    )
    .execute(change.tx().conn())
    .await?;
    Ok(())
}

/// Does what was to be erased while a legal hold forbade it, where that is over. Returns of how many people, counted in
/// each tenant.
///
/// # Errors
/// When the database is away, or, once all others have had their turn, what the last one said that failed; what is left is
/// done the next time.
pub async fn erase_released(spine: &Spine, clock: &SharedClock) -> Result<u64, Error> {
    let (mut erased, mut failed) = (0, None);
    let mut after = (Uuid::nil(), Uuid::nil());
    loop {
        let due = released(spine.db(), after).await?;
        for (tenant, person) in &due {
            match erase_waiting(spine, *tenant, *person, clock).await {
                Ok(done) => erased += u64::from(done),
                Err(error) => failed = Some(passed_over(spine.db(), *tenant, error).await?),
            }
            after = (tenant.uuid(), person.uuid());
        }
        if due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return failed.map_or(Ok(erased), Err);
        }
    }
}

async fn erase_waiting(spine: &Spine, tenant: TenantId, person: UserId, clock: &SharedClock) -> Result<bool, Error> {
    let cx = OpCx::system(REMOVER, tenant, clock.clone());
    let mut change = spine.begin(&cx).await?;
    match erase_person(&mut change, person, Extent::Tenant).await {
        // Somebody else has done it meanwhile.
        Ok(done) if done.is_nothing() => Ok(false),
        Ok(_) => change.commit().await.map(|()| true),
        // There is another hold by now.
        Err(Error::Held) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Some of those that come after one.
async fn released(db: &Db, (tenant, person): (Uuid, Uuid)) -> Result<Vec<(TenantId, UserId)>, Error> {
    let mut tx = db.platform(Reason::Lifecycle("spine.held_erasures")).await?;
    let rows = sqlx::query!(
        "select e.tenant_id, e.person from spine.held_erasures e
         where not exists (
             select from spine.audit_retention r where r.tenant_id = e.tenant_id and r.held_for is not null)
           and (e.tenant_id, e.person) > ($2, $3)
         order by e.tenant_id, e.person limit $1",
        BATCH,
        tenant,
        person,
    )
    .fetch_all(tx.conn())
    .await?;
    tx.commit().await?;
    let rows = rows
        .into_iter()
        .map(|row| (TenantId::from_uuid(row.tenant_id), UserId::from_uuid(row.person)));
    Ok(rows.collect())
}
