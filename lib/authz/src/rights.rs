use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mpanel_kernel::ids::RoleId;
use serde::{Deserialize, Serialize};

use crate::{Action, Role};

/// A role by name: a built-in one, or one that a tenant has defined. On the wire `developer` or `role_…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum RoleRef {
    BuiltIn(Role),
    Custom(RoleId),
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is owner, admin, developer, viewer or the id of a role that the tenant has defined (role_…)")]
pub struct ParseRoleError;

impl RoleRef {
    /// The built-in role, if it is one.
    #[must_use]
    pub fn built_in(self) -> Option<Role> {
        match self {
            Self::BuiltIn(role) => Some(role),
            Self::Custom(_) => None,
        }
    }

    /// The tenant's own role, if it is one.
    #[must_use]
    pub fn custom(self) -> Option<RoleId> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Custom(id) => Some(id),
        }
    }
}

impl From<Role> for RoleRef {
    fn from(role: Role) -> Self {
        Self::BuiltIn(role)
    }
}

impl PartialEq<Role> for RoleRef {
    fn eq(&self, other: &Role) -> bool {
        *self == Self::BuiltIn(*other)
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => f.write_str(role.as_str()),
            Self::Custom(id) => id.fmt(f),
        }
    }
}

impl From<RoleRef> for String {
    fn from(role: RoleRef) -> Self {
        role.to_string()
    }
}

impl FromStr for RoleRef {
    type Err = ParseRoleError;
    fn from_str(text: &str) -> Result<Self, ParseRoleError> {
        let built_in = text.parse().map(Self::BuiltIn);
        built_in.or_else(|()| text.parse().map(Self::Custom).map_err(|_| ParseRoleError))
    }
}

impl TryFrom<String> for RoleRef {
    type Error = ParseRoleError;
    fn try_from(text: String) -> Result<Self, ParseRoleError> {
        text.parse()
    }
}

/// A role that a tenant has defined, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomRole {
    pub id: RoleId,
    /// Each `resource:action`; ones that mean nothing any more grant nothing.
    pub permissions: Vec<String>,
    /// Whether members with it may act for the tenants below.
    pub reaches_descendants: bool,
}

impl CustomRole {
    #[must_use]
    pub fn allows(&self, resource: &str, action: Action) -> bool {
        self.permissions.iter().any(|permission| {
            permission
                .split_once(':')
                .is_some_and(|(r, a)| r == resource && a == action.as_str())
        })
    }
}

/// What a membership gives: a role with all that it takes to answer what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    BuiltIn(Role),
    Custom(Arc<CustomRole>),
}

impl Rights {
    #[must_use]
    pub fn role(&self) -> RoleRef {
        match self {
            Self::BuiltIn(role) => RoleRef::BuiltIn(*role),
            Self::Custom(role) => RoleRef::Custom(role.id),
        }
    }

    /// Whether a member of an ancestor with this role may act for the tenants below it.
    #[must_use]
    pub fn reaches_descendants(&self) -> bool {
        match self {
            Self::BuiltIn(role) => role.reaches_descendants(),
            Self::Custom(role) => role.reaches_descendants,
        }
    }
}

impl From<Role> for Rights {
    fn from(role: Role) -> Self {
        Self::BuiltIn(role)
    }
}

impl PartialEq<Role> for Rights {
    fn eq(&self, other: &Role) -> bool {
        self.role() == *other
    }
}
