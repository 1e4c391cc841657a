//! What authorities were asked for, as they count it.

use jiff::Timestamp;
use mpanel_pg::{Error, PlatformTx, Ts, Tx};

use crate::IssuerId;

/// Notes an order for names below these domains.
pub async fn add(tx: &mut PlatformTx, issuer: IssuerId, domains: &[String], now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "insert into certificates.spent (issuer_id, domain, at) select $1, domain, $3 from unnest($2::text[]) as d (domain)",
        issuer.uuid(),
        domains,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets what no authority counts any more.
pub async fn forget(tx: &mut PlatformTx, before: Timestamp) -> Result<(), Error> {
    sqlx::query!("delete from certificates.spent where at < $1", Ts(before) as _)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// When the `most`-th newest order since then was, of one domain or of all: until it is too old there is room for no other.
pub async fn full(
    tx: &mut PlatformTx,
    issuer: IssuerId,
    domain: Option<&str>,
    since: Timestamp,
    most: i32,
) -> Result<Option<Timestamp>, Error> {
    let at = sqlx::query_scalar!(
        r#"select at as "at: Ts" from certificates.spent
           where issuer_id = $1 and ($2::text is null or domain = $2) and at > $3
           order by at desc offset $4 limit 1"#,
        issuer.uuid(),
        domain,
        Ts(since) as _,
        i64::from(most.max(1)) - 1,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(at.map(Timestamp::from))
}
