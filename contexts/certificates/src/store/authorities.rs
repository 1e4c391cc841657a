use jiff::Timestamp;
use mpanel_kernel::ids::CertificateId;
use mpanel_pg::{PlatformTx, Ts, Tx};

use crate::error::Error;

#[derive(Clone)]
pub struct StoredAuthority {
    pub id: CertificateId,
    pub name: String,
    pub certificate_pem: String,
    pub sealed_key: Vec<u8>,
    pub not_after: Timestamp,
    pub created_at: Timestamp,
}

/// The newest authority; the lock keeps two servers that start at once from making two.
pub async fn newest_locked(tx: &mut PlatformTx) -> Result<Option<StoredAuthority>, Error> {
    sqlx::query!("select pg_advisory_xact_lock(3, 4)")
        .execute(tx.conn())
        .await?;
    let row = sqlx::query!(
        r#"select id, name, certificate_pem, sealed_key, not_after as "not_after: Ts", created_at as "created_at: Ts"
           from certificates.authorities order by created_at desc limit 1"#
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| StoredAuthority {
        id: CertificateId::from_uuid(row.id),
        name: row.name,
        certificate_pem: row.certificate_pem,
        sealed_key: row.sealed_key,
        not_after: row.not_after.0,
        created_at: row.created_at.0,
    }))
}

pub async fn insert(tx: &mut PlatformTx, authority: &StoredAuthority) -> Result<(), Error> {
    sqlx::query!(
        "insert into certificates.authorities (id, name, certificate_pem, sealed_key, not_after, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        authority.id.uuid(),
        authority.name,
        authority.certificate_pem,
        authority.sealed_key,
        Ts(authority.not_after) as _,
        Ts(authority.created_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
