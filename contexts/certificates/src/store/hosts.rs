use jiff::Timestamp;
use mpanel_kernel::ids::{CertificateId, TenantId};
use mpanel_pg::{Error, PlatformTx, TenantTx, Ts, Tx};

/// A host that the reconciler has to see to.
pub struct Due {
    pub tenant: TenantId,
    pub host: String,
    pub names: Vec<String>,
    pub wanted: bool,
    pub certificate: Option<CertificateId>,
}

/// Wants a certificate of these names for `host`; returns whether that is new. With other names than
/// before, a new certificate takes the place of the one that there is.
pub async fn want(tx: &mut TenantTx, host: &str, names: &[String]) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into certificates.hosts as h (tenant_id, host, names) values ($1, $2, $3)
         on conflict (tenant_id, host) do update
         set wanted = true, names = excluded.names, failures = 0, failing_since = null, due_at = null
         where not h.wanted or h.names <> excluded.names",
        tx.tenant().uuid(),
        host,
        names,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub async fn unwant(tx: &mut TenantTx, host: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update certificates.hosts set wanted = false, failures = 0, failing_since = null, due_at = null
         where tenant_id = $1 and host = $2 and wanted",
        tx.tenant().uuid(),
        host,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Wants nothing any more of what the tenant wants; how many hosts there still are.
pub async fn unwant_all(tx: &mut TenantTx) -> Result<i64, Error> {
    let tenant = tx.tenant().uuid();
    sqlx::query!(
        "update certificates.hosts set wanted = false, failures = 0, failing_since = null, due_at = null
         where tenant_id = $1 and wanted",
        tenant
    )
    .execute(tx.conn())
    .await?;
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from certificates.hosts where tenant_id = $1"#,
        tenant
    )
    .fetch_one(tx.conn())
    .await
    .map_err(Error::from)
}

/// How many hosts the tenant wants a certificate for, or no longer wants one for, and the names of some.
pub async fn all(tx: &mut TenantTx) -> Result<(i64, Vec<String>), Error> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", coalesce((array_agg(host order by host))[1:5], '{}') as "some!"
           from certificates.hosts where tenant_id = $1"#,
        tx.tenant().uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.count, row.some))
}

/// Hosts without a certificate, with one of other names or whose life is two thirds over, or no longer wanted; not those
/// that wait for another attempt. A public authority's is replaced here only when its life is over: until then it is
/// better than any of ours.
pub async fn due(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<Vec<Due>, Error> {
    let rows = sqlx::query!(
        r#"select h.tenant_id, h.host, h.names, h.wanted, h.certificate_id
           from certificates.hosts h
           left join certificates.certificates c on c.tenant_id = h.tenant_id and c.id = h.certificate_id
           where (h.due_at is null or h.due_at <= $1)
             and (not h.wanted or c.id is null or c.names <> h.names
                  or (c.issuer_id is null and c.not_before + (c.not_after - c.not_before) * 2 / 3 < $1)
                  or c.not_after < $1)
           order by h.wanted desc, h.tenant_id, h.host limit $2"#,
        Ts(now) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Due {
        tenant: TenantId::from_uuid(row.tenant_id),
        host: row.host,
        names: row.names,
        wanted: row.wanted,
        certificate: row.certificate_id.map(CertificateId::from_uuid),
    });
    Ok(rows.collect())
}

/// How many hosts there are.
pub async fn count(tx: &mut PlatformTx) -> Result<i64, Error> {
    Ok(
        sqlx::query_scalar!(r#"select count(*) as "count!" from certificates.hosts"#)
            .fetch_one(tx.conn())
            .await?,
    )
}

/// Locks the host as it is now; `None` when it is gone.
pub async fn lock(tx: &mut TenantTx, host: &str) -> Result<Option<Due>, Error> {
    let row = sqlx::query!(
        "select names, wanted, certificate_id from certificates.hosts where tenant_id = $1 and host = $2 for update",
        tx.tenant().uuid(),
        host,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Due {
        tenant: tx.tenant(),
        host: host.to_owned(),
        names: row.names,
        wanted: row.wanted,
        certificate: row.certificate_id.map(CertificateId::from_uuid),
    }))
}

pub async fn set_certificate(tx: &mut TenantTx, host: &str, certificate: CertificateId) -> Result<(), Error> {
    sqlx::query!(
        "update certificates.hosts
         set certificate_id = $3, message = '', failures = 0, failing_since = null, due_at = null
         where tenant_id = $1 and host = $2",
        tx.tenant().uuid(),
        host,
        certificate.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut TenantTx, host: &str) -> Result<(), Error> {
    sqlx::query!(
        "delete from certificates.hosts where tenant_id = $1 and host = $2",
        tx.tenant().uuid(),
        host
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Host, message, and issuer and end of its certificate.
pub struct HostStatus {
    pub host: String,
    pub message: String,
    pub names: Vec<String>,
    /// What is in the way of a public certificate, and when it is tried again.
    pub public_message: String,
    pub public_due_at: Option<Timestamp>,
    /// What an order that is under way waits for.
    pub order_message: Option<String>,
    pub valid: Option<(String, Timestamp)>,
    pub public: bool,
}

pub async fn status(tx: &mut TenantTx, hosts: &[String]) -> Result<Vec<HostStatus>, Error> {
    let rows = sqlx::query!(
        r#"select h.host, h.message, h.names, h.public_message, h.public_due_at as "public_due_at: Ts",
                  o.message as "order_message?", c.issuer as "issuer?", c.not_after as "not_after?: Ts",
                  c.issuer_id is not null as "public!"
           from certificates.hosts h
           left join certificates.orders o on o.tenant_id = h.tenant_id and o.host = h.host
           left join certificates.certificates c on c.tenant_id = h.tenant_id and c.id = h.certificate_id
           where h.tenant_id = $1 and h.wanted and h.host = any($2)"#,
        tx.tenant().uuid(),
        hosts,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| HostStatus {
        host: row.host,
        message: row.message,
        names: row.names,
        public_message: row.public_message,
        public_due_at: row.public_due_at.map(Timestamp::from),
        order_message: row.order_message,
        public: row.public,
        valid: row.issuer.zip(row.not_after.map(|at| at.0)),
    });
    Ok(rows.collect())
}
