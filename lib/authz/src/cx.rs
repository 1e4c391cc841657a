use std::net::IpAddr;
use std::sync::Arc;

use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{ApiTokenId, AssumptionId, OperationId, RequestId, ServiceAccountId, TenantId, UserId};

use crate::permissions::{Action, ActionType, Allowed, Denied, Permissions, Resource, Role, TenantKind};
use crate::rights::{Rights, RoleRef};
use crate::scopes::Scopes;

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person in a browser.
    User(UserId),
    /// A program with a person's API token.
    Token { token: ApiTokenId, user: UserId },
    /// A program with a token of a tenant's service account, behind which is no person.
    Service {
        token: ApiTokenId,
        account: ServiceAccountId,
    },
    /// The platform itself: a reconciler, a job; named for the audit log.
    System(&'static str),
    /// The platform for whoever started an operation.
    Step(Step),
}

/// A step of an operation at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub operation: OperationId,
    /// Such as `sites.release.deploy`.
    pub kind: &'static str,
    /// Its key within the operation.
    pub key: String,
    /// Who started the operation, as [`Actor::reference`] says.
    pub starter: String,
}

impl Actor {
    /// The person behind it, if any.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::User(user) | Self::Token { user, .. } => Some(*user),
            Self::Service { .. } | Self::System(_) | Self::Step(_) => None,
        }
    }

    /// The API token that is used, if one is.
    #[must_use]
    pub fn token(&self) -> Option<ApiTokenId> {
        match self {
            Self::Token { token, .. } | Self::Service { token, .. } => Some(*token),
            Self::User(_) | Self::System(_) | Self::Step(_) => None,
        }
    }

    /// The step that acts for somebody, if one does.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        match self {
            Self::Step(step) => Some(step),
            Self::User(_) | Self::Token { .. } | Self::Service { .. } | Self::System(_) => None,
        }
    }

    /// As it stands in audit rows and events: `usr_…`, `tok_…`, `sva_…` or `system:name`. Of a step it is who started the operation.
    #[must_use]
    pub fn reference(&self) -> String {
        match self {
            Self::User(user) => user.to_string(),
            Self::Token { token, .. } => token.to_string(),
            Self::Service { account, .. } => account.to_string(),
            Self::System(name) => format!("system:{name}"),
            Self::Step(step) => step.starter.clone(),
        }
    }
}

/// What a caller sent in `Idempotency-Key`, with the SHA-256 of what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// 1 to 255 visible ASCII characters.
    pub key: String,
    /// Of method, path, query and JSON body. Of other bodies, which are not read before the request is admitted, only
    /// type and file name are in it: whoever reads one adds it by [`IdempotencyKey::with_content`].
    pub request_hash: [u8; 32],
}

impl IdempotencyKey {
    /// The same for a request with this content (SHA-256, hexadecimal): another content is another request.
    #[must_use]
    pub fn with_content(mut self, sha256: &str) -> Self {
        let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        // As good as a hash over both: for one request, the outcome differs whenever the content does.
        for (byte, pair) in self.request_hash.iter_mut().zip(sha256.as_bytes().chunks(2)) {
            *byte ^= digits(pair).unwrap_or_default();
        }
        self
    }
}

/// Why somebody acts for a tenant below the own one; that tenant sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    pub id: AssumptionId,
    /// In the words of whoever acts.
    pub reason: Arc<str>,
}

/// The parts of an [`OpCx`]; public so that the one place that admits requests can build it.
#[derive(Clone)]
pub struct OpCxParts {
    pub actor: Actor,
    pub tenant: TenantId,
    pub tenant_kind: TenantKind,
    pub role: Rights,
    pub scopes: Option<Scopes>,
    /// The ancestor whose membership is used, when the actor is no member of the tenant itself.
    pub assumed_from: Option<TenantId>,
    /// By which a person acts as a member of an ancestor. Programs that may act below have none, nor has what an ancestor
    /// does to the tenants below it by itself.
    pub assumption: Option<Assumption>,
    pub request_id: RequestId,
    pub address: Option<IpAddr>,
    pub idempotency: Option<IdempotencyKey>,
    pub clock: SharedClock,
    pub permissions: Arc<Permissions>,
}

/// What a request came from. Personal details: they go into the audit log sealed, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// As the browser or program names itself, which may be anything.
    pub user_agent: String,
    /// The session (`ses_…`) or API token (`tok_…`) that was shown.
    pub credential: Option<String>,
}

/// The context of one operation: who acts, for whom, when, and what they may do.
#[derive(Clone)]
pub struct OpCx(Arc<OpCxParts>, Option<Arc<Device>>);

impl OpCx {
    #[must_use]
    pub fn new(parts: OpCxParts) -> Self {
        Self(Arc::new(parts), None)
    }

    /// The same, by this device.
    #[must_use]
    pub fn by_device(self, device: Device) -> Self {
        Self(self.0, Some(Arc::new(device)))
    }

    /// The platform acting by itself for `tenant`; allowed everything.
    #[must_use]
    pub fn system(name: &'static str, tenant: TenantId, clock: SharedClock) -> Self {
        Self::platform(Actor::System(name), tenant, (None, None), RequestId::generate(), clock)
    }

    /// A step of an operation acting for `tenant`; allowed everything, since it was allowed to whoever started it. That
    /// request, from where its tenant was assumed and by which leave, stay on record.
    #[must_use]
    pub fn step(
        step: Step,
        tenant: TenantId,
        assumed: (Option<TenantId>, Option<Assumption>),
        request_id: RequestId,
        clock: SharedClock,
    ) -> Self {
        Self::platform(Actor::Step(step), tenant, assumed, request_id, clock)
    }

    fn platform(
        actor: Actor,
        tenant: TenantId,
        (assumed_from, assumption): (Option<TenantId>, Option<Assumption>),
        request_id: RequestId,
        clock: SharedClock,
    ) -> Self {
        Self::new(OpCxParts {
            actor,
            tenant,
            tenant_kind: TenantKind::Platform,
            role: Role::Owner.into(),
            scopes: None,
            assumed_from,
            assumption,
            request_id,
            address: None,
            idempotency: None,
            clock,
            permissions: Arc::default(),
        })
    }

    /// The same actor acting for a tenant below, if its role reaches there. The caller has looked at
    /// the tree; the audit log of that tenant shows from where it was assumed.
    #[must_use]
    pub fn for_descendant(&self, tenant: TenantId, kind: TenantKind) -> Option<Self> {
        self.0.role.reaches_descendants().then(|| {
            let mut parts = (*self.0).clone();
            parts.assumed_from = parts.assumed_from.or(Some(parts.tenant));
            parts.assumption = None;
            parts.tenant = tenant;
            parts.tenant_kind = kind;
            Self(Arc::new(parts), self.1.clone())
        })
    }

    /// Checks the role table and the token's scopes.
    ///
    /// # Errors
    /// [`Denied`]; answered as 403, so load the object first where its existence is a secret.
    pub fn authorize<R: Resource, A: ActionType>(&self, _action: A) -> Result<Allowed<R, A>, Denied> {
        if self.may(R::NAME, A::ACTION) {
            Ok(Allowed::new(self.tenant()))
        } else {
            Err(Denied {
                resource: R::NAME,
                action: A::ACTION,
            })
        }
    }

    /// Whether role and scopes allow it: for what is asked about and not done, and for what is handed on. What is done
    /// needs the proof that [`OpCx::authorize`] gives.
    #[must_use]
    pub fn may(&self, resource: &str, action: Action) -> bool {
        let p = &*self.0;
        let is_platform = matches!(p.actor, Actor::System(_) | Actor::Step(_));
        let by_role = is_platform || p.permissions.permits(&p.role, p.tenant_kind, resource, action);
        by_role && p.scopes.as_ref().is_none_or(|scopes| scopes.allows(resource, action))
    }

    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.0.actor
    }

    /// The tenant that is acted for.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.0.tenant
    }

    #[must_use]
    pub fn tenant_kind(&self) -> TenantKind {
        self.0.tenant_kind
    }

    #[must_use]
    pub fn role(&self) -> RoleRef {
        self.0.role.role()
    }

    #[must_use]
    pub fn rights(&self) -> &Rights {
        &self.0.role
    }

    #[must_use]
    pub fn scopes(&self) -> Option<&Scopes> {
        self.0.scopes.as_ref()
    }

    #[must_use]
    pub fn assumed_from(&self) -> Option<TenantId> {
        self.0.assumed_from
    }

    #[must_use]
    pub fn assumption(&self) -> Option<&Assumption> {
        self.0.assumption.as_ref()
    }

    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.0.request_id
    }

    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    #[must_use]
    pub fn device(&self) -> Option<&Device> {
        self.1.as_deref()
    }

    #[must_use]
    pub fn idempotency(&self) -> Option<&IdempotencyKey> {
        self.0.idempotency.as_ref()
    }

    /// The same with another `Idempotency-Key`, or none.
    #[must_use]
    pub fn with_idempotency(&self, key: Option<IdempotencyKey>) -> Self {
        let mut parts = (*self.0).clone();
        parts.idempotency = key;
        Self(Arc::new(parts), self.1.clone())
    }

    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.0.clock
    }

    #[must_use]
    pub fn permissions(&self) -> &Arc<Permissions> {
        &self.0.permissions
    }
}
