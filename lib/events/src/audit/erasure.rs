use mpanel_kernel::ids::UserId;
use mpanel_pg::Tx;
use serde_json::json;

use crate::{Change, Error, Record};

/// The audit log's action for it.
const ERASED: &str = "spine.person.erased.v1";

/// How far an erasure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What the change's tenant keeps.
    Tenant,
    /// What all tenants keep: the account is gone, or the platform's owner was asked for it.
    Everywhere,
}

/// Destroys the keys of a person in the caller's change, which records that: what they sealed is then erased, in the
/// audit log and wherever else [`Vault::person`](crate::Vault::person) was used, while ids stay. Returns how many keys
/// there were; none is nothing done and nothing recorded.
///
/// Copies of the database that were made before still hold the keys, wrapped; they end with the copies.
///
/// # Errors
/// When the database refuses or is away.
pub async fn erase_person(change: &mut Change, person: UserId, extent: Extent) -> Result<u64, Error> {
    let everywhere = extent == Extent::Everywhere;
    let keys = sqlx::query_scalar!(
        r#"select spine.erase_person($1, $2) as "keys!""#,
        person.uuid(),
        everywhere
    )
    .fetch_one(change.tx().conn())
    .await?;
    if keys > 0 {
        let facts = json!({"person": person, "keys": keys, "everywhere": everywhere});
        change
            .record(Record::new(ERASED, person, facts.clone()).after(facts))
            .await?;
    }
    Ok(keys.unsigned_abs())
}
