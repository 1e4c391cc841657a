//! What was given up long ago, for tests of what becomes of it.

use mpanel_kernel::ids::{DeadEventId, JobId, TenantId};
use mpanel_pg::{Db, Reason, Tx as _};

/// A dead event that `consumer` could not take on, about `resource`; without a tenant it is the platform's own.
///
/// # Panics
/// When the database refuses.
pub async fn event(db: &Db, tenant: Option<TenantId>, consumer: &str, resource: &str) -> DeadEventId {
    let id = DeadEventId::generate();
    let mut tx = db
        .platform(Reason::Administer("test"))
        .await
        .unwrap_or_else(|error| panic!("beginning to plant an event: {error}"));
    sqlx::query(
        "insert into spine.set_aside (consumer, seq, tenant_id, topic, key, value, attempts, error, dead, died_at, id)
         select $1, coalesce(max(seq), 0) + 1, $2, 'test.v1', $3, '{}', 12, 'it was not to be', true, now(), $4
         from spine.set_aside",
    )
    .bind(consumer)
    .bind(tenant.map(TenantId::uuid))
    .bind(resource)
    .bind(id.uuid())
    .execute(tx.conn())
    .await
    .unwrap_or_else(|error| panic!("planting an event: {error}"));
    tx.commit()
        .await
        .unwrap_or_else(|error| panic!("planting an event: {error}"));
    id
}

/// A dead job of a tenant.
///
/// # Panics
/// When the database refuses.
pub async fn job(db: &Db, tenant: TenantId, kind: &str) -> JobId {
    let id = JobId::generate();
    let mut tx = db
        .platform(Reason::Administer("test"))
        .await
        .unwrap_or_else(|error| panic!("beginning to plant a job: {error}"));
    sqlx::query(
        "insert into jobs.jobs (tenant_id, id, kind, payload, state, attempts, error, created_at, died_at)
         values ($1, $2, $3, '{}', 'dead', 10, 'it was not to be', now(), now())",
    )
    .bind(tenant.uuid())
    .bind(id.uuid())
    .bind(kind)
    .execute(tx.conn())
    .await
    .unwrap_or_else(|error| panic!("planting a job: {error}"));
    tx.commit()
        .await
        .unwrap_or_else(|error| panic!("planting a job: {error}"));
    id
}
