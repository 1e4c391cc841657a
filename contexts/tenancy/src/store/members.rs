use jiff::Timestamp;
use mpanel_authz::{Allowed, Role, TenantKind, actions};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{SpineTx, TenantTx, Ts, Tx};
use mpanel_tenancy_contract::{Acting, Membership, TenantSummary};

use crate::authz;
use crate::error::Error;

/// A row of the transaction's tenant.
pub struct MemberRow {
    pub user: UserId,
    pub role: Role,
    pub created_at: Timestamp,
}

/// Makes a user a member of the transaction's tenant or of one below it; `false` when it is one already.
pub async fn add(
    tx: &mut TenantTx,
    tenant: TenantId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> Result<bool, mpanel_pg::Error> {
    let added = sqlx::query_scalar!(
        r#"select tenancy.add_member($1, $2, $3, $4) as "added!""#,
        tenant.uuid(),
        user.uuid(),
        role.as_str(),
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(added)
}

/// Gives a membership in the transaction's tenant to another user.
pub async fn hand_over(tx: &mut TenantTx, from: UserId, to: UserId) -> Result<(), mpanel_pg::Error> {
    sqlx::query!("select tenancy.hand_over_membership($1, $2)", from.uuid(), to.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn set_role(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Member, actions::ManageAccess>,
    user: UserId,
    role: Role,
) -> Result<(), Error> {
    sqlx::query!(
        "update tenancy.members set role = $3 where tenant_id = $1 and user_id = $2",
        tx.tenant().uuid(),
        user.uuid(),
        role.as_str(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn remove(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Member, actions::Delete>,
    user: UserId,
) -> Result<(), Error> {
    sqlx::query!(
        "delete from tenancy.members where tenant_id = $1 and user_id = $2",
        tx.tenant().uuid(),
        user.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// All members, by time of joining.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<MemberRow>, Error> {
    let rows = sqlx::query!(
        r#"select user_id, role, created_at as "created_at: Ts" from tenancy.members
           where tenant_id = $1 order by created_at, user_id"#,
        tx.tenant().uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| MemberRow {
        user: UserId::from_uuid(row.user_id),
        role: row.role.parse().unwrap_or(Role::Viewer),
        created_at: row.created_at.0,
    });
    Ok(rows.collect())
}

/// The members' roles; locked, so that the last owner cannot leave twice.
pub async fn lock(tx: &mut TenantTx) -> Result<Vec<(UserId, Role)>, Error> {
    let rows = sqlx::query!(
        "select user_id, role from tenancy.members where tenant_id = $1 order by user_id for update",
        tx.tenant().uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows
        .into_iter()
        .map(|row| (UserId::from_uuid(row.user_id), row.role.parse().unwrap_or(Role::Viewer)));
    Ok(rows.collect())
}

pub async fn acting(
    tx: &mut SpineTx,
    user: UserId,
    tenant: TenantId,
    _now: Timestamp,
) -> Result<Option<Acting>, mpanel_pg::Error> {
    let reaching: Vec<String> = Role::ALL
        .iter()
        .filter(|role| role.reaches_descendants())
        .map(|role| role.as_str().to_owned())
        .collect();
    let row = sqlx::query!(
        r#"select kind as "kind!", role as "role!", holder as "holder!", suspended as "suspended!"
           from tenancy.acting($1, $2, $3)"#,
        user.uuid(),
        tenant.uuid(),
        &reaching,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.and_then(|row| {
        let holder = TenantId::from_uuid(row.holder);
        Some(Acting {
            kind: row.kind.parse().ok()?,
            role: row.role.parse::<Role>().ok()?.into(),
            assumed_from: (holder != tenant).then_some(holder),
            assumption: None,
            suspended: row.suspended,
        })
    }))
}

pub async fn of_user(tx: &mut SpineTx, user: UserId) -> Result<Vec<Membership>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        r#"select id as "id!", kind as "kind!", name as "name!", slug as "slug!", role as "role!"
           from tenancy.memberships($1)"#,
        user.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().filter_map(|row| {
        Some(Membership {
            tenant: TenantSummary {
                id: TenantId::from_uuid(row.id),
                kind: row.kind.parse::<TenantKind>().ok()?,
                name: row.name,
                slug: row.slug,
            },
            role: row.role.parse().ok()?,
            role_name: None,
        })
    });
    Ok(rows.collect())
}
