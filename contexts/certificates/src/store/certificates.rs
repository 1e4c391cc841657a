use jiff::Timestamp;
use mpanel_kernel::ids::{CertificateId, TenantId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Error, PlatformTx, TenantTx, Ts, Tx};

use crate::IssuerId;

/// A certificate as stored, its key still sealed.
#[derive(Clone)]
pub struct Stored {
    pub id: CertificateId,
    pub names: Vec<String>,
    pub issuer: String,
    pub chain_pem: String,
    pub sealed_key: Vec<u8>,
    pub fingerprint: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub generation: i64,
    /// The public authority that it is from; absent, the internal one.
    pub issuer_id: Option<IssuerId>,
    pub created_at: Timestamp,
}

pub async fn insert(tx: &mut TenantTx, certificate: &Stored, published_to: &str) -> Result<(), Error> {
    sqlx::query!(
        "insert into certificates.certificates
             (tenant_id, id, names, issuer, chain_pem, sealed_key, fingerprint, not_before, not_after, generation,
              published_to, created_at, issuer_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        tx.tenant().uuid(),
        certificate.id.uuid(),
        &certificate.names,
        certificate.issuer,
        certificate.chain_pem,
        certificate.sealed_key,
        certificate.fingerprint,
        Ts(certificate.not_before) as _,
        Ts(certificate.not_after) as _,
        certificate.generation,
        published_to,
        Ts(certificate.created_at) as _,
        certificate.issuer_id.map(IssuerId::uuid) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut TenantTx, id: CertificateId) -> Result<(), Error> {
    sqlx::query!(
        "delete from certificates.certificates where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Certificates whose published copy is sealed to other keys than those that the edges have now, each with its host; not
/// those that wait for another attempt.
pub async fn sealed_to_others(
    tx: &mut PlatformTx,
    keys: &str,
    now: Timestamp,
    most: i64,
) -> Result<Vec<(TenantId, CertificateId, String)>, Error> {
    let rows = sqlx::query!(
        "select c.tenant_id, c.id, h.host
         from certificates.certificates c
         join certificates.hosts h on h.tenant_id = c.tenant_id and h.certificate_id = c.id
         where c.published_to <> $1 and (h.due_at is null or h.due_at <= $2)
         order by c.tenant_id, c.id limit $3",
        keys,
        Ts(now) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                TenantId::from_uuid(row.tenant_id),
                CertificateId::from_uuid(row.id),
                row.host,
            )
        })
        .collect())
}

/// Notes that it is published anew; returns its generation, or `None` when it is gone.
pub async fn republish(tx: &mut TenantTx, id: CertificateId, published_to: &str) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar!(
        "update certificates.certificates set generation = generation + 1, published_to = $3
         where tenant_id = $1 and id = $2 returning generation",
        tx.tenant().uuid(),
        id.uuid(),
        published_to,
    )
    .fetch_optional(tx.conn())
    .await?)
}

pub async fn get(tx: &mut TenantTx, id: CertificateId) -> Result<Option<Stored>, Error> {
    Ok(select(tx, Some(id), PageRequest::default()).await?.pop())
}

pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<Stored>, Error> {
    select(tx, None, page).await
}

async fn select(tx: &mut TenantTx, only: Option<CertificateId>, page: PageRequest) -> Result<Vec<Stored>, Error> {
    let rows = sqlx::query!(
        r#"select id, names, issuer, chain_pem, sealed_key, fingerprint, not_before as "not_before: Ts",
                  not_after as "not_after: Ts", generation, issuer_id, created_at as "created_at: Ts"
           from certificates.certificates
           where tenant_id = $1 and ($2::uuid is null or id = $2) and ($3::uuid is null or id > $3)
           order by id limit $4"#,
        tx.tenant().uuid(),
        only.map(CertificateId::uuid) as _,
        page.after as _,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Stored {
        id: CertificateId::from_uuid(row.id),
        names: row.names,
        issuer: row.issuer,
        chain_pem: row.chain_pem,
        sealed_key: row.sealed_key,
        fingerprint: row.fingerprint,
        not_before: row.not_before.0,
        not_after: row.not_after.0,
        generation: row.generation,
        issuer_id: row.issuer_id.map(IssuerId::from_uuid),
        created_at: row.created_at.0,
    });
    Ok(rows.collect())
}
