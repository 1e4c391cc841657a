use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx, constraint};

use crate::IssuerId;
use crate::authz;
use crate::error::Error;

/// A public authority with its secrets still sealed.
#[derive(Clone)]
pub struct StoredIssuer {
    pub tenant: TenantId,
    pub id: IssuerId,
    pub name: String,
    pub directory_url: String,
    pub contact: Vec<String>,
    pub root_pem: Option<String>,
    pub external_kid: Option<String>,
    pub sealed_external_key: Option<Vec<u8>>,
    pub sealed_account_key: Vec<u8>,
    pub account_url: Option<String>,
    pub agreed_at: Timestamp,
    pub agreed_by: String,
    pub preference: i32,
    pub orders_per_3h: i32,
    pub certificates_per_domain_7d: i32,
    pub failures: i32,
    pub problem: String,
    pub paused_until: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl StoredIssuer {
    /// Whether it is to be left alone now.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    /// `registering` until there is an account, `paused` while it is left alone, else `ready`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match (self.is_paused(now), &self.account_url) {
            (true, _) => "paused",
            (false, None) => "registering",
            (false, Some(_)) => "ready",
        }
    }
}

pub async fn insert(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Issuer, actions::Create>,
    issuer: &StoredIssuer,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "insert into certificates.issuers
             (tenant_id, id, name, directory_url, contact, root_pem, external_kid, sealed_external_key,
              sealed_account_key, agreed_at, agreed_by, preference, orders_per_3h, certificates_per_domain_7d, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        tx.tenant().uuid(),
        issuer.id.uuid(),
        issuer.name,
        issuer.directory_url,
        &issuer.contact,
        issuer.root_pem,
        issuer.external_kid,
        issuer.sealed_external_key,
        issuer.sealed_account_key,
        Ts(issuer.agreed_at) as _,
        issuer.agreed_by,
        issuer.preference,
        issuer.orders_per_3h,
        issuer.certificates_per_domain_7d,
        Ts(issuer.created_at) as _,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| match constraint(&error) {
        Some("issuers_name") => Error::IssuerExists,
        _ => error.into(),
    })?;
    Ok(())
}

pub async fn delete(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Issuer, actions::Delete>,
    id: IssuerId,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "delete from certificates.issuers where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Its account is there: under this key, which is another than before when it was bound to an external one.
pub async fn registered(
    tx: &mut TenantTx,
    id: IssuerId,
    sealed_key: &[u8],
    account_url: &str,
) -> Result<(), mpanel_pg::Error> {
    sqlx::query!(
        "update certificates.issuers
         set sealed_account_key = $3, account_url = $4, failures = 0, problem = '', paused_until = null
         where tenant_id = $1 and id = $2 and account_url is null",
        tx.tenant().uuid(),
        id.uuid(),
        sealed_key,
        account_url,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Leaves it alone for a time, unless it is already.
pub async fn pause(
    tx: &mut TenantTx,
    id: IssuerId,
    problem: &str,
    (now, until): (Timestamp, Timestamp),
) -> Result<(), mpanel_pg::Error> {
    sqlx::query!(
        "update certificates.issuers
         set failures = failures + 1, problem = $3, paused_until = $4
         where tenant_id = $1 and id = $2 and (paused_until is null or paused_until <= $5)",
        tx.tenant().uuid(),
        id.uuid(),
        problem,
        Ts(until) as _,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It has done what it was asked for.
pub async fn recovered(tx: &mut TenantTx, id: IssuerId) -> Result<(), mpanel_pg::Error> {
    sqlx::query!(
        "update certificates.issuers set failures = 0, problem = '', paused_until = null
         where tenant_id = $1 and id = $2 and failures > 0",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn get(tx: &mut TenantTx, id: IssuerId) -> Result<Option<StoredIssuer>, mpanel_pg::Error> {
    let tenant = tx.tenant();
    Ok(select(tx, Some(tenant), Some(id), PageRequest::default()).await?.pop())
}

pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<StoredIssuer>, mpanel_pg::Error> {
    let tenant = tx.tenant();
    select(tx, Some(tenant), None, page).await
}

/// All, in the order in which they are asked.
pub async fn all(tx: &mut PlatformTx) -> Result<Vec<StoredIssuer>, mpanel_pg::Error> {
    let mut all = select(
        tx,
        None,
        None,
        PageRequest {
            limit: 200,
            after: None,
        },
    )
    .await?;
    all.sort_by_key(|issuer| (issuer.preference, issuer.created_at));
    Ok(all)
}

async fn select(
    tx: &mut impl Tx,
    tenant: Option<TenantId>,
    only: Option<IssuerId>,
    page: PageRequest,
) -> Result<Vec<StoredIssuer>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        r#"select tenant_id, id, name, directory_url, contact, root_pem, external_kid, sealed_external_key,
                  sealed_account_key, account_url, agreed_at as "agreed_at: Ts", agreed_by, preference, orders_per_3h,
                  certificates_per_domain_7d, failures, problem, paused_until as "paused_until: Ts",
                  created_at as "created_at: Ts"
           from certificates.issuers
           where ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or id = $2) and ($3::uuid is null or id > $3)
           order by id limit $4"#,
        tenant.map(TenantId::uuid) as _,
        only.map(IssuerId::uuid) as _,
        page.after as _,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| StoredIssuer {
        tenant: TenantId::from_uuid(row.tenant_id),
        id: IssuerId::from_uuid(row.id),
        name: row.name,
        directory_url: row.directory_url,
        contact: row.contact,
        root_pem: row.root_pem,
        external_kid: row.external_kid,
        sealed_external_key: row.sealed_external_key,
        sealed_account_key: row.sealed_account_key,
        account_url: row.account_url,
        agreed_at: row.agreed_at.0,
        agreed_by: row.agreed_by,
        preference: row.preference,
        orders_per_3h: row.orders_per_3h,
        certificates_per_domain_7d: row.certificates_per_domain_7d,
        failures: row.failures,
        problem: row.problem,
        paused_until: row.paused_until.map(Timestamp::from),
        created_at: row.created_at.0,
    });
    Ok(rows.collect())
}
