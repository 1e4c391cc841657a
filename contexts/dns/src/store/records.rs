use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::{RecordId, ZoneId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{TenantTx, Tx, constraint};

use crate::authz;
use crate::domain::{CheckedRecord, Record};
use crate::error::Error;

fn exists(error: sqlx::Error) -> Error {
    match constraint(&error) {
        Some("records_unique") => Error::RecordExists,
        _ => error.into(),
    }
}

/// A record of the tenant's own.
pub async fn insert(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Record, actions::Create>,
    zone: ZoneId,
    id: RecordId,
    record: &CheckedRecord,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    put(tx, zone, id, record, None).await
}

/// A record that the platform keeps for a host, or for the zone itself when that is `managed_for`.
pub async fn insert_managed(
    tx: &mut TenantTx,
    zone: ZoneId,
    record: &CheckedRecord,
    managed_for: &str,
) -> Result<(), Error> {
    put(tx, zone, RecordId::generate(), record, Some(managed_for)).await
}

async fn put(
    tx: &mut TenantTx,
    zone: ZoneId,
    id: RecordId,
    record: &CheckedRecord,
    managed_for: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into dns.records (tenant_id, zone_id, id, name, type, ttl, data, managed_for)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tx.tenant().uuid(),
        zone.uuid(),
        id.uuid(),
        record.name,
        record.rtype,
        record.ttl,
        record.data,
        managed_for,
    )
    .execute(tx.conn())
    .await
    .map_err(exists)?;
    same_ttl(tx, zone, record).await
}

/// All records of a set have one TTL (RFC 2181 §5.2): the one that was said last.
async fn same_ttl(tx: &mut TenantTx, zone: ZoneId, record: &CheckedRecord) -> Result<(), Error> {
    sqlx::query!(
        "update dns.records set ttl = $5, version = version + 1
         where tenant_id = $1 and zone_id = $2 and name = $3 and type = $4 and ttl <> $5",
        tx.tenant().uuid(),
        zone.uuid(),
        record.name,
        record.rtype,
        record.ttl,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn update(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Record, actions::Modify>,
    zone: ZoneId,
    id: RecordId,
    record: &CheckedRecord,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "update dns.records set name = $4, type = $5, ttl = $6, data = $7, version = version + 1
         where tenant_id = $1 and zone_id = $2 and id = $3",
        tx.tenant().uuid(),
        zone.uuid(),
        id.uuid(),
        record.name,
        record.rtype,
        record.ttl,
        record.data,
    )
    .execute(tx.conn())
    .await
    .map_err(exists)?;
    same_ttl(tx, zone, record).await
}

pub async fn delete(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Record, actions::Delete>,
    zone: ZoneId,
    id: RecordId,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    remove(tx, zone, id).await
}

/// Removes a record in favour of what the platform keeps.
pub async fn remove(tx: &mut TenantTx, zone: ZoneId, id: RecordId) -> Result<(), Error> {
    sqlx::query!(
        "delete from dns.records where tenant_id = $1 and zone_id = $2 and id = $3",
        tx.tenant().uuid(),
        zone.uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes the addresses that the platform keeps for a host, in whichever zones.
pub async fn delete_managed(tx: &mut TenantTx, host: &str) -> Result<(), Error> {
    sqlx::query!(
        "delete from dns.records where tenant_id = $1 and managed_for = $2 and type in ('A', 'AAAA')",
        tx.tenant().uuid(),
        host,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn get(tx: &mut TenantTx, zone: ZoneId, id: RecordId) -> Result<Option<Record>, Error> {
    Ok(select(tx, zone, Some(id), None, None, 1).await?.pop())
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, zone: ZoneId, page: PageRequest) -> Result<Vec<Record>, Error> {
    select(tx, zone, None, None, page.after.map(RecordId::from_uuid), page.fetch()).await
}

/// All of a zone's records, as they are published.
pub async fn all(tx: &mut TenantTx, zone: ZoneId) -> Result<Vec<Record>, Error> {
    select(tx, zone, None, None, None, i64::MAX).await
}

/// All at one name.
pub async fn at(tx: &mut TenantTx, zone: ZoneId, name: &str) -> Result<Vec<Record>, Error> {
    select(tx, zone, None, Some(name), None, i64::MAX).await
}

async fn select(
    tx: &mut TenantTx,
    zone: ZoneId,
    only: Option<RecordId>,
    name: Option<&str>,
    after: Option<RecordId>,
    most: i64,
) -> Result<Vec<Record>, Error> {
    let rows = sqlx::query!(
        r#"select id, name, type as "rtype", ttl, data, managed_for, version from dns.records
           where tenant_id = $1 and zone_id = $2
             and ($3::uuid is null or id = $3)
             and ($4::text is null or name = $4)
             and ($5::uuid is null or id > $5)
           order by id limit $6"#,
        tx.tenant().uuid(),
        zone.uuid(),
        only.map(RecordId::uuid) as _,
        name,
        after.map(RecordId::uuid) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Record {
        id: RecordId::from_uuid(row.id),
        name: row.name,
        rtype: row.rtype,
        ttl: row.ttl,
        data: row.data,
        managed_for: row.managed_for,
        version: row.version,
    });
    Ok(rows.collect())
}
