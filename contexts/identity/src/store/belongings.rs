use mpanel_pg::{Error, TenantTx, Tx};

/// How many service accounts the transaction's tenant has, and the names of some.
pub async fn programs(tx: &mut TenantTx) -> Result<(i64, Vec<String>), Error> {
    let row = sqlx::query!(
        r#"select count(*) as "count!",
                  coalesce((array_agg(name order by name))[1:5], '{}') as "some!"
           from identity.service_accounts where tenant_id = $1"#,
        tx.tenant().uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.count, row.some))
}

/// Whether the transaction's tenant has a sign-in page of its own.
pub async fn has_brand(tx: &mut TenantTx) -> Result<bool, Error> {
    let has = sqlx::query_scalar!(r#"select identity.has_brand() as "has!""#);
    Ok(has.fetch_one(tx.conn()).await?)
}
