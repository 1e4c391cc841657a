//! Tenants that end, with everybody below them.

mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_authz::{Role, TenantKind};
use mpanel_jobs::Reconciler as _;
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;
use mpanel_tenancy_contract::{
    ClaimKind, EntitlementKey, Entitlements as _, EraseError, Erased, Eraser, Memberships as _, NameClaims as _,
    Suspensions as _,
};
use serde_json::json;

use crate::domain::{Tenant, TenantState};
use crate::ending::Ending;
use crate::error::Error;
use crate::service::{End, TenantPatch};
use crate::tests::support::{World, unlimited};

/// A context that needs to be asked twice, and writes down in which order it was.
#[derive(Default)]
struct Slow {
    asked: Mutex<Vec<TenantId>>,
    left: Mutex<BTreeMap<TenantId, u32>>,
    broken: Mutex<BTreeSet<TenantId>>,
}

impl Slow {
    fn order(&self) -> Vec<TenantId> {
        let mut order = self.asked.lock().unwrap().clone();
        order.dedup();
        order
    }
}

#[async_trait]
impl Eraser for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    async fn erase(&self, tenant: TenantId) -> Result<Erased, EraseError> {
        if self.broken.lock().unwrap().contains(&tenant) {
            return Err("it does not go".into());
        }
        let mut left = self.left.lock().unwrap();
        let left = left.entry(tenant).or_insert(1);
        if *left > 0 {
            *left -= 1;
            return Ok(Erased::Going);
        }
        self.asked.lock().unwrap().push(tenant);
        Ok(Erased::All)
    }
}

fn end(tenant: &Tenant, below: u32) -> End {
    End {
        name: tenant.name.clone(),
        grace_days: None,
        tenants_below: Some(below.into()),
    }
}

struct Scene {
    world: World,
    slow: Arc<Slow>,
    reseller: Tenant,
    below: Tenant,
    customer: Tenant,
    sibling: Tenant,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let root = world.root();
        let all = world.plan(&root, "All", unlimited(), true).await;
        let reseller = world.child(&root, TenantKind::Reseller, "Reseller", Some(all)).await;
        let sibling = world.child(&root, TenantKind::Customer, "Sibling", Some(all)).await;
        let cx = world.owner(&reseller);
        let plan = world.plan(&cx, "Some", json!({"sites": 5, "domains": 5}), true).await;
        let below = world.child(&cx, TenantKind::Reseller, "Below", Some(plan)).await;
        let cx = world.owner(&below);
        let plan = world.plan(&cx, "Few", json!({"sites": 5, "domains": 5}), true).await;
        let customer = world.child(&cx, TenantKind::Customer, "Customer", Some(plan)).await;
        Self {
            world,
            slow: Arc::default(),
            reseller,
            below,
            customer,
            sibling,
        }
    }

    /// A server that starts anew.
    fn ending(&self) -> Ending {
        Ending::new(
            self.world.tenancy.clone(),
            self.world.clock.clone(),
            vec![self.slow.clone()],
        )
    }

    async fn end(&self, tenant: &Tenant, below: u32) -> Tenant {
        let root = self.world.root();
        self.world
            .service
            .end_tenant(&root, tenant.id, end(tenant, below))
            .await
            .unwrap()
    }

    async fn state(&self, tenant: &Tenant) -> Option<TenantState> {
        let found = self.world.service.get_tenant(&self.world.root(), tenant.id).await;
        found.ok().map(|tenant| tenant.state)
    }

    fn days_pass(&self, days: i64) {
        self.world.clock.advance(SignedDuration::from_hours(24 * days));
    }

    async fn suspended(&self) -> Vec<TenantId> {
        let mut tx = self.world.db().platform(Reason::Administer("test")).await.unwrap();
        let found = self.world.tenancy.suspended(&mut tx).await.unwrap();
        let mut all: Vec<_> = found.into_iter().map(|one| one.tenant).collect();
        all.sort();
        all
    }

    /// Passes until nothing is left to do.
    async fn settle(&self) {
        for _ in 0..20 {
            self.ending().pass().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_ends_is_as_good_as_suspended_and_can_be_restored_until_its_time_is_over() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let before = scene.state(&scene.reseller).await;
    let ending = scene.end(&scene.reseller, 2).await;
    assert_eq!(ending.state, TenantState::Terminating);
    assert_eq!(ending.ends_at, Some(world.now() + SignedDuration::from_hours(30 * 24)));
    let mut gone = vec![scene.reseller.id, scene.below.id, scene.customer.id];
    gone.sort();
    assert_eq!(scene.suspended().await, gone, "with everybody below");
    let mut tx = world.tenant_tx(scene.customer.id).await;
    let refused = world.tenancy.reserve(&mut tx, EntitlementKey::Sites, 1).await;
    assert_eq!(refused.unwrap_err().kind(), Kind::Forbidden);
    drop(tx);

    scene.days_pass(29);
    scene.settle().await;
    assert!(scene.slow.order().is_empty(), "its time is not over");
    let restored = world
        .service
        .restore_tenant(&world.root(), scene.reseller.id)
        .await
        .unwrap();
    assert_eq!((Some(restored.state), restored.ends_at), (before, None));
    assert!(scene.suspended().await.is_empty());
    scene.days_pass(10);
    scene.settle().await;
    assert_eq!(scene.state(&scene.customer).await, Some(TenantState::Active));
    for tenant in [world.tenancy.platform(), scene.reseller.id] {
        let actions: Vec<String> = world
            .audit(tenant)
            .await
            .into_iter()
            .map(|entry| entry.action)
            .collect();
        assert!(
            actions.ends_with(&["tenancy.tenant.ending".to_owned(), "tenancy.tenant.restored".to_owned()]),
            "{actions:?}"
        );
    }
}

#[tokio::test]
async fn who_was_suspended_before_is_so_again_when_restored() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let patch = || TenantPatch {
        name: None,
        state: Some(TenantState::Suspended),
        seen: None,
    };
    world
        .service
        .update_tenant(&world.root(), scene.sibling.id, patch())
        .await
        .unwrap();
    scene.end(&scene.sibling, 0).await;
    let refused = world
        .service
        .update_tenant(&world.root(), scene.sibling.id, patch())
        .await
        .err()
        .unwrap();
    assert_eq!(refused.code(), "tenancy.tenant.ending");
    let restored = world
        .service
        .restore_tenant(&world.root(), scene.sibling.id)
        .await
        .unwrap();
    assert_eq!(restored.state, TenantState::Suspended);
    let again = world
        .service
        .restore_tenant(&world.root(), scene.sibling.id)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (again.kind(), again.code()),
        (Kind::Conflict, "tenancy.tenant.not_ending")
    );
}

#[tokio::test]
async fn everything_below_goes_from_the_leaves_up_and_nothing_beside_it() {
    let scene = Scene::new().await;
    let world = &scene.world;
    for (name, tenant) in [("carl", &scene.customer), ("sue", &scene.sibling)] {
        let mut tx = world.tenant_tx(tenant.id).await;
        let user = world.accounts.activate(&format!("{name}@example.com"));
        world
            .tenancy
            .join(&mut tx, user, Role::Owner.into(), world.now())
            .await
            .unwrap();
        world.tenancy.reserve(&mut tx, EntitlementKey::Sites, 2).await.unwrap();
        let domain = format!("{name}.example").parse().unwrap();
        world.tenancy.claim(&mut tx, &domain, ClaimKind::Site).await.unwrap();
        tx.commit().await.unwrap();
    }
    scene.end(&scene.reseller, 2).await;
    scene.days_pass(31);
    scene.ending().pass().await.unwrap();
    let late = world
        .service
        .restore_tenant(&world.root(), scene.reseller.id)
        .await
        .err()
        .unwrap();
    assert_eq!(late.code(), "tenancy.tenant.ending", "there is no way back");
    scene.settle().await;

    assert_eq!(
        scene.slow.order(),
        [scene.customer.id, scene.below.id, scene.reseller.id]
    );
    for tenant in [&scene.reseller, &scene.below, &scene.customer] {
        assert_eq!(scene.state(tenant).await, None, "to nobody it is there");
    }
    assert_eq!(scene.state(&scene.sibling).await, Some(TenantState::Active));
    assert_eq!(
        world
            .count("select count(*) from tenancy.tenants where state = 'terminated' and ended_at is not null")
            .await,
        3
    );
    assert_eq!(
        world.count("select count(*) from tenancy.members").await,
        1,
        "the sibling's"
    );
    assert_eq!(world.count("select count(*) from tenancy.claims").await, 1);
    assert_eq!(
        world.count("select count(*) from tenancy.counters c join tenancy.tenants t using (tenant_id) where t.state = 'terminated'").await,
        0
    );
    assert_eq!(
        world
            .count("select sum(used)::bigint from tenancy.counters where key = 'sites'")
            .await,
        2
    );
    let user = world.accounts.activate("carl@example.com");
    assert!(world.acting(user, scene.customer.id).await.is_none());
    let entry = world.audit(scene.reseller.id).await.pop().unwrap();
    assert_eq!(
        (entry.action.as_str(), entry.subject),
        ("tenancy.tenant.ended", scene.reseller.id.to_string())
    );
    let entry = world.audit(world.tenancy.platform()).await.pop().unwrap();
    assert_eq!(entry.action, "tenancy.tenant.ended", "its seller is told");
}

/// Rows that name a tenant by table; what a tombstone keeps is listed with its reason.
async fn rows_left(world: &World, tenant: TenantId) -> Vec<String> {
    const KEPT: [&str; 4] = [
        // The tombstone itself, and what it has sold: versions of plans never change.
        "tenancy.tenants",
        "tenancy.plans",
        "tenancy.plan_versions",
        // What was used may still have to be billed.
        "tenancy.measured",
    ];
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    let tables: Vec<(String, i64)> = sqlx::query_as(
        "select c.table_schema || '.' || c.table_name,
                (xpath('/row/n/text()', query_to_xml(format(
                    'select count(*) as n from %I.%I where tenant_id = %L', c.table_schema, c.table_name, $1
                ), false, true, '')))[1]::text::bigint
         from information_schema.columns c
         where c.column_name = 'tenant_id' and c.table_schema = 'tenancy' order by 1",
    )
    .bind(tenant.uuid())
    .fetch_all(mpanel_pg::Tx::conn(&mut tx))
    .await
    .unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let left = tables
        .into_iter()
        .filter(|(table, rows)| *rows > 0 && !KEPT.contains(&table.as_str()));
    left.map(|(table, _)| table).collect()
}

#[tokio::test]
async fn of_one_that_is_gone_nothing_stays_but_what_has_a_reason() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let mut tx = world.tenant_tx(scene.customer.id).await;
    let user = world.accounts.activate("carl@example.com");
    world
        .tenancy
        .join(&mut tx, user, Role::Owner.into(), world.now())
        .await
        .unwrap();
    world.tenancy.reserve(&mut tx, EntitlementKey::Sites, 2).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!rows_left(world, scene.customer.id).await.is_empty());
    scene.end(&scene.reseller, 2).await;
    scene.days_pass(31);
    scene.settle().await;
    for tenant in [&scene.reseller, &scene.below, &scene.customer] {
        assert_eq!(rows_left(world, tenant.id).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn more_that_came_below_than_was_agreed_to_is_asked_about() {
    let scene = Scene::new().await;
    let world = &scene.world;
    scene.end(&scene.sibling, 0).await;
    scene.end(&scene.reseller, 2).await;
    // As if a move had been under way: nobody gets tenants below one that ends.
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    for statement in [
        "insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at)
         select gen_random_uuid(), $1, 'customer', 'C' || n, 'late', now() from generate_series(1, 20) n",
        "insert into tenancy.subtree (tenant_id, descendant, depth)
         select up.tenant_id, t.tenant_id, up.depth + 1
         from tenancy.tenants t join tenancy.subtree up on up.descendant = $1 where t.slug = 'late'
         union all select t.tenant_id, t.tenant_id, 0 from tenancy.tenants t where t.slug = 'late' and t.parent_id = $1",
    ] {
        use mpanel_pg::Tx as _;
        sqlx::query(statement).bind(scene.reseller.id.uuid()).execute(tx.conn()).await.unwrap();
    }
    tx.commit().await.unwrap();
    scene.days_pass(31);
    for _ in 0..3 {
        let error = scene.ending().pass().await.unwrap_err().to_string();
        assert!(error.contains("would delete 23 of 2"), "{error}");
    }
    assert_eq!(
        scene.slow.order(),
        [scene.sibling.id],
        "what was agreed to goes all the same"
    );
    scene.end(&scene.reseller, 22).await;
    scene.days_pass(31);
    scene.settle().await;
    assert_eq!(
        world
            .count("select count(*) from tenancy.tenants where state <> 'terminated'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_tenant_ends_by_its_name_and_with_all_below_it_counted() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let root = world.root();
    let refused = async |cx: &mpanel_authz::OpCx, tenant: &Tenant, how: End| {
        let error = world.service.end_tenant(cx, tenant.id, how).await.err().unwrap();
        (
            error.kind(),
            error.fields().first().map(|field| field.pointer.to_string()),
        )
    };
    let mut other = end(&scene.sibling, 0);
    other.name = "Siblin".to_owned();
    assert_eq!(
        refused(&root, &scene.sibling, other).await,
        (Kind::Invalid, Some("/name".to_owned()))
    );
    assert_eq!(
        refused(&root, &scene.reseller, end(&scene.reseller, 1)).await,
        (Kind::Invalid, Some("/tenants_below".to_owned()))
    );
    let mut soon = end(&scene.below, 1);
    soon.grace_days = Some(1);
    let seller = world.owner(&scene.reseller);
    assert_eq!(
        refused(&seller, &scene.below, soon).await,
        (Kind::Invalid, Some("/grace_days".to_owned()))
    );
    let own = world.owner(&scene.customer);
    assert_eq!(
        refused(&own, &scene.customer, end(&scene.customer, 0)).await.0,
        Kind::Conflict
    );
    assert_eq!(
        refused(&own, &scene.sibling, end(&scene.sibling, 0)).await.0,
        Kind::NotFound
    );
    let viewer = world.cx(world.tenancy.platform(), TenantKind::Platform, Role::Viewer);
    assert_eq!(
        refused(&viewer, &scene.sibling, end(&scene.sibling, 0)).await.0,
        Kind::Forbidden
    );
    let restored = world.service.restore_tenant(&viewer, scene.sibling.id).await;
    assert!(matches!(restored, Err(Error::Denied(_))));

    // The platform may leave no time at all.
    let mut at_once = end(&scene.sibling, 0);
    at_once.grace_days = Some(0);
    world
        .service
        .end_tenant(&root, scene.sibling.id, at_once)
        .await
        .unwrap();
    scene.settle().await;
    assert_eq!(scene.state(&scene.sibling).await, None);
}

#[tokio::test]
async fn a_pass_tells_when_the_next_time_is_over() {
    let scene = Scene::new().await;
    assert_eq!(scene.ending().pass().await.unwrap().again, None);
    scene.end(&scene.sibling, 0).await;
    let report = scene.ending().pass().await.unwrap();
    assert_eq!(report.again, Some(std::time::Duration::from_secs(30 * 24 * 3600)));
}
