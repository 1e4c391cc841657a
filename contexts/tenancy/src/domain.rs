//! Pure types and decisions.

mod assumption;
mod found;
mod limits;
pub mod merge;
mod role;
mod selling;
mod tenant;

pub use assumption::{Assumption, AssumptionState, PATIENCE, minutes, reason, until};
pub use found::{Found, Query, stem};
pub use limits::Limits;
pub use role::{Role, description, permissions, split};
pub use selling::{LONGEST_GRACE, Selling, grace, page as provider_page};
pub use tenant::{Plan, PlanVersion, Tenant, TenantPlan, TenantState};
