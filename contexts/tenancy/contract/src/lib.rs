//! What other contexts may ask of tenancy. Ports that take a [`TenantTx`] join the caller's
//! transaction: what they reserve or claim commits or goes away with it.
#![forbid(unsafe_code)]

mod entitlements;
mod members;
mod metering;
mod names;
mod suspension;

pub use entitlements::{EntitlementError, EntitlementKey, Entitlements, Unit};
pub use members::{Acting, Membership, Memberships, TenantSummary};
pub use metering::{Metering, MeteringError, Month};
pub use names::{ClaimKind, NameClaims, NameError};
pub use suspension::Suspensions;

/// Events that tenancy emits.
pub mod events {
    pub const TENANT_CREATED: &str = "tenancy.tenant.created.v1";
    pub const TENANT_CHANGED: &str = "tenancy.tenant.changed.v1";
    pub const SUBSCRIPTION_CHANGED: &str = "tenancy.subscription.changed.v1";
    pub const MEMBER_ADDED: &str = "tenancy.member.added.v1";
    pub const MEMBER_CHANGED: &str = "tenancy.member.changed.v1";
    pub const MEMBER_REMOVED: &str = "tenancy.member.removed.v1";
    /// The use of a key that is measured has passed the limit; once for each time that it does.
    pub const ENTITLEMENT_EXCEEDED: &str = "tenancy.entitlement.exceeded.v1";
    pub const PLAN_CREATED: &str = "tenancy.plan.created.v1";
    pub const PLAN_CHANGED: &str = "tenancy.plan.changed.v1";
}
