use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Db, Reason, Tx};
use serde_json::json;

use crate::{Change, Error, Record};

/// The audit log's action for it.
const ERASED: &str = "spine.person.erased.v1";

/// How far an erasure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent<'a> {
    /// What the change's tenant keeps.
    Tenant,
    /// What all of these keep, as [`tenants_that_know`] says: the platform's owner was asked for it. The caller has made
    /// sure that the change is the platform's.
    Everywhere(&'a [TenantId]),
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
/// audit log and wherever else [`Vault::person`](crate::Vault::person) was used, while ids stay. Returns how many keys
/// there were; none is nothing done and nothing recorded.
///
/// Copies of the database that were made before still hold the keys, wrapped; they end with the copies.
///
/// # Errors
/// When the database refuses or is away.
pub async fn erase_person(change: &mut Change, person: UserId, extent: Extent<'_>) -> Result<u64, Error> {
    let own = [change.tx().tenant()];
    let (tenants, everywhere) = match extent {
        Extent::Tenant => (own.as_slice(), false),
        Extent::Everywhere(tenants) => (tenants, true),
    };
    let mut keys = 0;
    for tenant in tenants {
        change.tx().switch(*tenant).await?;
        keys += sqlx::query_scalar!(r#"select spine.forget_person($1) as "keys!""#, person.uuid())
            .fetch_one(change.tx().conn())
            .await?;
    }
    change.tx().switch(own[0]).await?;
    if keys > 0 {
        let facts = json!({"person": person, "keys": keys, "everywhere": everywhere});
        change
            .record(Record::new(ERASED, person, facts.clone()).after(facts))
            .await?;
    }
    Ok(keys.unsigned_abs())
}
