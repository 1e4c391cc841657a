//! SQL only.

use jiff::Timestamp;
use mpanel_kernel::ids::{NodeId, TenantId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::error::Error;

/// A machine as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub id: NodeId,
    pub name: String,
    pub roles: Vec<String>,
    pub version: String,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
}

/// Finds the first node, or makes this machine the first.
pub async fn register_first(
    tx: &mut PlatformTx,
    platform: TenantId,
    name: &str,
    now: Timestamp,
) -> Result<NodeId, Error> {
    // Two servers that start at once must not register two.
    sqlx::query!("select pg_advisory_xact_lock(9, 1)")
        .execute(tx.conn())
        .await?;
    let found = sqlx::query_scalar!(
        "select id from fleet.nodes where tenant_id = $1 order by created_at, id limit 1",
        platform.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    if let Some(id) = found {
        return Ok(NodeId::from_uuid(id));
    }
    let id = NodeId::generate();
    let roles: Vec<String> = ["panel", "edge", "dns", "sites"].map(str::to_owned).to_vec();
    sqlx::query!(
        "insert into fleet.nodes (tenant_id, id, name, roles, version, created_at, last_seen_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
        platform.uuid(),
        id.uuid(),
        name,
        &roles,
        env!("CARGO_PKG_VERSION"),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

pub async fn edge_keys(tx: &mut PlatformTx) -> Result<Vec<(NodeId, String)>, sqlx::Error> {
    let rows =
        sqlx::query!(r#"select id, edge_key as "edge_key!" from fleet.nodes where edge_key is not null order by id"#)
            .fetch_all(tx.conn())
            .await?;
    Ok(rows
        .into_iter()
        .map(|row| (NodeId::from_uuid(row.id), row.edge_key))
        .collect())
}

/// What a process said of its node when it was last heard.
pub struct Known {
    pub version: String,
    pub edge_key: Option<String>,
}

/// Notes that a node was heard of.
pub async fn heard(tx: &mut TenantTx, id: NodeId, now: Timestamp) -> Result<Known, Error> {
    sqlx::query_as!(
        Known,
        "update fleet.nodes set last_seen_at = $3 where tenant_id = $1 and id = $2 returning version, edge_key",
        tx.tenant().uuid(),
        id.uuid(),
        Ts(now) as _,
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)
}

/// Notes a node's version and its edge's key; returns whether its edge's key is another one than before.
pub async fn seen(
    tx: &mut TenantTx,
    id: NodeId,
    version: &str,
    edge_key: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let before = sqlx::query_scalar!(
        "select edge_key from fleet.nodes where tenant_id = $1 and id = $2 for update",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)?;
    sqlx::query!(
        "update fleet.nodes set version = $3, last_seen_at = $4, edge_key = coalesce($5, edge_key)
         where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        version,
        Ts(now) as _,
        edge_key,
    )
    .execute(tx.conn())
    .await?;
    Ok(edge_key.is_some_and(|key| before.as_deref() != Some(key)))
}

pub async fn get(tx: &mut TenantTx, id: NodeId) -> Result<Option<Node>, Error> {
    Ok(select(tx, Some(id), PageRequest::default()).await?.pop())
}

pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<Node>, Error> {
    select(tx, None, page).await
}

async fn select(tx: &mut TenantTx, only: Option<NodeId>, page: PageRequest) -> Result<Vec<Node>, Error> {
    let rows = sqlx::query!(
        r#"select id, name, roles, version, created_at as "created_at: Ts", last_seen_at as "last_seen_at: Ts"
           from fleet.nodes
           where tenant_id = $1 and ($2::uuid is null or id = $2) and ($3::uuid is null or id > $3)
           order by id limit $4"#,
        tx.tenant().uuid(),
        only.map(NodeId::uuid) as _,
        page.after as _,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Node {
        id: NodeId::from_uuid(row.id),
        name: row.name,
        roles: row.roles,
        version: row.version,
        created_at: row.created_at.0,
        last_seen_at: row.last_seen_at.0,
    });
    Ok(rows.collect())
}
