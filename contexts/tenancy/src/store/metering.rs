//! What is measured: traffic.

use std::collections::HashMap;

use mpanel_kernel::ids::TenantId;
use mpanel_pg::{PlatformTx, TenantTx, Tx};
use mpanel_tenancy_contract::{EntitlementKey, Month};

use crate::error::Error;

/// A tenant whose use has just passed its limit.
pub struct Passed {
    pub tenant: TenantId,
    pub used: i64,
    pub limit: i64,
}

/// Adds to what tenants and their ancestors have used; returns whose limits that has passed.
pub async fn record(
    tx: &mut PlatformTx,
    key: EntitlementKey,
    month: Month,
    used: &[(TenantId, i64)],
) -> Result<Vec<Passed>, mpanel_pg::Error> {
    let (tenants, amounts): (Vec<_>, Vec<_>) = used.iter().map(|(tenant, used)| (tenant.uuid(), *used)).unzip();
    // In the order of ids: two nodes that report at once do not wait for each other in a circle.
    let rows = sqlx::query!(
        r#"with added as (
               select s.tenant_id, least(sum(g.used), 9223372036854775807)::bigint as used
               from unnest($1::uuid[], $2::bigint[]) as g (tenant_id, used)
               join tenancy.subtree s on s.descendant = g.tenant_id
               group by s.tenant_id order by s.tenant_id
           ), summed as (
               insert into tenancy.measured as m (tenant_id, key, month, used)
               select tenant_id, $3, $4::text::date, used from added
               on conflict (tenant_id, key, month) do update
               set used = least(m.used::numeric + excluded.used, 9223372036854775807)::bigint
               returning m.tenant_id, m.used
           )
           select tenant_id as "tenant_id!", s.used as "used!", coalesce(c.max_allowed, 0) as "limit!"
           from summed s join added a using (tenant_id)
           left join (select * from tenancy.counters where key = $3) c using (tenant_id)
           where (c.max_allowed is not null or c.key is null)
             and s.used > coalesce(c.max_allowed, 0) and s.used - a.used <= coalesce(c.max_allowed, 0)"#,
        &tenants,
        &amounts,
        key.as_str(),
        month.first_day().to_string(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Passed {
        tenant: TenantId::from_uuid(row.tenant_id),
        used: row.used,
        limit: row.limit,
    });
    Ok(rows.collect())
}

/// Tenants over their limit in a month, with everybody below them.
pub async fn exceeded(
    tx: &mut PlatformTx,
    key: EntitlementKey,
    month: Month,
) -> Result<Vec<TenantId>, mpanel_pg::Error> {
    let rows = sqlx::query_scalar!(
        "select distinct s.descendant
         from tenancy.measured m
         left join tenancy.counters c on c.tenant_id = m.tenant_id and c.key = m.key
         join tenancy.subtree s on s.tenant_id = m.tenant_id
         where m.key = $1 and m.month = $2::text::date and (m.used > c.max_allowed or (c.key is null and m.used > 0))",
        key.as_str(),
        month.first_day().to_string(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(TenantId::from_uuid).collect())
}

/// What the transaction's tenant or one below it has used in a month; a key that is absent, nothing.
pub async fn used(tx: &mut TenantTx, tenant: TenantId, month: Month) -> Result<HashMap<EntitlementKey, i64>, Error> {
    let rows = sqlx::query!(
        r#"select key as "key!", used as "used!" from tenancy.measured_use($1, $2::text::date)"#,
        tenant.uuid(),
        month.first_day().to_string(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((row.key.parse().ok()?, row.used)))
        .collect())
}

/// What the transaction's tenant has used in each month, oldest first, by the name of what is measured.
pub async fn months(tx: &mut TenantTx) -> Result<Vec<(String, String, i64)>, Error> {
    let rows = sqlx::query!(
        r#"select key, to_char(month, 'YYYY-MM') as "month!", used from tenancy.measured where tenant_id = $1
           order by month, key"#,
        tx.tenant().uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.month, row.used)).collect())
}
