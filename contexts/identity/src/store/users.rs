use std::collections::HashMap;

use jiff::Timestamp;
use mpanel_identity_contract::Profile;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{SpineTx, TenantTx, Ts, Tx};

use crate::domain::{Account, RealmId};
use crate::error::Error;

/// An account with what signing in needs.
pub struct Secrets {
    pub account: Account,
    /// None while the account waits for its activation.
    pub password_hash: Option<String>,
}

/// The second factor of an account, sealed.
pub struct Totp {
    pub secret: Option<Vec<u8>>,
    pub pending: Option<Vec<u8>>,
    pub last_step: Option<u64>,
}

/// Accounts of one address that are tried when somebody signs in: each costs as much as a password does. Half of them are
/// those to which somebody signed in last; the others are drawn, so that whoever keeps eight accounts of one address busy
/// can keep the ninth waiting, but never out.
const TRIED: i64 = 8;

/// The activated accounts of an address that are tried: first those of who has shown that it is theirs, then those to which
/// somebody signed in last.
pub async fn by_email(tx: &mut SpineTx, realm: RealmId, email: &EmailAddress) -> Result<Vec<Secrets>, Error> {
    let rows = sqlx::query!(
        r#"with known as (
               select u.id, row_number() over (order by u.email_proven_at is null, greatest(u.activated_at, (
                   select max(s.last_seen_at) from identity.sessions s
                   where s.tenant_id = u.tenant_id and s.user_id = u.id)) desc, u.id) as place
               from identity.users u
               where u.realm_id = $1 and u.email_normalised = $2 and u.password_hash is not null
           ), tried as (
               select id, place from known order by case when place <= $3::bigint / 2 then 0 else random() end
               limit $3::bigint
           )
           select u.id, u.tenant_id, u.email, u.name, u.password_hash, u.email_proven_at is not null as "proven!",
                  u.totp_secret is not null as "totp!", u.totp_lost_at is not null as "lost!"
           from tried t join identity.users u on u.id = t.id order by t.place"#,
        realm.uuid(),
        email.normalised(),
        TRIED,
    )
    .fetch_all(tx.conn())
    .await?;
    let accounts = rows.into_iter().map(|row| Secrets {
        account: Account {
            id: UserId::from_uuid(row.id),
            home: TenantId::from_uuid(row.tenant_id),
            email: row.email,
            name: row.name,
            email_proven: row.proven,
            totp_enabled: row.totp,
            totp_lost: row.lost,
        },
        password_hash: row.password_hash,
    });
    Ok(accounts.collect())
}

/// Whether the account was made in the transaction's tenant.
pub async fn is_at_home(tx: &mut TenantTx, user: UserId) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(
        r#"select exists (select from identity.users where tenant_id = $1 and id = $2) as "found!""#,
        tx.tenant().uuid(),
        user.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

pub async fn by_id(tx: &mut SpineTx, user: UserId) -> Result<Option<Secrets>, Error> {
    let row = sqlx::query!(
        r#"select id, tenant_id, email, name, password_hash, email_proven_at is not null as "proven!",
                  totp_secret is not null as "totp!", totp_lost_at is not null as "lost!"
           from identity.users where id = $1"#,
        user.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Secrets {
        account: Account {
            id: UserId::from_uuid(row.id),
            home: TenantId::from_uuid(row.tenant_id),
            email: row.email,
            name: row.name,
            email_proven: row.proven,
            totp_enabled: row.totp,
            totp_lost: row.lost,
        },
        password_hash: row.password_hash,
    }))
}

pub async fn profiles(tx: &mut SpineTx, users: &[UserId]) -> Result<HashMap<UserId, Profile>, mpanel_pg::Error> {
    let ids: Vec<_> = users.iter().map(|user| user.uuid()).collect();
    let rows = sqlx::query!(
        r#"select id, email, name, password_hash is not null as "active!" from identity.users where id = any($1)"#,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    let profiles = rows.into_iter().filter_map(|row| {
        let profile = Profile {
            // Checked when it was stored.
            email: EmailAddress::parse(&row.email).ok()?,
            name: row.name,
            active: row.active,
        };
        Some((UserId::from_uuid(row.id), profile))
    });
    Ok(profiles.collect())
}

/// A new, activated account whose home is the transaction's tenant.
pub async fn create(
    tx: &mut TenantTx,
    realm: RealmId,
    user: UserId,
    (email, name, password_hash): (&EmailAddress, &str, &str),
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into identity.users
             (tenant_id, id, realm_id, email, email_normalised, name, password_hash, created_at, activated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        tx.tenant().uuid(),
        user.uuid(),
        realm.uuid(),
        email.as_str(),
        email.normalised(),
        name,
        password_hash,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives an account of the transaction's tenant its first password; `false` when it has one.
pub async fn activate(
    tx: &mut TenantTx,
    user: UserId,
    (name, password_hash): (&str, &str),
    now: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update identity.users set name = $3, password_hash = $4, activated_at = $5
         where tenant_id = $1 and id = $2 and password_hash is null",
        tx.tenant().uuid(),
        user.uuid(),
        name,
        password_hash,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes an account of the transaction's tenant that nobody has activated.
pub async fn forget_invited(tx: &mut TenantTx, user: UserId) -> Result<(), Error> {
    sqlx::query!(
        "delete from identity.users where tenant_id = $1 and id = $2 and password_hash is null",
        tx.tenant().uuid(),
        user.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the account still has the password that was checked; with `new`, stores that hash of it.
/// Locks the row to the end of the transaction.
pub async fn confirm_password(tx: &mut TenantTx, user: UserId, seen: &str, new: Option<&str>) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update identity.users set password_hash = coalesce($4, password_hash)
         where tenant_id = $1 and id = $2 and password_hash = $3",
        tx.tenant().uuid(),
        user.uuid(),
        seen,
        new as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The account's second factor; its row is locked to the end of the transaction, so that of two
/// uses of one code the second finds it used.
pub async fn totp_locked(tx: &mut TenantTx, user: UserId) -> Result<Option<Totp>, Error> {
    let row = sqlx::query!(
        "select totp_secret, totp_pending, totp_last_step from identity.users
         where tenant_id = $1 and id = $2 for update",
        tx.tenant().uuid(),
        user.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Totp {
        secret: row.totp_secret,
        pending: row.totp_pending,
        last_step: row.totp_last_step.and_then(|step| u64::try_from(step).ok()),
    }))
}

pub async fn set_totp_step(tx: &mut TenantTx, user: UserId, step: u64) -> Result<(), Error> {
    sqlx::query!(
        "update identity.users set totp_last_step = $3 where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        user.uuid(),
        i64::try_from(step).unwrap_or(i64::MAX),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn set_totp_pending(tx: &mut TenantTx, user: UserId, sealed: &[u8]) -> Result<(), Error> {
    sqlx::query!(
        "update identity.users set totp_pending = $3 where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        user.uuid(),
        sealed,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes `sealed` the account's second factor, or takes it away, and replaces the backup codes.
pub async fn set_totp(
    tx: &mut TenantTx,
    user: UserId,
    factor: Option<(&[u8], u64)>,
    code_hashes: &[String],
) -> Result<(), Error> {
    sqlx::query!(
        "update identity.users set totp_secret = $3, totp_pending = null, totp_last_step = $4, totp_lost_at = null
         where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        user.uuid(),
        factor.map(|(sealed, _)| sealed) as _,
        factor.map(|(_, step)| i64::try_from(step).unwrap_or(i64::MAX)) as _,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from identity.backup_codes where tenant_id = $1 and user_id = $2",
        tx.tenant().uuid(),
        user.uuid(),
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into identity.backup_codes (tenant_id, user_id, hash) select $1, $2, unnest($3::text[])",
        tx.tenant().uuid(),
        user.uuid(),
        code_hashes,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn backup_codes(tx: &mut TenantTx, user: UserId) -> Result<Vec<String>, Error> {
    let hashes = sqlx::query_scalar!(
        "select hash from identity.backup_codes where tenant_id = $1 and user_id = $2",
        tx.tenant().uuid(),
        user.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(hashes)
}

/// Uses a backup code up; `false` when it is used already.
pub async fn use_backup_code(tx: &mut TenantTx, user: UserId, hash: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "delete from identity.backup_codes where tenant_id = $1 and user_id = $2 and hash = $3",
        tx.tenant().uuid(),
        user.uuid(),
        hash,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
