use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::ZoneId;
use mpanel_kernel::names::DomainName;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{TenantTx, Ts, Tx, constraint};

use crate::authz;
use crate::domain::Zone;
use crate::error::Error;

/// A zone that takes a place of its own in the plan.
pub async fn insert(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Zone, actions::Create>,
    id: ZoneId,
    apex: &str,
    now: Timestamp,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    put(tx, id, apex, None, now).await
}

/// A zone that comes about by a site's host and shares its place.
pub async fn insert_for_host(
    tx: &mut TenantTx,
    id: ZoneId,
    apex: &str,
    host: &str,
    now: Timestamp,
) -> Result<(), Error> {
    put(tx, id, apex, Some(host), now).await
}

async fn put(
    tx: &mut TenantTx,
    id: ZoneId,
    apex: &str,
    shares_place_of: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    // Behind what was published under this name before, of which the withdrawal may not be in the feed yet.
    sqlx::query!(
        "insert into dns.zones (tenant_id, id, apex, serial, created_at, shares_place_of)
         values ($1, $2, $3, greatest($4, dns.last_serial($3) + 1), $5, $6)",
        tx.tenant().uuid(),
        id.uuid(),
        apex,
        now.as_second(),
        Ts(now) as _,
        shares_place_of,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| match constraint(&error) {
        Some("zones_apex") => Error::ZoneExists,
        _ => error.into(),
    })?;
    Ok(())
}

/// A new serial; the row stays locked, so changes of one zone follow each other.
pub async fn bump(tx: &mut TenantTx, id: ZoneId, now: Timestamp) -> Result<(String, i64), Error> {
    let row = sqlx::query!(
        "update dns.zones set serial = greatest(serial + 1, $3) where tenant_id = $1 and id = $2 returning apex, serial",
        tx.tenant().uuid(),
        id.uuid(),
        now.as_second(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)?;
    Ok((row.apex, row.serial))
}

/// Locks the zone, so that changes of it follow each other.
pub async fn lock(tx: &mut TenantTx, id: ZoneId) -> Result<String, Error> {
    sqlx::query_scalar!(
        "select apex from dns.zones where tenant_id = $1 and id = $2 for update",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)
}

/// Lets what places and withdraws hosts of the tenant follow each other: it may touch several zones in any order.
pub async fn lock_hosts(tx: &mut TenantTx) -> Result<(), Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended(concat('hosts:', $1::uuid), 15))",
        tx.tenant().uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Locks every zone that keeps addresses for a host, and `with`, in one order; returns those.
pub async fn lock_for_host(tx: &mut TenantTx, host: &str, with: Option<ZoneId>) -> Result<Vec<ZoneId>, Error> {
    let rows = sqlx::query_scalar!(
        "select z.id from dns.zones z
         where z.tenant_id = $1
           and (z.id = $3 or exists (
               select from dns.records r
               where r.tenant_id = z.tenant_id and r.zone_id = z.id and r.managed_for = $2 and r.type in ('A', 'AAAA')))
         order by z.id for update of z",
        tx.tenant().uuid(),
        host,
        with.map(ZoneId::uuid) as _,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(ZoneId::from_uuid).collect())
}

/// Lets the zone share the place of a host, and gives its own up; false when it has none, or the host shares already.
pub async fn share_place(tx: &mut TenantTx, id: ZoneId, host: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update dns.zones z set shares_place_of = $3
         where z.tenant_id = $1 and z.id = $2 and z.shares_place_of is null
           and not exists (select from dns.zones o where o.tenant_id = $1 and o.shares_place_of = $3)",
        tx.tenant().uuid(),
        id.uuid(),
        host,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Lets the zone that shares the place of a host share that of another host in it, or else have it; whether it has it now.
pub async fn leave_place(tx: &mut TenantTx, host: &str) -> Result<bool, Error> {
    let other = sqlx::query_scalar!(
        "update dns.zones z set shares_place_of = (
             select min(r.managed_for) from dns.records r
             where r.tenant_id = z.tenant_id and r.zone_id = z.id and r.type in ('A', 'AAAA') and r.managed_for <> $2
               and not exists (
                   select from dns.zones o where o.tenant_id = z.tenant_id and o.shares_place_of = r.managed_for))
         where z.tenant_id = $1 and z.shares_place_of = $2
         returning z.shares_place_of",
        tx.tenant().uuid(),
        host,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(other.is_some_and(|other| other.is_none()))
}

/// Says whether the zone had a place of its own in the plan.
pub async fn delete(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Zone, actions::Delete>,
    id: ZoneId,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    Ok(sqlx::query_scalar!(
        r#"delete from dns.zones where tenant_id = $1 and id = $2 returning shares_place_of is null as "own!""#,
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_one(tx.conn())
    .await?)
}

/// The longest of these names that is the apex of a zone of the tenant.
pub async fn covering(tx: &mut TenantTx, names: &[String]) -> Result<Option<(ZoneId, String)>, Error> {
    let row = sqlx::query!(
        "select id, apex from dns.zones where tenant_id = $1 and apex = any($2) order by length(apex) desc limit 1",
        tx.tenant().uuid(),
        names,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (ZoneId::from_uuid(row.id), row.apex)))
}

/// A host that falls into a zone of the tenant.
pub struct Covered {
    /// The host's place among those that were asked for.
    pub at: usize,
    /// Of the nearest zone.
    pub apex: String,
    /// Whether the platform keeps addresses for the host there.
    pub kept: bool,
}

/// Those of the hosts that fall into a zone of the tenant.
pub async fn covered(tx: &mut TenantTx, hosts: &[DomainName]) -> Result<Vec<Covered>, Error> {
    let names = || {
        (0..)
            .zip(hosts)
            .flat_map(|(at, host)| host.ancestors().map(move |apex| (at, host, apex)))
    };
    let at: Vec<i32> = names().map(|(at, _, _)| at).collect();
    let host: Vec<String> = names().map(|(_, host, _)| host.to_string()).collect();
    let apex: Vec<String> = names().map(|(_, _, apex)| apex.to_owned()).collect();
    let rows = sqlx::query!(
        r#"select distinct on (o.at) o.at as "at!", z.apex,
                  exists (select from dns.records r
                          where r.tenant_id = z.tenant_id and r.zone_id = z.id and r.name = o.host
                            and r.managed_for is not null and r.type in ('A', 'AAAA')) as "kept!"
           from unnest($2::int[], $3::text[], $4::text[]) as o (at, host, apex)
           join dns.zones z on z.tenant_id = $1 and z.apex = o.apex
           order by o.at, length(z.apex) desc"#,
        tx.tenant().uuid(),
        &at,
        &host,
        &apex,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Covered {
        at: usize::try_from(row.at).expect("places are counted from nought"),
        apex: row.apex,
        kept: row.kept,
    });
    Ok(rows.collect())
}

pub async fn get(tx: &mut TenantTx, id: ZoneId) -> Result<Option<Zone>, Error> {
    Ok(select(tx, Some(id), PageRequest::default()).await?.pop())
}

pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<Zone>, Error> {
    select(tx, None, page).await
}

async fn select(tx: &mut TenantTx, only: Option<ZoneId>, page: PageRequest) -> Result<Vec<Zone>, Error> {
    let rows = sqlx::query!(
        r#"select z.id, z.apex, z.serial, z.created_at as "created_at: Ts",
                  (select count(*) from dns.records r where r.tenant_id = z.tenant_id and r.zone_id = z.id) as "records!"
           from dns.zones z
           where z.tenant_id = $1 and ($2::uuid is null or z.id = $2) and ($3::uuid is null or z.id > $3)
           order by z.id limit $4"#,
        tx.tenant().uuid(),
        only.map(ZoneId::uuid) as _,
        page.after as _,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Zone {
        id: ZoneId::from_uuid(row.id),
        apex: row.apex,
        serial: row.serial,
        records: row.records,
        created_at: row.created_at.0,
    });
    Ok(rows.collect())
}
