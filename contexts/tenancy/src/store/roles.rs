use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::RoleId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{TenantTx, Ts, Tx, constraint};

use crate::authz;
use crate::domain::Role;
use crate::error::Error;

/// What a role is made of.
pub struct Content<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub permissions: &'a [String],
    pub reaches_descendants: bool,
}

pub async fn create(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Role, actions::Create>,
    id: RoleId,
    content: &Content<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "insert into tenancy.roles (tenant_id, id, name, description, permissions, reaches, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tx.tenant().uuid(),
        id.uuid(),
        content.name,
        content.description,
        content.permissions,
        content.reaches_descendants,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await
    .map_err(name_taken)?;
    Ok(())
}

/// Replaces a role's content; `false` when the version is no longer the one that was seen.
pub async fn update(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Role, actions::Modify>,
    (id, seen): (RoleId, i64),
    content: &Content<'_>,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "update tenancy.roles set name = $4, description = $5, permissions = $6, reaches = $7, version = version + 1
         where tenant_id = $1 and id = $2 and version = $3",
        tx.tenant().uuid(),
        id.uuid(),
        seen,
        content.name,
        content.description,
        content.permissions,
        content.reaches_descendants,
    )
    .execute(tx.conn())
    .await
    .map_err(name_taken)?;
    Ok(done.rows_affected() == 1)
}

pub async fn delete(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Role, actions::Delete>,
    id: RoleId,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    let deleted = sqlx::query!(
        "delete from tenancy.roles where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await;
    match deleted {
        Ok(done) if done.rows_affected() == 0 => Err(Error::NotFound),
        Ok(_) => Ok(()),
        Err(error) if constraint(&error) == Some("members_role_defined") => Err(Error::RoleInUse),
        Err(error) => Err(error.into()),
    }
}

fn name_taken(error: sqlx::Error) -> Error {
    match constraint(&error) {
        Some("roles_name") => Error::RoleNameTaken,
        _ => error.into(),
    }
}

pub async fn get(tx: &mut TenantTx, id: RoleId) -> Result<Option<Role>, mpanel_pg::Error> {
    Ok(select(tx, Some(id), PageRequest::default()).await?.pop())
}

pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<Role>, Error> {
    Ok(select(tx, None, page).await?)
}

async fn select(tx: &mut TenantTx, only: Option<RoleId>, page: PageRequest) -> Result<Vec<Role>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        r#"select id, name, description, permissions, reaches, version, created_at as "created_at: Ts",
                  (select count(*) from tenancy.members m where m.tenant_id = r.tenant_id and m.role_id = r.id) as "members!"
           from tenancy.roles r
           where tenant_id = $1 and ($2::uuid is null or id = $2) and ($3::uuid is null or id > $3)
           order by id limit $4"#,
        tx.tenant().uuid(),
        only.map(RoleId::uuid) as _,
        page.after as _,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let roles = rows.into_iter().map(|row| Role {
        id: RoleId::from_uuid(row.id),
        name: row.name,
        description: row.description,
        permissions: row.permissions,
        reaches_descendants: row.reaches,
        members: row.members,
        version: row.version,
        created_at: row.created_at.0,
    });
    Ok(roles.collect())
}
