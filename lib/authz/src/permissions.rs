use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::ids::TenantId;
use serde::{Deserialize, Serialize};

use crate::Rights;

/// What can be done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    List,
    Read,
    Create,
    Modify,
    Delete,
    /// Run something on it that is not a change of its description: activate, retry, cancel.
    Operate,
    /// Decide who else may use it.
    ManageAccess,
}

impl Action {
    pub const ALL: [Action; 7] = [
        Self::List,
        Self::Read,
        Self::Create,
        Self::Modify,
        Self::Delete,
        Self::Operate,
        Self::ManageAccess,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Create => "create",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::Operate => "operate",
            Self::ManageAccess => "manage-access",
        }
    }
}

/// The actions as types, so that a proof can name the one it proves.
pub mod actions {
    use super::{Action, ActionType};

    macro_rules! action_types {
        ($($name:ident),+) => {$(
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl ActionType for $name {
                const ACTION: Action = Action::$name;
            }
        )+};
    }
    action_types!(List, Read, Create, Modify, Delete, Operate, ManageAccess);
}

/// A type that stands for one [`Action`].
pub trait ActionType {
    const ACTION: Action;
}

/// A kind of thing that is authorised, such as `sites.site`.
pub trait Resource {
    const NAME: &'static str;
}

/// The built-in roles of a member in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, and cannot be removed by others.
    Owner,
    /// Everything but what only the owner may.
    Admin,
    /// Builds and runs sites; does not manage people or plans.
    Developer,
    /// Sees, changes nothing.
    Viewer,
}

impl Role {
    pub const ALL: [Role; 4] = [Self::Owner, Self::Admin, Self::Developer, Self::Viewer];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
        }
    }

    /// Whether a member of an ancestor with this role may act for the tenants below it.
    #[must_use]
    pub const fn reaches_descendants(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }
}

impl FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// What a tenant is in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantKind {
    /// The root: whoever runs the installation.
    Platform,
    /// Sells to tenants below it.
    Reseller,
    /// Uses what it bought.
    Customer,
}

impl TenantKind {
    pub const ALL: [TenantKind; 3] = [Self::Platform, Self::Reseller, Self::Customer];
    /// The kinds that have tenants below them.
    pub const SELLERS: &'static [TenantKind] = &[Self::Platform, Self::Reseller];
    pub const ANY: &'static [TenantKind] = &[Self::Platform, Self::Reseller, Self::Customer];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Reseller => "reseller",
            Self::Customer => "customer",
        }
    }
}

impl FromStr for TenantKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// One line of the role table: `role` may do `actions` to `resource` in tenants of `kinds`.
#[derive(Debug, Clone, Copy)]
pub struct RoleRow {
    pub role: Role,
    pub resource: &'static str,
    pub actions: &'static [Action],
    pub kinds: &'static [TenantKind],
}

/// What people are told of a resource.
#[derive(Debug, Clone, Copy)]
pub struct ResourceInfo {
    pub name: &'static str,
    /// A few words, such as `Websites`.
    pub title: &'static str,
    /// One sentence.
    pub text: &'static str,
    /// It is one's own, such as the password: what every built-in role may do to it, everybody may, and roles say nothing
    /// of that.
    pub personal: bool,
}

impl ResourceInfo {
    #[must_use]
    pub const fn new(name: &'static str, title: &'static str, text: &'static str) -> Self {
        Self {
            name,
            title,
            text,
            personal: false,
        }
    }

    #[must_use]
    pub const fn personal(name: &'static str, title: &'static str, text: &'static str) -> Self {
        Self {
            personal: true,
            ..Self::new(name, title, text)
        }
    }
}

/// The role table could not be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("role table lists {resource} twice for {role:?}")]
pub struct PermissionsError {
    pub resource: &'static str,
    pub role: Role,
}

/// The role table of all contexts.
#[derive(Debug, Default)]
pub struct Permissions {
    rows: HashMap<(Role, &'static str), RoleRow>,
    resources: BTreeSet<&'static str>,
    described: BTreeMap<&'static str, ResourceInfo>,
}

impl Permissions {
    /// # Errors
    /// When two rows speak of the same role and resource: one of them would silently win.
    pub fn new(rows: impl IntoIterator<Item = RoleRow>) -> Result<Self, PermissionsError> {
        let mut table = Self::default();
        for row in rows {
            table.resources.insert(row.resource);
            if table.rows.insert((row.role, row.resource), row).is_some() {
                return Err(PermissionsError {
                    resource: row.resource,
                    role: row.role,
                });
            }
        }
        Ok(table)
    }

    #[must_use]
    pub fn allows(&self, role: Role, kind: TenantKind, resource: &str, action: Action) -> bool {
        // The key's lifetime is 'static; look the resource up first so that any text can be asked for.
        self.resources
            .get(resource)
            .and_then(|resource| self.rows.get(&(role, *resource)))
            .is_some_and(|row| row.kinds.contains(&kind) && row.actions.contains(&action))
    }

    /// The same table with what people are told of its resources.
    #[must_use]
    pub fn described(mut self, resources: impl IntoIterator<Item = ResourceInfo>) -> Self {
        self.described = resources.into_iter().map(|info| (info.name, info)).collect();
        self
    }

    /// What people are told of a resource.
    #[must_use]
    pub fn about(&self, resource: &str) -> Option<&ResourceInfo> {
        self.described.get(resource)
    }

    /// Whether somebody with these rights may do it in a tenant of this kind. Beyond what the built-in roles may do in such a
    /// tenant there is nothing to grant.
    #[must_use]
    pub fn permits(&self, rights: &Rights, kind: TenantKind, resource: &str, action: Action) -> bool {
        match rights {
            Rights::BuiltIn(role) => self.allows(*role, kind, resource, action),
            Rights::Custom(role) => {
                let given = self.is_personal(kind, resource, action) || role.allows(resource, action);
                given && self.exists(kind, resource, action)
            }
        }
    }

    /// Whether everybody may do it in a tenant of this kind, because it is their own.
    #[must_use]
    pub fn is_personal(&self, kind: TenantKind, resource: &str, action: Action) -> bool {
        let everybody = || Role::ALL.iter().all(|role| self.allows(*role, kind, resource, action));
        self.about(resource).is_some_and(|info| info.personal) && everybody()
    }

    /// Whether some built-in role may do it in a tenant of this kind.
    #[must_use]
    pub fn exists(&self, kind: TenantKind, resource: &str, action: Action) -> bool {
        Role::ALL.iter().any(|role| self.allows(*role, kind, resource, action))
    }

    /// All that a built-in role may do in a tenant of this kind, by resource.
    pub fn of(&self, role: Role, kind: TenantKind) -> impl Iterator<Item = (&'static str, Action)> {
        let every = |resource| Action::ALL.into_iter().map(move |action| (resource, action));
        self.resources()
            .flat_map(every)
            .filter(move |(resource, action)| self.allows(role, kind, resource, *action))
    }

    /// Every resource that some row names, in order.
    pub fn resources(&self) -> impl Iterator<Item = &'static str> {
        self.resources.iter().copied()
    }
}

/// Proof that `A` on `R` was authorised for a tenant. Only [`OpCx::authorize`](crate::OpCx::authorize) makes one. It says
/// nothing of which object: row-level security sees to it that the transaction's tenant has it.
pub struct Allowed<R, A> {
    tenant: TenantId,
    proof: PhantomData<fn() -> (R, A)>,
}

impl<R, A> Allowed<R, A> {
    pub(crate) fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            proof: PhantomData,
        }
    }
}

impl<R: Resource, A: ActionType> Allowed<R, A> {
    /// For whoever writes on behalf of a tenant, which is the transaction's but where one comes from above: one that was
    /// authorised for another is none.
    ///
    /// # Errors
    /// [`Denied`] when it was authorised for another tenant than this.
    pub fn holds_in(&self, tenant: TenantId) -> Result<(), Denied> {
        match self.tenant == tenant {
            true => Ok(()),
            false => Err(Denied {
                resource: R::NAME,
                action: A::ACTION,
            }),
        }
    }
}

impl<R: Resource, A: ActionType> fmt::Debug for Allowed<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Allowed({}:{} for {})", R::NAME, A::ACTION.as_str(), self.tenant)
    }
}

/// The actor may not do this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("you may not do this here: it needs the permission {resource}:{}", action.as_str())]
pub struct Denied {
    pub resource: &'static str,
    pub action: Action,
}

impl PublicError for Denied {
    fn kind(&self) -> Kind {
        Kind::Forbidden
    }

    fn code(&self) -> &'static str {
        "request.forbidden"
    }
}
