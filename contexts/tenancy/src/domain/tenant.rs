use std::str::FromStr;

use jiff::Timestamp;
use mpanel_authz::TenantKind;
use mpanel_kernel::ids::{PlanId, TenantId};

use super::Limits;

/// Whether a tenant works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantState {
    Active,
    /// Keeps what it has; its sites and those below it are not shown, and its members may look at everything and
    /// change nothing.
    Suspended,
    /// As suspended, and gone for good at the end of a time in which it can be restored.
    Terminating,
}

impl TenantState {
    pub const ALL: [TenantState; 3] = [Self::Active, Self::Suspended, Self::Terminating];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Terminating => "terminating",
        }
    }
}

impl FromStr for TenantState {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(())
    }
}

/// The plan that a tenant is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantPlan {
    pub id: PlanId,
    pub name: String,
    pub version: i32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    pub parent_id: Option<TenantId>,
    pub kind: TenantKind,
    pub name: String,
    pub slug: String,
    pub state: TenantState,
    /// When it goes for good, of one that is terminating.
    pub ends_at: Option<Timestamp>,
    pub plan: Option<TenantPlan>,
    /// Grows with each change.
    pub version: i64,
    pub created_at: Timestamp,
}

/// One unchanging version of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanVersion {
    pub number: i32,
    pub entitlements: Limits,
    pub oversell: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub id: PlanId,
    pub name: String,
    pub archived: bool,
    /// The newest; new subscribers get it.
    pub latest: PlanVersion,
    /// How many tenants are on it, in any version.
    pub subscribers: i64,
    pub version: i64,
    pub created_at: Timestamp,
}
