use jiff::Timestamp;
use mpanel_authz::{Action, CustomRole, OpCx};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::RoleId;
use mpanel_kernel::names::leaves_its_place;

/// A role that the tenant has defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub id: RoleId,
    pub name: String,
    pub description: String,
    /// Each `resource:action`, sorted.
    pub permissions: Vec<String>,
    /// Whether members with it may act for the tenants below.
    pub reaches_descendants: bool,
    /// How many members have it.
    pub members: i64,
    pub version: i64,
    pub created_at: Timestamp,
}

impl From<&Role> for CustomRole {
    fn from(role: &Role) -> Self {
        Self {
            id: role.id,
            permissions: role.permissions.clone(),
            reaches_descendants: role.reaches_descendants,
        }
    }
}

const MOST_CHARS: usize = 300;

/// What a role is for: at most 300 characters on one line, or nothing.
///
/// # Errors
/// The [`FieldError`] of `/description`.
pub fn description(text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    if text.chars().count() > MOST_CHARS || text.chars().any(leaves_its_place) {
        return Err(FieldError::new(
            "/description",
            "tenancy.role.description",
            "a description has at most 300 characters on one line",
        ));
    }
    Ok(text.to_owned())
}

/// Sorts permissions and checks that each is one that roles can give in the acting tenant.
///
/// # Errors
/// A [`FieldError`] for each that is not.
pub fn permissions(cx: &OpCx, given: Vec<String>) -> Result<Vec<String>, Vec<FieldError>> {
    let table = cx.permissions();
    let means = |permission: &String| {
        let (resource, action) = split(permission)?;
        let kind = cx.tenant_kind();
        (!table.is_personal(kind, resource, action) && table.exists(kind, resource, action)).then_some(())
    };
    let strange = given.iter().enumerate().filter(|(_, given)| means(given).is_none());
    let errors: Vec<FieldError> = strange
        .map(|(index, given)| {
            FieldError::new(
                format!("/permissions/{index}"),
                "tenancy.role.unknown_permission",
                format!("{given} is not a permission that a role can give here"),
            )
        })
        .collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut sorted = given;
    sorted.sort();
    sorted.dedup();
    Ok(sorted)
}

/// `resource:action` in its parts.
pub fn split(permission: &str) -> Option<(&str, Action)> {
    let (resource, action) = permission.split_once(':')?;
    let action = Action::ALL.into_iter().find(|known| known.as_str() == action)?;
    Some((resource, action))
}
