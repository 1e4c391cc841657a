use jiff::Timestamp;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Error, PlatformTx, TenantTx, Ts, Tx};
use serde_json::Value;
use sqlx::types::Uuid;

use crate::{IssuerId, OrderId};

/// How far an order is; migrations/0002_public.sql says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Wanted,
    Ordered,
    Shown,
    Told,
    Keyed,
    Ending,
}

const STATES: &[(State, &str)] = &[
    (State::Wanted, "wanted"),
    (State::Ordered, "ordered"),
    (State::Shown, "shown"),
    (State::Told, "told"),
    (State::Keyed, "keyed"),
    (State::Ending, "ending"),
];

impl State {
    fn parse(word: &str) -> Self {
        let found = STATES.iter().find(|(_, name)| *name == word);
        // The table's check knows no other; taking back what was shown is right for one from a newer version.
        found.map_or(Self::Ending, |(state, _)| *state)
    }

    fn word(self) -> &'static str {
        STATES
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("ending", |(_, word)| word)
    }
}

#[derive(Clone)]
pub struct StoredOrder {
    pub tenant: TenantId,
    pub id: OrderId,
    pub host: String,
    pub names: Vec<String>,
    pub issuer: IssuerId,
    pub state: State,
    pub asked: bool,
    pub url: Option<String>,
    pub challenge: Option<String>,
    pub shown: Value,
    pub sealed_key: Option<Vec<u8>>,
    pub csr: Option<Vec<u8>>,
    pub created_at: Timestamp,
    /// Whether its host is still to have it.
    pub wanted: bool,
}

/// A host that is to have a certificate from a public authority.
pub struct Candidate {
    pub tenant: TenantId,
    pub host: String,
    pub names: Vec<String>,
}

/// Hosts with a certificate of the internal authority, or with a public one of which less than about a third of its life is
/// left; not those with an order, nor those that wait for another attempt. Each host has a moment of its own.
pub async fn candidates(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<Vec<Candidate>, Error> {
    let rows = sqlx::query!(
        r#"select h.tenant_id, h.host, h.names
           from certificates.hosts h
           join certificates.certificates c on c.tenant_id = h.tenant_id and c.id = h.certificate_id
           where h.wanted and c.names = h.names and (h.public_due_at is null or h.public_due_at <= $1)
             and (c.issuer_id is null
                  or c.not_before + (c.not_after - c.not_before) * (0.64 + (hashtext(h.host) & 31) / 1000.0) < $1)
             and not exists (select from certificates.orders o where o.tenant_id = h.tenant_id and o.host = h.host)
           order by h.public_due_at nulls first, h.tenant_id, h.host limit $2"#,
        Ts(now) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Candidate {
        tenant: TenantId::from_uuid(row.tenant_id),
        host: row.host,
        names: row.names,
    });
    Ok(rows.collect())
}

/// Says what keeps the host from a public certificate, and when it is tried again.
pub async fn put_off(tx: &mut TenantTx, host: &str, message: &str, then: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update certificates.hosts set public_message = $3, public_due_at = $4 where tenant_id = $1 and host = $2",
        tx.tenant().uuid(),
        host,
        message,
        Ts(then) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An order for the host has come to nothing: counts it.
pub async fn count_failure(tx: &mut TenantTx, host: &str) -> Result<i32, Error> {
    let failures = sqlx::query_scalar!(
        "update certificates.hosts set public_failures = public_failures + 1 where tenant_id = $1 and host = $2
         returning public_failures",
        tx.tenant().uuid(),
        host,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(failures.unwrap_or_default())
}

/// How many orders for the host have come to nothing in a row.
pub async fn failures(tx: &mut TenantTx, host: &str) -> Result<i32, Error> {
    let failures = sqlx::query_scalar!(
        "select public_failures from certificates.hosts where tenant_id = $1 and host = $2",
        tx.tenant().uuid(),
        host,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(failures.unwrap_or_default())
}

/// The host has what it was to have.
pub async fn succeeded(tx: &mut TenantTx, host: &str) -> Result<(), Error> {
    sqlx::query!(
        "update certificates.hosts set public_message = '', public_failures = 0, public_due_at = null
         where tenant_id = $1 and host = $2",
        tx.tenant().uuid(),
        host,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Begins an order; `false` when the host has one.
pub async fn insert(
    tx: &mut TenantTx,
    id: OrderId,
    (host, names): (&str, &[String]),
    issuer: IssuerId,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into certificates.orders (tenant_id, id, host, names, issuer_id, state, due_at, created_at)
         values ($1, $2, $3, $4, $5, 'wanted', $6, $6) on conflict (tenant_id, host) do nothing",
        tx.tenant().uuid(),
        id.uuid(),
        host,
        names,
        issuer.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Orders that somebody has to look at: due ones, and those whose host is wanted no longer or under other names.
pub async fn due(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<Vec<StoredOrder>, Error> {
    select(tx, None, Some(now), most).await
}

/// The order as it is now, kept so until the transaction ends; `None` when it is over.
pub async fn lock(tx: &mut TenantTx, id: OrderId) -> Result<Option<StoredOrder>, Error> {
    sqlx::query!(
        "select id from certificates.orders where tenant_id = $1 and id = $2 for update",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(select(tx, Some(id.uuid()), None, 1).await?.pop())
}

async fn select(
    tx: &mut impl Tx,
    only: Option<Uuid>,
    due: Option<Timestamp>,
    most: i64,
) -> Result<Vec<StoredOrder>, Error> {
    let rows = sqlx::query!(
        r#"select o.tenant_id, o.id, o.host, o.names, o.issuer_id, o.state, o.asked_at is not null as "asked!", o.url,
                  o.challenge, o.shown, o.sealed_key, o.csr, o.created_at as "created_at: Ts",
                  exists (select from certificates.hosts h
                          where h.tenant_id = o.tenant_id and h.host = o.host and h.wanted and h.names = o.names
                  ) as "wanted!"
           from certificates.orders o
           where ($1::uuid is null or o.id = $1)
             and ($2::timestamptz is null or o.due_at <= $2 or not exists (
                 select from certificates.hosts h
                 where h.tenant_id = o.tenant_id and h.host = o.host and h.wanted and h.names = o.names))
           order by o.due_at, o.id limit $3"#,
        only as _,
        due.map(Ts) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| StoredOrder {
        tenant: TenantId::from_uuid(row.tenant_id),
        id: OrderId::from_uuid(row.id),
        host: row.host,
        names: row.names,
        issuer: IssuerId::from_uuid(row.issuer_id),
        state: State::parse(&row.state),
        asked: row.asked,
        url: row.url,
        challenge: row.challenge,
        shown: row.shown,
        sealed_key: row.sealed_key,
        csr: row.csr,
        created_at: row.created_at.0,
        wanted: row.wanted,
    });
    Ok(rows.collect())
}

/// Writes down how far the order is.
pub async fn save(tx: &mut TenantTx, order: &StoredOrder, now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update certificates.orders
         set state = $3, asked_at = case when $4 then coalesce(asked_at, $5) end, url = $6, challenge = $7, shown = $8,
             sealed_key = $9, csr = $10, message = '', due_at = $5
         where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        order.id.uuid(),
        order.state.word(),
        order.asked,
        Ts(now) as _,
        order.url,
        order.challenge,
        order.shown,
        order.sealed_key,
        order.csr,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Says what the order waits for, and until when.
pub async fn wait(tx: &mut TenantTx, id: OrderId, message: &str, until: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update certificates.orders set message = $3, due_at = $4 where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        message,
        Ts(until) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut TenantTx, id: OrderId) -> Result<(), Error> {
    sqlx::query!(
        "delete from certificates.orders where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many orders of the tenant are under way.
pub async fn count(tx: &mut TenantTx) -> Result<i64, Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from certificates.orders where tenant_id = $1"#,
        tx.tenant().uuid()
    )
    .fetch_one(tx.conn())
    .await
    .map_err(Error::from)
}

/// When the next order, or the next host that was put off, is looked at again.
pub async fn next(tx: &mut PlatformTx, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let due = sqlx::query_scalar!(
        r#"select least(
               (select min(due_at) from certificates.orders),
               (select min(public_due_at) from certificates.hosts where wanted and public_due_at > $1)
           ) as "due: Ts""#,
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(due.map(Timestamp::from))
}

/// What metrics tell of all orders and certificates.
pub struct Figures {
    /// Orders in each state.
    pub orders: Vec<(&'static str, i64)>,
    pub earliest_expiry: Option<Timestamp>,
}

pub async fn figures(tx: &mut PlatformTx) -> Result<Figures, Error> {
    let rows = sqlx::query!(r#"select state, count(*) as "count!" from certificates.orders group by state"#)
        .fetch_all(tx.conn())
        .await?;
    let earliest = sqlx::query_scalar!(r#"select min(not_after) as "at: Ts" from certificates.certificates"#)
        .fetch_one(tx.conn())
        .await?;
    let of = |word: &str| rows.iter().find(|row| row.state == word).map_or(0, |row| row.count);
    Ok(Figures {
        orders: STATES.iter().map(|(_, word)| (*word, of(word))).collect(),
        earliest_expiry: earliest.map(Timestamp::from),
    })
}
