use mpanel_events::SealedColumn;
use mpanel_kernel::ids::{CertificateId, TenantId};
use mpanel_pg::{Error, PlatformTx, Tx};

pub const SEALED: &[SealedColumn] = &[
    SealedColumn {
        table: "certificates.authorities",
        column: "sealed_key",
        what: "keys of the internal authority",
        lost: "a new authority is made: its certificate must be trusted anew (`mpanel trust`), wherever the old one was",
        count: "select count(*) from certificates.authorities",
    },
    SealedColumn {
        table: "certificates.certificates",
        column: "sealed_key",
        what: "keys of certificates",
        lost: "every host gets a new certificate from the new authority",
        count: "select count(*) from certificates.certificates",
    },
    SealedColumn {
        table: "certificates.issuers",
        column: "sealed_account_key",
        what: "keys of accounts with public authorities",
        lost: "public authorities must be added anew (`mpanel issuer add`); a new account is made with each",
        count: "select count(*) from certificates.issuers",
    },
    SealedColumn {
        table: "certificates.issuers",
        column: "sealed_external_key",
        what: "keys by which accounts with public authorities are bound to others",
        lost: "they go with the public authorities that they are for",
        count: "select count(*) from certificates.issuers where sealed_external_key is not null",
    },
    SealedColumn {
        table: "certificates.orders",
        column: "sealed_key",
        what: "keys of certificates that are being ordered",
        lost: "the orders are given up and made anew",
        count: "select count(*) from certificates.orders where sealed_key is not null",
    },
];

/// Removes authorities and certificates, whose keys nobody can open; hosts wait for new ones. Returns what was published.
pub async fn forget(tx: &mut PlatformTx) -> Result<Vec<(TenantId, CertificateId)>, Error> {
    sqlx::query!(
        "update certificates.hosts set certificate_id = null, message = 'waiting to be issued again: its key was lost'
         where certificate_id is not null"
    )
    .execute(tx.conn())
    .await?;
    let gone = sqlx::query!("delete from certificates.certificates returning tenant_id, id")
        .fetch_all(tx.conn())
        .await?;
    sqlx::query!(
        "update certificates.orders set state = 'ending', sealed_key = null, csr = null, due_at = '-infinity'"
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from certificates.issuers")
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from certificates.authorities")
        .execute(tx.conn())
        .await?;
    let ids = gone
        .into_iter()
        .map(|row| (TenantId::from_uuid(row.tenant_id), CertificateId::from_uuid(row.id)));
    Ok(ids.collect())
}
