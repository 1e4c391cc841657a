//! What other contexts may ask of tenancy. Ports that take a [`TenantTx`] join the caller's
//! transaction: what they reserve or claim commits or goes away with it.
#![forbid(unsafe_code)]

mod belongings;
mod below;
mod ending;
mod entitlements;
mod export;
mod members;
mod metering;
mod names;
mod resources;
mod roster;
mod suspension;

pub use belongings::{Belonging, Belongings};
pub use below::Below;
pub use ending::{EraseError, Erased, Eraser};
pub use entitlements::{EntitlementError, EntitlementKey, Entitlements, Unit};
pub use export::{ExportError, ExportScope, Exporter};
pub use members::{Acting, Membership, Memberships, TenantSummary};
pub use metering::{Metering, MeteringError, Month};
pub use names::{ClaimKind, NameClaims, NameError};
pub use resources::{Described, Item, ItemKind, Resources, Subject};
pub use roster::Roster;
pub use suspension::{ProviderPage, Suspended, Suspensions};

/// Events that tenancy emits.
pub mod events {
    pub const TENANT_CREATED: &str = "tenancy.tenant.created.v1";
    pub const TENANT_CHANGED: &str = "tenancy.tenant.changed.v1";
    /// It stands below another seller, with everybody below it.
    pub const TENANT_MOVED: &str = "tenancy.tenant.moved.v1";
    /// Everybody below it, its plans and its people went to another tenant; what is left of it ends.
    pub const TENANT_MERGED: &str = "tenancy.tenant.merged.v1";
    /// How it treats those below it: the page in place of sites that are not shown, the time in which an end can be called off.
    pub const TENANT_SELLING_CHANGED: &str = "tenancy.tenant.selling_changed.v1";
    /// It is to go for good at a time that is told; until then it is as good as suspended.
    pub const TENANT_ENDING: &str = "tenancy.tenant.ending.v1";
    /// Its end was called off in time.
    pub const TENANT_RESTORED: &str = "tenancy.tenant.restored.v1";
    /// Its time is over: what it has is being removed, and there is no way back.
    pub const TENANT_ERASING: &str = "tenancy.tenant.erasing.v1";
    /// It is gone with all it had; its id stays its own.
    pub const TENANT_ENDED: &str = "tenancy.tenant.ended.v1";
    /// Somebody wants all that is the tenant's as an archive.
    pub const EXPORT_ASKED: &str = "tenancy.export.asked.v1";
    /// What a tenant has goes into an archive that somebody above has asked for.
    pub const EXPORT_INCLUDED: &str = "tenancy.export.included.v1";
    /// Somebody begins to take an archive away, or a part of it.
    pub const EXPORT_DOWNLOADED: &str = "tenancy.export.downloaded.v1";
    /// An archive was removed, or is no longer to be made.
    pub const EXPORT_REMOVED: &str = "tenancy.export.removed.v1";
    pub const SUBSCRIPTION_CHANGED: &str = "tenancy.subscription.changed.v1";
    pub const MEMBER_ADDED: &str = "tenancy.member.added.v1";
    pub const MEMBER_CHANGED: &str = "tenancy.member.changed.v1";
    pub const MEMBER_REMOVED: &str = "tenancy.member.removed.v1";
    pub const ROLE_CREATED: &str = "tenancy.role.created.v1";
    pub const ROLE_CHANGED: &str = "tenancy.role.changed.v1";
    pub const ROLE_REMOVED: &str = "tenancy.role.removed.v1";
    /// Somebody above wants to act for the tenant, which has to agree first.
    pub const ASSUMPTION_ASKED: &str = "tenancy.assumption.asked.v1";
    pub const ASSUMPTION_OPENED: &str = "tenancy.assumption.opened.v1";
    pub const ASSUMPTION_ENDED: &str = "tenancy.assumption.ended.v1";
    /// Whether those above have to ask.
    pub const SUPPORT_CHANGED: &str = "tenancy.assumption.consent_changed.v1";
    /// The use of a key that is measured has passed the limit; once for each time that it does.
    pub const ENTITLEMENT_EXCEEDED: &str = "tenancy.entitlement.exceeded.v1";
    pub const PLAN_CREATED: &str = "tenancy.plan.created.v1";
    pub const PLAN_CHANGED: &str = "tenancy.plan.changed.v1";
}
