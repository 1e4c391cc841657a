use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{Actor, CustomRole, OpCx, OpCxParts, Rights, Role, Scopes, TenantKind};
use mpanel_crypto::{Token, TokenKind};
use mpanel_http::testing;
use mpanel_identity_contract::{Accounts, Invited};
use mpanel_kernel::clock::{Clock as _, ManualClock, SharedClock};
use mpanel_kernel::error::PublicError;
use mpanel_kernel::ids::{RequestId, RoleId, TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{Db, Migrations};
use mpanel_tenancy_contract::Memberships as _;
use tempfile::TempDir;

use super::mailbox::Mailbox;
use super::store::memberships::TestMemberships;
use crate::domain::Presence;
use crate::service::{Activate, Claim, SignIn, SignedIn};
use crate::{Authenticated, Circumstances, Error, Identity, InvitationLimits, Ports, Presented, Settings};

/// A context must not depend on another; its tables it needs all the same.
const TENANCY: Migrations = Migrations {
    schema: "tenancy",
    files: &[
        (
            "0001_tenancy",
            include_str!("../../../tenancy/migrations/0001_tenancy.sql"),
        ),
        (
            "0002_functions",
            include_str!("../../../tenancy/migrations/0002_functions.sql"),
        ),
    ],
};

pub const PASSWORD: &str = "correct horse battery staple";
pub const OWNER: &str = "olga@example.com";
pub const HOST: &str = "panel.example.com";

/// Few enough to be met by a test.
pub const LIMITS: InvitationLimits = InvitationLimits {
    per_tenant_day: 16,
    per_address_day: 12,
    waiting: 10,
};

/// An installation of its own.
pub struct World {
    pub identity: Identity,
    pub clock: Arc<ManualClock>,
    pub db: Db,
    pub memberships: Arc<TestMemberships>,
    pub mailbox: Arc<Mailbox>,
    folder: TempDir,
}

impl World {
    /// Nobody owns it yet.
    pub async fn new() -> Self {
        Self::with_limits(1000, 1000).await
    }

    pub async fn with_limits(per_address: u32, per_account: u32) -> Self {
        Self::with(per_address, per_account, None).await
    }

    /// With an operator's file of leaked passwords.
    pub async fn with_leaked(file: Option<PathBuf>) -> Self {
        Self::with(1000, 1000, file).await
    }

    async fn with(per_address: u32, per_account: u32, leaked: Option<PathBuf>) -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            mpanel_jobs::MIGRATIONS,
            TENANCY,
            crate::MIGRATIONS,
        ];
        let spine = testing::spine(&modules).await;
        let db = spine.db().clone();
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let memberships = Arc::new(TestMemberships::plant(db.clone(), clock.now()).await);
        let settings = Settings {
            rootless: true,
            logins_per_minute_address: per_address,
            logins_per_minute_account: per_account,
            guesses_burst: 1000,
            step_up: SignedDuration::from_mins(10),
            history_days: 90,
            invitations: LIMITS,
            breached_passwords_file: leaked,
        };
        let shared: SharedClock = clock.clone();
        let mailbox = Arc::new(Mailbox::default());
        let ports = Ports {
            memberships: memberships.clone(),
            roster: memberships.clone(),
            mail: mailbox.post(&spine, shared.clone()),
        };
        let identity = Identity::open(spine, shared, ports, settings).await.unwrap();
        Self {
            identity,
            clock,
            db,
            memberships,
            mailbox,
            folder,
        }
    }

    /// Owned by [`OWNER`].
    pub async fn claimed() -> Self {
        let world = Self::new().await;
        world.claim().await;
        world
    }

    pub fn claim_file(&self) -> PathBuf {
        self.folder.path().join("claim")
    }

    /// A fresh claim token.
    pub async fn claim_token(&self) -> String {
        assert!(self.identity.renew_claim(&self.claim_file()).await.unwrap());
        std::fs::read_to_string(self.claim_file())
            .unwrap()
            .trim_end()
            .to_owned()
    }

    pub async fn claim(&self) -> SignedIn {
        let token = self.claim_token().await;
        self.identity.claim(&presence(), claim(&token)).await.unwrap()
    }

    pub fn platform(&self) -> TenantId {
        self.memberships.platform()
    }

    pub async fn child(&self, parent: TenantId, kind: TenantKind) -> TenantId {
        self.memberships.child(parent, kind, self.clock.now()).await
    }

    pub async fn customer(&self) -> TenantId {
        self.child(self.platform(), TenantKind::Customer).await
    }

    /// Invites into a tenant, with a membership, as tenancy does.
    pub async fn invite(&self, email: &str, tenant: TenantId, role: Role) -> Invited {
        let now = self.clock.now();
        let mut tx = self.db.tenant(tenant).await.unwrap();
        let address = EmailAddress::parse(email).unwrap();
        let invited = self
            .identity
            .invite(&mut tx, tenant, &address, "Ada", now)
            .await
            .unwrap();
        self.memberships
            .join(&mut tx, invited.user, role.into(), now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        invited
    }

    /// A member who has set [`PASSWORD`] and is signed in.
    pub async fn member(&self, email: &str, tenant: TenantId, role: Role) -> SignedIn {
        let invited = self.invite(email, tenant, role).await;
        let token = invited.activation.unwrap().token;
        self.identity
            .activate(&presence(), activate(token.reveal()))
            .await
            .unwrap()
    }

    pub async fn sign_in(&self, email: &str, password: &str, totp: Option<&str>) -> Result<SignedIn, Error> {
        self.identity.sign_in(&presence(), sign_in(email, password, totp)).await
    }

    pub async fn authenticate(&self, token: &Token) -> Result<Authenticated, Error> {
        let presented = Presented::Session(Token::parse(TokenKind::Session, token.reveal()).unwrap());
        self.look_up(&presented, false).await
    }

    pub async fn look_up(&self, presented: &Presented, passive: bool) -> Result<Authenticated, Error> {
        self.look_up_at(presented, HOST, Some("203.0.113.7"), passive).await
    }

    pub async fn look_up_at(
        &self,
        presented: &Presented,
        host: &str,
        address: Option<&str>,
        passive: bool,
    ) -> Result<Authenticated, Error> {
        let how = Circumstances {
            host,
            address: address.map(|address| address.parse().unwrap()),
            passive,
        };
        let mut look = self.identity.0.spine.db().look().await?;
        let found = self.identity.authenticate(&mut look, presented, how).await?;
        self.identity.saw(&mut look, &found, how.address).await?;
        Ok(found)
    }

    /// What the gate makes for a signed-in person.
    pub fn cx(&self, user: UserId, tenant: TenantId) -> OpCx {
        self.cx_as(Actor::User(user), tenant, None)
    }

    /// What the gate makes for an owner of the tenant.
    pub fn owner_cx(&self, user: UserId, tenant: TenantId) -> OpCx {
        self.cx_with(Actor::User(user), tenant, Role::Owner, None)
    }

    /// What the gate makes for an admin of the tenant.
    pub fn admin_cx(&self, user: UserId, tenant: TenantId) -> OpCx {
        self.cx_with(Actor::User(user), tenant, Role::Admin, None)
    }

    /// What the gate makes for an owner of the platform.
    pub fn platform_cx(&self, user: UserId) -> OpCx {
        let tenant = self.platform();
        self.cx_of(Actor::User(user), (tenant, TenantKind::Platform), Role::Owner, None)
    }

    /// What the gate makes for an owner's token.
    pub fn owner_cx_as(&self, actor: Actor, tenant: TenantId, scopes: &[&str]) -> OpCx {
        self.cx_with(actor, tenant, Role::Owner, Some(scopes))
    }

    /// What the gate makes for somebody whose role the tenant has defined.
    pub fn custom_cx(&self, user: UserId, tenant: TenantId, permissions: &[&str]) -> OpCx {
        let role = CustomRole {
            id: RoleId::generate(),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            reaches_descendants: false,
        };
        self.cx_of(
            Actor::User(user),
            (tenant, TenantKind::Customer),
            Rights::Custom(Arc::new(role)),
            None,
        )
    }

    pub fn cx_as(&self, actor: Actor, tenant: TenantId, scopes: Option<&[&str]>) -> OpCx {
        self.cx_with(actor, tenant, Role::Developer, scopes)
    }

    fn cx_with(&self, actor: Actor, tenant: TenantId, role: Role, scopes: Option<&[&str]>) -> OpCx {
        self.cx_of(actor, (tenant, TenantKind::Customer), role, scopes)
    }

    fn cx_of(
        &self,
        actor: Actor,
        (tenant, kind): (TenantId, TenantKind),
        role: impl Into<Rights>,
        scopes: Option<&[&str]>,
    ) -> OpCx {
        OpCx::new(OpCxParts {
            actor,
            role: role.into(),
            scopes: scopes.map(|list| Scopes::stored(list.iter().map(ToString::to_string).collect())),
            ..testing::person((tenant, kind), Role::Owner, crate::authz::ROLES, self.clock.clone())
        })
    }
}

/// Somebody over HTTPS.
pub fn presence() -> Presence {
    presence_at("203.0.113.7")
}

pub fn presence_at(address: &str) -> Presence {
    Presence {
        address: Some(address.parse::<IpAddr>().unwrap()),
        secure: true,
        loopback: false,
        user_agent: "Test/1.0".to_owned(),
        request_id: RequestId::generate(),
        host: HOST.to_owned(),
        old_session: None,
    }
}

pub fn claim(token: &str) -> Claim<'_> {
    Claim {
        token,
        email: EmailAddress::parse(OWNER).unwrap(),
        name: "Olga".to_owned(),
        password: PASSWORD,
    }
}

pub fn sign_in<'a>(email: &str, password: &'a str, totp: Option<&'a str>) -> SignIn<'a> {
    SignIn {
        email: EmailAddress::parse(email).unwrap(),
        password,
        totp,
    }
}

pub fn activate(token: &str) -> Activate<'_> {
    Activate {
        token,
        name: None,
        password: PASSWORD,
        totp: None,
    }
}

/// The code of an error, whatever the success would have been.
pub fn code<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => match error.fields().first() {
            Some(field) => Box::leak(field.code.clone().into_owned().into_boxed_str()),
            None => error.code(),
        },
    }
}
