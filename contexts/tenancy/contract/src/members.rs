use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_authz::{Assumption, Rights, RoleRef, TenantKind};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Error, Look, TenantTx};

/// A tenant as its members see it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSummary {
    pub id: TenantId,
    pub kind: TenantKind,
    pub name: String,
    pub slug: String,
}

/// A user's place in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub tenant: TenantSummary,
    pub role: RoleRef,
    /// What the tenant calls a role that it has defined; `None` for built-in ones.
    pub role_name: Option<String>,
}

/// By what right a user acts for a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    pub kind: TenantKind,
    pub role: Rights,
    /// The ancestor whose membership is used, when the user is no member of the tenant itself.
    pub assumed_from: Option<TenantId>,
    /// The user's leave to act for it as a member of that ancestor, if one is open.
    pub assumption: Option<Assumption>,
    /// Whether those above have to ask the tenant, which programs cannot.
    pub demands_consent: bool,
    /// Whether the tenant of that membership is suspended or stands below one that is: then it is good for looking
    /// only.
    pub suspended: bool,
    /// Whether the user is a member of the platform as well, whatever tenant is acted for.
    pub of_platform: bool,
}

/// Who belongs where.
#[async_trait]
pub trait Memberships: Send + Sync + 'static {
    /// The root tenant, which exists from the first start.
    fn platform(&self) -> TenantId;

    /// By what right `user` may act for `tenant` now, if at all; in the look-up of the credential, since every
    /// request asks for both. Of several memberships that in `via` counts, the tenant for which a token was made; else the
    /// one for which an assumption is open; else the nearest. Nobody loses by being made a member further down.
    ///
    /// # Errors
    /// When the database is away.
    async fn acting(
        &self,
        look: &mut Look,
        user: UserId,
        tenant: TenantId,
        via: Option<TenantId>,
        now: Timestamp,
    ) -> Result<Option<Acting>, Error>;

    /// The tenants of which the user is a member, by name.
    ///
    /// # Errors
    /// When the database is away.
    async fn of_user(&self, user: UserId) -> Result<Vec<Membership>, Error>;

    /// Makes the user a member of the transaction's tenant, in the caller's transaction; the
    /// caller records the event.
    ///
    /// # Errors
    /// When the database is away.
    async fn join(&self, tx: &mut TenantTx, user: UserId, role: RoleRef, now: Timestamp) -> Result<(), Error>;

    /// Gives the membership that `from` has in the transaction's tenant to `to`, who keeps the own
    /// role when there is one; in the caller's transaction, and the caller records the event.
    ///
    /// # Errors
    /// When the database is away.
    async fn hand_over(&self, tx: &mut TenantTx, from: UserId, to: UserId) -> Result<(), Error>;

    /// Takes the membership that a program has in the transaction's tenant away, if there is one, in the caller's
    /// transaction; the caller records the event. People leave by tenancy's own rules.
    ///
    /// # Errors
    /// When the database is away.
    async fn leave(&self, tx: &mut TenantTx, program: UserId) -> Result<(), Error>;
}
