//! What a tenant has as a whole: to be found, and to be removed.

use mpanel_kernel::ids::{TenantId, ZoneId};
use mpanel_pg::{PlatformTx, TenantTx, Tx};
use mpanel_tenancy_contract::{Described, Item, ItemKind, Subject};

/// Zones that one page holds.
const PAGE: i64 = 1000;

/// How many zones the transaction's tenant has, and the names of some.
pub async fn all(tx: &mut TenantTx) -> Result<(i64, Vec<String>), mpanel_pg::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", coalesce((array_agg(apex order by apex))[1:5], '{}') as "some!"
           from dns.zones where tenant_id = $1"#,
        tx.tenant().uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.count, row.some))
}

pub async fn describe(tx: &mut PlatformTx, owner: TenantId, zone: ZoneId) -> Result<Described, mpanel_pg::Error> {
    let apex = sqlx::query_scalar!(
        "select apex from dns.zones where tenant_id = $1 and id = $2",
        owner.uuid(),
        zone.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(described(owner, zone, apex))
}

/// Zones of all tenants, by tenant and id.
pub async fn page(tx: &mut PlatformTx, after: Option<(TenantId, ZoneId)>) -> Result<Vec<Described>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        "select tenant_id, id, apex from dns.zones where (tenant_id, id) > ($1, $2) order by tenant_id, id limit $3",
        after.map(|(tenant, _)| tenant.uuid()).unwrap_or_default(),
        after.map(|(_, zone)| zone.uuid()).unwrap_or_default(),
        PAGE,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        described(
            TenantId::from_uuid(row.tenant_id),
            ZoneId::from_uuid(row.id),
            Some(row.apex),
        )
    });
    Ok(rows.collect())
}

fn described(owner: TenantId, zone: ZoneId, apex: Option<String>) -> Described {
    let item = |name| Item {
        kind: ItemKind::Zone,
        name,
        status: "active",
    };
    Described {
        subject: Subject::Zone(zone),
        owner,
        items: apex.map(item).into_iter().collect(),
    }
}
