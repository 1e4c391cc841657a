//! Pure types and decisions.

mod limits;
mod tenant;

pub use limits::Limits;
pub use tenant::{Plan, PlanVersion, Tenant, TenantPlan, TenantState, title};
