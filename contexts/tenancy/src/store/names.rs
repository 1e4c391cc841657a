use mpanel_kernel::names::DomainName;
use mpanel_pg::{PlatformTx, TenantTx, Tx};
use mpanel_tenancy_contract::ClaimKind;

use crate::error::Error;

/// Makes these the platform's own names, and no others.
pub async fn reserve(tx: &mut PlatformTx, names: &[DomainName]) -> Result<(), Error> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    sqlx::query!("delete from tenancy.reserved_names where name <> all($1)", &names)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "insert into tenancy.reserved_names (name) select unnest($1::text[]) on conflict do nothing",
        &names
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the answer of `tenancy.claim` says.
pub enum Claimed {
    Done,
    Taken,
    Reserved,
    BelowAnothers,
}

pub async fn claim(tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<Claimed, mpanel_pg::Error> {
    let above: Vec<String> = name.ancestors().map(str::to_owned).collect();
    let outcome = sqlx::query_scalar!(
        r#"select tenancy.claim($1, $2, $3) as "outcome!""#,
        name.as_str(),
        kind.as_str(),
        &above,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(match outcome.as_str() {
        "ok" => Claimed::Done,
        "reserved" => Claimed::Reserved,
        "below" => Claimed::BelowAnothers,
        _ => Claimed::Taken,
    })
}

pub async fn release(tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<(), mpanel_pg::Error> {
    sqlx::query!("select tenancy.release($1, $2)", name.as_str(), kind.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}
