use jiff::Timestamp;
use std::sync::Arc;

use mpanel_authz::{Allowed, Assumption, CustomRole, Rights, Role, RoleRef, TenantKind, actions};
use mpanel_kernel::ids::{AssumptionId, RoleId, TenantId, UserId, Uuid};
use mpanel_pg::{Look, SpineTx, TenantTx, Ts, Tx, constraint};
use mpanel_tenancy_contract::{Acting, Membership, TenantSummary};

use crate::authz;
use crate::error::Error;

/// A row of the transaction's tenant.
pub struct MemberRow {
    pub user: UserId,
    pub role: RoleRef,
    /// What a role of the tenant's own is called.
    pub role_name: Option<String>,
    pub created_at: Timestamp,
}

/// A role as it stands in its two columns.
fn columns(role: RoleRef) -> (&'static str, Option<Uuid>) {
    match role {
        RoleRef::BuiltIn(role) => (role.as_str(), None),
        RoleRef::Custom(id) => ("custom", Some(id.uuid())),
    }
}

/// One that is not known any more may only look.
fn role_of(role: &str, id: Option<Uuid>) -> RoleRef {
    match id {
        Some(id) => RoleRef::Custom(RoleId::from_uuid(id)),
        None => RoleRef::BuiltIn(role.parse().unwrap_or(Role::Viewer)),
    }
}

/// Makes a user a member of the transaction's tenant; `false` when it is one already.
pub async fn add(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Member, actions::ManageAccess>,
    user: UserId,
    role: RoleRef,
    now: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    insert(tx, user, role, now).await.map_err(role_gone)
}

/// Makes a user a member of the transaction's tenant because of something that was allowed elsewhere: a claim, an invitation.
pub async fn join(tx: &mut TenantTx, user: UserId, role: RoleRef, now: Timestamp) -> Result<bool, mpanel_pg::Error> {
    Ok(insert(tx, user, role, now).await?)
}

async fn insert(tx: &mut TenantTx, user: UserId, role: RoleRef, now: Timestamp) -> Result<bool, sqlx::Error> {
    let (role, role_id) = columns(role);
    let done = sqlx::query!(
        "insert into tenancy.members (tenant_id, user_id, role, role_id, created_at) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
        tx.tenant().uuid(),
        user.uuid(),
        role,
        role_id,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A role may be removed while it is given.
fn role_gone(error: sqlx::Error) -> Error {
    match constraint(&error) {
        Some("members_role_defined") => Error::field("/role", "tenancy.role.unknown", "there is no such role here"),
        _ => error.into(),
    }
}

/// Makes a user the owner of a tenant that was just made below the transaction's.
pub async fn add_owner(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::Create>,
    tenant: TenantId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let added = sqlx::query_scalar!(
        r#"select tenancy.add_member($1, $2, $3, $4) as "added!""#,
        tenant.uuid(),
        user.uuid(),
        Role::Owner.as_str(),
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
    allowed: &Allowed<authz::Member, actions::ManageAccess>,
    user: UserId,
    role: RoleRef,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    let (role, role_id) = columns(role);
    sqlx::query!(
        "update tenancy.members set role = $3, role_id = $4 where tenant_id = $1 and user_id = $2",
        tx.tenant().uuid(),
        user.uuid(),
        role,
        role_id,
    )
    .execute(tx.conn())
    .await
    .map_err(role_gone)?;
    Ok(())
}

pub async fn remove(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Member, actions::Delete>,
    user: UserId,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    Ok(leave(tx, user).await?)
}

/// Takes a membership in the transaction's tenant away, for who answers for that elsewhere.
pub async fn leave(tx: &mut TenantTx, user: UserId) -> Result<(), mpanel_pg::Error> {
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
        r#"select m.user_id, m.role, m.role_id, r.name as "role_name?", m.created_at as "created_at: Ts"
           from tenancy.members m left join tenancy.roles r on r.tenant_id = m.tenant_id and r.id = m.role_id
           where m.tenant_id = $1 order by m.created_at, m.user_id"#,
        tx.tenant().uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| MemberRow {
        user: UserId::from_uuid(row.user_id),
        role: role_of(&row.role, row.role_id),
        role_name: row.role_name,
        created_at: row.created_at.0,
    });
    Ok(rows.collect())
}

/// The members' roles; locked, so that the last owner cannot leave twice.
pub async fn lock(tx: &mut TenantTx) -> Result<Vec<(UserId, RoleRef)>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        "select user_id, role, role_id from tenancy.members where tenant_id = $1 order by user_id for update",
        tx.tenant().uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows
        .into_iter()
        .map(|row| (UserId::from_uuid(row.user_id), role_of(&row.role, row.role_id)));
    Ok(rows.collect())
}

pub async fn acting(
    look: &mut Look,
    user: UserId,
    (tenant, platform): (TenantId, TenantId),
    via: Option<TenantId>,
    now: Timestamp,
) -> Result<Option<Acting>, mpanel_pg::Error> {
    let reaching: Vec<String> = Role::ALL
        .iter()
        .filter(|role| role.reaches_descendants())
        .map(|role| role.as_str().to_owned())
        .collect();
    let row = sqlx::query!(
        r#"select kind as "kind!", role as "role!", role_id, permissions, reaches, holder as "holder!",
                  suspended as "suspended!", consent as "consent!", assumption, reason,
                  tenancy.is_member($1, $6) as "of_platform!"
           from tenancy.acting($1, $2, $3, $4, $5)"#,
        user.uuid(),
        tenant.uuid(),
        via.map(TenantId::uuid) as _,
        &reaching,
        Ts(now) as _,
        platform.uuid(),
    )
    .fetch_optional(look.conn())
    .await?;
    Ok(row.and_then(|row| {
        let holder = TenantId::from_uuid(row.holder);
        Some(Acting {
            kind: row.kind.parse().ok()?,
            role: match row.role_id {
                None => Rights::BuiltIn(row.role.parse().ok()?),
                Some(id) => Rights::Custom(Arc::new(CustomRole {
                    id: RoleId::from_uuid(id),
                    permissions: row.permissions?,
                    reaches_descendants: row.reaches?,
                })),
            },
            assumed_from: (holder != tenant).then_some(holder),
            assumption: row.assumption.zip(row.reason).map(|(id, reason)| Assumption {
                id: AssumptionId::from_uuid(id),
                reason: reason.into(),
            }),
            demands_consent: row.consent,
            suspended: row.suspended,
            of_platform: row.of_platform,
        })
    }))
}

pub async fn of_user(tx: &mut SpineTx, user: UserId) -> Result<Vec<Membership>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        r#"select id as "id!", kind as "kind!", name as "name!", slug as "slug!", role as "role!",
                  role_id, role_name
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
            role: role_of(&row.role, row.role_id),
            role_name: row.role_name,
        })
    });
    Ok(rows.collect())
}
