//! Nobody hands on what they do not have: neither by a role that they define, nor by one that they give.

use mpanel_authz::{OpCx, Rights, Role, RoleRef};
use mpanel_kernel::error::FieldError;
use mpanel_pg::TenantTx;

use crate::domain::{self, split};
use crate::error::Error;
use crate::store;

/// Whether the actor has each of these permissions, as its role and a token's scopes say.
///
/// # Errors
/// The first that it has not, as an error of the field `pointer`.
pub fn has_all<'a>(
    cx: &OpCx,
    pointer: &'static str,
    permissions: impl IntoIterator<Item = &'a String>,
) -> Result<(), Error> {
    let missing = permissions.into_iter().find(|permission| {
        let known = split(permission).filter(|(resource, action)| {
            // What means nothing here gives nothing.
            cx.permissions().exists(cx.tenant_kind(), resource, *action)
        });
        known.is_some_and(|(resource, action)| !cx.may(resource, action))
    });
    missing.map_or(Ok(()), |permission| Err(beyond(pointer, permission)))
}

/// Whether the actor may act below, which is what it takes to let others.
///
/// # Errors
/// An error of the field `pointer`.
pub fn reaches(cx: &OpCx, pointer: &'static str) -> Result<(), Error> {
    if cx.rights().reaches_descendants() {
        return Ok(());
    }
    Err(Error::Invalid(vec![FieldError::new(
        pointer,
        "tenancy.role.beyond_reach",
        "only who may act for the tenants below lets others do it",
    )]))
}

/// Whether the actor may give this role; looks a defined one up in the transaction's tenant.
///
/// # Errors
/// An error of `/role`: there is no such role, or it is more than the actor has.
pub async fn may_give(cx: &OpCx, tx: &mut TenantTx, role: RoleRef) -> Result<(), Error> {
    let defined = defined(tx, role).await?;
    judge(cx, role, defined)
}

/// The same as an answer: for a role that somebody has been offered, and whose link is asked for.
///
/// # Errors
/// When the database is away.
pub async fn could_give(cx: &OpCx, tx: &mut TenantTx, role: RoleRef) -> Result<bool, mpanel_pg::Error> {
    let defined = defined(tx, role).await?;
    Ok(judge(cx, role, defined).is_ok())
}

async fn defined(tx: &mut TenantTx, role: RoleRef) -> Result<Option<domain::Role>, mpanel_pg::Error> {
    match role.custom() {
        Some(id) => store::roles::get(tx, id).await,
        None => Ok(None),
    }
}

fn judge(cx: &OpCx, role: RoleRef, defined: Option<domain::Role>) -> Result<(), Error> {
    let rights = match role {
        RoleRef::BuiltIn(role) => {
            if role == Role::Owner && cx.role() != Role::Owner {
                return Err(Error::field(
                    "/role",
                    "tenancy.member.owner_by_owner",
                    "only an owner makes another owner",
                ));
            }
            let table = cx.permissions();
            let personal = |resource, action| table.is_personal(cx.tenant_kind(), resource, action);
            let mut all = table.of(role, cx.tenant_kind());
            let missing = all.find(|(resource, action)| !personal(resource, *action) && !cx.may(resource, *action));
            if let Some((resource, action)) = missing {
                return Err(beyond("/role", &format!("{resource}:{}", action.as_str())));
            }
            Rights::BuiltIn(role)
        }
        RoleRef::Custom(_) => {
            let unknown = || Error::field("/role", "tenancy.role.unknown", "there is no such role here");
            let role = defined.ok_or_else(unknown)?;
            has_all(cx, "/role", &role.permissions)?;
            Rights::Custom(std::sync::Arc::new((&role).into()))
        }
    };
    if rights.reaches_descendants() {
        reaches(cx, "/role")?;
    }
    Ok(())
}

fn beyond(pointer: &'static str, permission: &str) -> Error {
    Error::field(
        pointer,
        "tenancy.role.beyond_own",
        format!("you cannot give what you do not have yourself: {permission}"),
    )
}
