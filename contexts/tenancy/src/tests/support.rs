//! A database of a test's own with a small tree, and accounts that are kept in memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{IdempotencyKey, OpCx, OpCxParts, Role, RoleRef, Scopes, TenantKind};
use mpanel_crypto::{Token, TokenKind};
use mpanel_events::{AuditEntry, AuditFilter, Spine, list_audit};
use mpanel_http::testing;
use mpanel_identity_contract::{Accounts, Activation, InviteError, Invited, Profile};
use mpanel_kernel::clock::{Clock as _, ManualClock};
use mpanel_kernel::ids::{PlanId, TenantId, UserId};
use mpanel_kernel::names::{DomainName, EmailAddress};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Db, Reason, TenantTx, Tx};
use mpanel_tenancy_contract::{Acting, Belonging, Belongings, EntitlementKey, Entitlements as _, Memberships as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authz::ROLES;
use crate::domain::{Limits, Tenant};
use crate::service::{CreatePlan, CreateTenant, Owner, Service, Terms};
use crate::{MIGRATIONS, Tenancy};

/// Accounts in memory; one is active once [`FakeAccounts::activate`] was called.
#[derive(Default)]
pub(crate) struct FakeAccounts(Mutex<HashMap<String, (UserId, String, bool)>>);

impl FakeAccounts {
    pub(crate) fn activate(&self, email: &str) -> UserId {
        let mut accounts = self.0.lock().unwrap();
        let entry = accounts
            .entry(email.to_owned())
            .or_insert_with(|| (UserId::generate(), "Somebody".to_owned(), true));
        entry.2 = true;
        entry.0
    }
}

#[async_trait]
impl Accounts for FakeAccounts {
    async fn invite(
        &self,
        _tx: &mut TenantTx,
        _home: TenantId,
        email: &EmailAddress,
        name: &str,
        now: Timestamp,
    ) -> Result<Invited, InviteError> {
        let mut accounts = self.0.lock().unwrap();
        let entry = accounts
            .entry(email.normalised())
            .or_insert_with(|| (UserId::generate(), name.to_owned(), false));
        Ok(Invited {
            user: entry.0,
            activation: (!entry.2).then(|| Activation {
                token: Token::generate(TokenKind::Activation),
                expires_at: now + SignedDuration::from_hours(7 * 24),
            }),
        })
    }

    async fn profiles(&self, users: &[UserId]) -> Result<HashMap<UserId, Profile>, mpanel_pg::Error> {
        let accounts = self.0.lock().unwrap();
        let of = |user: &UserId| {
            let (email, (_, name, active)) = accounts.iter().find(|(_, account)| account.0 == *user)?;
            let profile = Profile {
                email: email.parse().unwrap(),
                name: name.clone(),
                active: *active,
            };
            Some((*user, profile))
        };
        Ok(users.iter().filter_map(of).collect())
    }
}

/// Another context: who has so many things of its.
#[derive(Default)]
pub(crate) struct FakeBelongings(pub(crate) Mutex<HashMap<TenantId, i64>>);

#[async_trait]
impl Belongings for FakeBelongings {
    async fn of(&self, tx: &mut TenantTx) -> Result<Vec<Belonging>, mpanel_pg::Error> {
        let count = self.0.lock().unwrap().get(&tx.tenant()).copied();
        let thing = |count| Belonging {
            code: "test.thing.own",
            what: "things",
            count,
            some: vec!["one".to_owned(), "another".to_owned()],
            remedy: "remove them",
        };
        Ok(count.map(thing).into_iter().collect())
    }
}

pub(crate) struct World {
    pub(crate) tenancy: Tenancy,
    pub(crate) service: Arc<Service>,
    pub(crate) accounts: Arc<FakeAccounts>,
    pub(crate) belongings: Arc<FakeBelongings>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) spine: Spine,
    /// The folder of archives.
    pub(crate) exports: PathBuf,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_reserved(&[]).await
    }

    pub(crate) async fn acting_via(&self, user: UserId, tenant: TenantId, via: Option<TenantId>) -> Option<Acting> {
        let mut look = self.spine.db().look().await.unwrap();
        let acting = self.tenancy.acting(&mut look, user, tenant, via, self.now()).await;
        acting.unwrap()
    }

    pub(crate) async fn acting(&self, user: UserId, tenant: TenantId) -> Option<Acting> {
        self.acting_via(user, tenant, None).await
    }

    pub(crate) async fn with_reserved(reserved: &[&str]) -> Self {
        let spine = testing::spine(&[
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            mpanel_jobs::MIGRATIONS,
            MIGRATIONS,
        ])
        .await;
        let folder = tempfile::tempdir().unwrap();
        let exports = folder.path().join("exports");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let reserved: Vec<DomainName> = reserved.iter().map(|name| name.parse().unwrap()).collect();
        let tenancy = Tenancy::open(spine.clone(), &*clock, &reserved).await.unwrap();
        let accounts = Arc::new(FakeAccounts::default());
        let belongings = Arc::new(FakeBelongings::default());
        Self {
            service: Arc::new(Service {
                tenancy: tenancy.clone(),
                accounts: accounts.clone(),
                exports: crate::service::Exports {
                    files: crate::export::ExportFiles::new(exports.clone()),
                    limits: crate::export::ExportLimits {
                        kept: SignedDuration::from_hours(168),
                        max_bytes: 1 << 20,
                    },
                },
                belongings: vec![belongings.clone()],
                grace_days: 30,
            }),
            tenancy,
            accounts,
            belongings,
            clock,
            spine,
            exports,
            _folder: folder,
        }
    }

    pub(crate) fn db(&self) -> &Db {
        self.spine.db()
    }

    pub(crate) fn parts(&self, tenant: TenantId, kind: TenantKind, role: Role) -> OpCxParts {
        testing::person((tenant, kind), role, ROLES, self.clock.clone())
    }

    pub(crate) fn cx(&self, tenant: TenantId, kind: TenantKind, role: Role) -> OpCx {
        OpCx::new(self.parts(tenant, kind, role))
    }

    /// The platform's owner.
    pub(crate) fn root(&self) -> OpCx {
        self.cx(self.tenancy.platform(), TenantKind::Platform, Role::Owner)
    }

    pub(crate) fn root_with_key(&self, key: &str, hash: u8) -> OpCx {
        let mut parts = self.parts(self.tenancy.platform(), TenantKind::Platform, Role::Owner);
        parts.idempotency = Some(IdempotencyKey {
            key: key.to_owned(),
            request_hash: [hash; 32],
        });
        OpCx::new(parts)
    }

    pub(crate) fn root_with_scopes(&self, scopes: &[&str]) -> OpCx {
        let mut parts = self.parts(self.tenancy.platform(), TenantKind::Platform, Role::Owner);
        parts.scopes = Some(Scopes::stored(scopes.iter().map(ToString::to_string).collect()));
        OpCx::new(parts)
    }

    /// The owner of a tenant.
    pub(crate) fn owner(&self, tenant: &Tenant) -> OpCx {
        self.cx(tenant.id, tenant.kind, Role::Owner)
    }

    pub(crate) async fn child(&self, cx: &OpCx, kind: TenantKind, name: &str, plan: Option<PlanId>) -> Tenant {
        let new = CreateTenant {
            plan,
            ..tenant(kind, name)
        };
        self.service.create_tenant(cx, new).await.unwrap().tenant
    }

    pub(crate) async fn reseller(&self, name: &str) -> Tenant {
        self.child(&self.root(), TenantKind::Reseller, name, None).await
    }

    pub(crate) async fn customer(&self, name: &str) -> Tenant {
        self.child(&self.root(), TenantKind::Customer, name, None).await
    }

    pub(crate) async fn plan(&self, cx: &OpCx, name: &str, entitlements: Value, oversell: bool) -> PlanId {
        let new = CreatePlan {
            name: name.to_owned(),
            terms: terms(&entitlements, oversell),
        };
        self.service.create_plan(cx, new).await.unwrap().id
    }

    pub(crate) async fn tenant_tx(&self, tenant: TenantId) -> TenantTx {
        self.db().tenant(tenant).await.unwrap()
    }

    /// The tenant's log, oldest first.
    pub(crate) async fn audit(&self, tenant: TenantId) -> Vec<AuditEntry> {
        let mut tx = self.tenant_tx(tenant).await;
        let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
            .await
            .unwrap();
        let mut entries = page.items;
        entries.reverse();
        entries
    }

    /// Events that wait to be moved to the feed: tenant and value, in order.
    pub(crate) async fn events(&self) -> Vec<(Option<TenantId>, Value)> {
        let mut tx = self.db().spine().await.unwrap();
        let rows: Vec<(Option<TenantUuid>, Value)> =
            sqlx::query_as("select tenant_id, value from spine.outbox where kind = 'event' order by id")
                .fetch_all(tx.conn())
                .await
                .unwrap();
        rows.into_iter()
            .map(|(id, value)| (id.map(TenantId::from_uuid), value))
            .collect()
    }

    /// One number of a query over all tenants.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        sqlx::query_scalar(query).fetch_one(tx.conn()).await.unwrap()
    }

    /// Makes somebody a member, who has an account.
    pub(crate) async fn joins(&self, tenant: &Tenant, email: &str, role: impl Into<RoleRef>) -> UserId {
        let user = self.accounts.activate(email);
        let mut tx = self.tenant_tx(tenant.id).await;
        self.tenancy.join(&mut tx, user, role.into(), self.now()).await.unwrap();
        tx.commit().await.unwrap();
        user
    }

    pub(crate) async fn takes(&self, tenant: TenantId, key: EntitlementKey, delta: i64) {
        let mut tx = self.tenant_tx(tenant).await;
        self.tenancy.reserve(&mut tx, key, delta).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What is counted of sites in a tenant, by all below it as well.
    pub(crate) async fn sites(&self, tenant: TenantId) -> i64 {
        let usage = self.service.usage(&self.root(), tenant).await.unwrap();
        let sites = usage.into_iter().find(|(key, ..)| *key == EntitlementKey::Sites);
        sites.map_or(0, |(_, used, _)| used)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

type TenantUuid = mpanel_kernel::ids::Uuid;

pub(crate) fn limits(entitlements: &Value) -> Limits {
    Limits::parse("/entitlements", entitlements.as_object().unwrap()).unwrap()
}

pub(crate) fn terms(entitlements: &Value, oversell: bool) -> Terms {
    Terms {
        entitlements: limits(entitlements),
        oversell,
    }
}

pub(crate) fn unlimited() -> Value {
    json!({"sites": null, "domains": null, "disk_bytes": null, "traffic_bytes_month": null})
}

pub(crate) fn tenant(kind: TenantKind, name: &str) -> CreateTenant {
    CreateTenant {
        kind,
        name: name.to_owned(),
        slug: None,
        plan: None,
        owner: None,
    }
}

pub(crate) fn person(email: &str) -> Option<Owner> {
    Some(Owner {
        email: email.parse().unwrap(),
        name: "Ada".to_owned(),
    })
}

/// The closure of the tree as `parent_id` tells it, compared with the one that is kept.
pub(crate) async fn closure_is_right(world: &World) {
    let wrong = world
        .count(
            "with recursive up (tenant_id, descendant, depth) as (
                 select t.tenant_id, t.tenant_id, 0 from tenancy.tenants t where t.state <> 'terminated'
                 union all
                 select p.parent_id, up.descendant, up.depth + 1
                 from up join tenancy.tenants p on p.tenant_id = up.tenant_id where p.parent_id is not null
             )
             select count(*) from (
                 (select tenant_id, descendant, depth from up except select * from tenancy.subtree)
                 union all
                 (select * from tenancy.subtree except select tenant_id, descendant, depth from up)
             ) different",
        )
        .await;
    assert_eq!(wrong, 0, "the tree is not what it is said to be");
}
