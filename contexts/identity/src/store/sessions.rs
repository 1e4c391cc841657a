use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::{SessionId, TenantId, UserId};
use mpanel_pg::{Look, PlatformTx, SpineTx, TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::{Device, Presence, RealmId, SessionInfo};
use crate::error::Error;

/// A session that is about to start.
pub struct NewSession<'a> {
    pub id: SessionId,
    pub user: UserId,
    pub realm: RealmId,
    pub token: &'a TokenHash,
    pub now: Timestamp,
    pub idle_expires_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The moments that decide about a session.
#[derive(Clone, Copy)]
pub struct Moments {
    pub now: Timestamp,
    /// Sessions seen before this are to be marked as seen now.
    pub seen_before: Timestamp,
}

/// Whose session a token is.
pub struct Found {
    pub id: SessionId,
    pub user: UserId,
    pub home: TenantId,
    pub totp_enabled: bool,
    pub totp_lost: bool,
    /// When its person last showed who they are.
    pub proven_at: Timestamp,
    /// It was not seen for a while.
    pub due: bool,
}

/// Looks a session up by its token: the one query of each request of a browser. It works at the
/// host where it was started, as long as that host belongs to its realm; `realm` is that of hosts that belong to none.
pub async fn find(
    look: &mut Look,
    realm: RealmId,
    token: &TokenHash,
    host: &str,
    at: Moments,
) -> Result<Option<Found>, Error> {
    let row = sqlx::query!(
        r#"with realm as (
               select coalesce((select realm_id from identity.realm_hosts where host = $3), $1) as id
           )
           select s.id, s.user_id, s.tenant_id, u.totp_secret is not null as "totp!", u.totp_lost_at is not null as "lost!",
                  s.proven_at as "proven_at: Ts",
                  s.last_seen_at <= $5 as "due!"
           from identity.sessions s
           join identity.users u on u.tenant_id = s.tenant_id and u.id = s.user_id
           where s.token_hash = $2 and s.realm_id = (select id from realm) and u.realm_id = s.realm_id and s.host = $3
             and s.ended_at is null and s.idle_expires_at > $4 and s.expires_at > $4"#,
        realm.uuid(),
        token.as_bytes(),
        host,
        Ts(at.now) as _,
        Ts(at.seen_before) as _,
    )
    .fetch_optional(look.conn())
    .await?;
    Ok(row.map(|row| Found {
        id: SessionId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        home: TenantId::from_uuid(row.tenant_id),
        totp_enabled: row.totp,
        totp_lost: row.lost,
        proven_at: row.proven_at.0,
        due: row.due,
    }))
}

/// Marks a session as seen now, unless somebody else just has.
pub async fn see(
    look: &mut Look,
    (home, id): (TenantId, SessionId),
    at: Moments,
    idle_expires_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query_scalar!(
        "select identity.see_session($1, $2, $3, $4, $5)",
        home.uuid(),
        id.uuid(),
        Ts(at.seen_before) as _,
        Ts(at.now) as _,
        Ts(idle_expires_at) as _,
    )
    .fetch_one(look.conn())
    .await?;
    Ok(())
}

/// The session of a token wherever it was started, if it has not ended.
pub async fn by_token(tx: &mut SpineTx, token: &TokenHash) -> Result<Option<(SessionId, UserId, TenantId)>, Error> {
    let row = sqlx::query!(
        "select id, user_id, tenant_id from identity.sessions where token_hash = $1 and ended_at is null",
        token.as_bytes(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| {
        (
            SessionId::from_uuid(row.id),
            UserId::from_uuid(row.user_id),
            TenantId::from_uuid(row.tenant_id),
        )
    }))
}

/// Starts a session in the user's home tenant, and forgets the user's sessions that expired before
/// `forget`; `false` when the user is of another realm than where it would start.
pub async fn start(tx: &mut TenantTx, new: &NewSession<'_>, who: &Presence, forget: Timestamp) -> Result<bool, Error> {
    sqlx::query!(
        "delete from identity.sessions where tenant_id = $1 and user_id = $2 and expires_at < $3",
        tx.tenant().uuid(),
        new.user.uuid(),
        Ts(forget) as _,
    )
    .execute(tx.conn())
    .await?;
    let done = sqlx::query!(
        "insert into identity.sessions
             (tenant_id, id, user_id, realm_id, token_hash, host, created_at, last_seen_at, proven_at,
              idle_expires_at, expires_at, address, user_agent)
         select u.tenant_id, $2, u.id, u.realm_id, $5, $6, $7, $7, $7, $8, $9, $10, $11
         from identity.users u where u.tenant_id = $1 and u.id = $3 and u.realm_id = $4",
        tx.tenant().uuid(),
        new.id.uuid(),
        new.user.uuid(),
        new.realm.uuid(),
        new.token.as_bytes(),
        who.host,
        Ts(new.now) as _,
        Ts(new.idle_expires_at) as _,
        Ts(new.expires_at) as _,
        who.address.map(|address| address.to_string()),
        who.short_user_agent(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The user's living sessions, newest first.
pub async fn list(
    tx: &mut TenantTx,
    user: UserId,
    current: Option<&TokenHash>,
    now: Timestamp,
) -> Result<Vec<SessionInfo>, Error> {
    let rows = sqlx::query!(
        r#"select id, created_at as "created_at: Ts", last_seen_at as "last_seen_at: Ts",
                  least(idle_expires_at, expires_at) as "expires_at!: Ts", address, host,
                  user_agent, coalesce(token_hash = $3, false) as "current!"
           from identity.sessions
           where tenant_id = $1 and user_id = $2 and ended_at is null and idle_expires_at > $4 and expires_at > $4
           order by id desc limit 200"#,
        tx.tenant().uuid(),
        user.uuid(),
        current.map(TokenHash::as_bytes) as _,
        Ts(now) as _,
    )
    .fetch_all(tx.conn())
    .await?;
    let sessions = rows.into_iter().map(|row| SessionInfo {
        id: SessionId::from_uuid(row.id),
        created_at: row.created_at.0,
        last_seen_at: row.last_seen_at.0,
        expires_at: row.expires_at.0,
        address: row.address.and_then(|address| address.parse().ok()),
        host: row.host,
        device: Device::of(&row.user_agent),
        user_agent: row.user_agent,
        current: row.current,
    });
    Ok(sessions.collect())
}

/// Ends a session of the user; `false` when there is none such alive.
pub async fn end(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Session, actions::Delete>,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<bool, Error> {
    end_replaced(tx, user, session, now).await
}

/// Ends a session because whoever holds its token starts another one.
pub async fn end_replaced(tx: &mut TenantTx, user: UserId, session: SessionId, now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update identity.sessions set ended_at = $4
         where tenant_id = $1 and user_id = $2 and id = $3 and ended_at is null
           and idle_expires_at > $4 and expires_at > $4",
        tx.tenant().uuid(),
        user.uuid(),
        session.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a living session of the user another token, and with `proven` notes that its person has shown who they are;
/// `false` when there is none such.
pub async fn renew(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Account, actions::Modify>,
    user: UserId,
    (old, new): (&TokenHash, &TokenHash),
    proven: Option<Timestamp>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update identity.sessions set token_hash = $4, proven_at = coalesce($5, proven_at)
         where tenant_id = $1 and user_id = $2 and token_hash = $3 and ended_at is null",
        tx.tenant().uuid(),
        user.uuid(),
        old.as_bytes(),
        new.as_bytes(),
        proven.map(Ts) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of the user's sessions but the one with this token; returns how many.
pub async fn end_others(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Account, actions::Modify>,
    user: UserId,
    keep: Option<&TokenHash>,
    now: Timestamp,
) -> Result<u64, Error> {
    end_many(tx, user, keep, now).await
}

/// The same for who asks for nothing else.
pub async fn end_own(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Session, actions::Delete>,
    user: UserId,
    keep: Option<&TokenHash>,
    now: Timestamp,
) -> Result<u64, Error> {
    end_many(tx, user, keep, now).await
}

/// Ends all sessions of somebody else; returns how many.
pub async fn end_of_another(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Person, actions::ManageAccess>,
    user: UserId,
    now: Timestamp,
) -> Result<u64, Error> {
    end_many(tx, user, None, now).await
}

async fn end_many(tx: &mut TenantTx, user: UserId, keep: Option<&TokenHash>, now: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update identity.sessions set ended_at = $4
         where tenant_id = $1 and user_id = $2 and ended_at is null and expires_at > $4 and idle_expires_at > $4
           and token_hash is distinct from $3",
        tx.tenant().uuid(),
        user.uuid(),
        keep.map(TokenHash::as_bytes) as _,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Forgets sessions, of whomever, that expired before; at most so many, and returns how many.
pub async fn forget(tx: &mut PlatformTx, before: Timestamp, most: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from identity.sessions s using (
             select tenant_id, id from identity.sessions where expires_at < $1 limit $2
         ) old where s.tenant_id = old.tenant_id and s.id = old.id",
        Ts(before) as _,
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
