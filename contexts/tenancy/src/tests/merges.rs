//! Tenants that are taken over by another one.

mod logs;
mod people;
mod random;
mod refused;

use mpanel_authz::TenantKind;
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::{PlanId, SiteId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Tx as _};
use mpanel_tenancy_contract::{Described, EntitlementKey, Item, ItemKind, Subject};
use serde_json::json;
use tokio::task::JoinSet;

use crate::domain::merge::Merge;
use crate::domain::{Limits, Query, Tenant, TenantState};
use crate::error::Error;
use crate::service::{CreateTenant, Merging, Outlook};
use crate::store;
use crate::tests::support::{World, closure_is_right, tenant, terms, unlimited};

/// Two resellers of the platform. The one that is sold has a reseller with a customer, and two customers, of which one is on an
/// older version of its plan.
struct Scene {
    world: World,
    buyer: Tenant,
    sold: Tenant,
    below: Tenant,
    deep: Tenant,
    old: Tenant,
    new: Tenant,
    basic: PlanId,
}

const SITES: EntitlementKey = EntitlementKey::Sites;

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let root = world.root();
        let all = world.plan(&root, "All", unlimited(), true).await;
        let buyer = world.child(&root, TenantKind::Reseller, "Buyer", Some(all)).await;
        let sold = world.child(&root, TenantKind::Reseller, "Sold", Some(all)).await;
        world
            .plan(&world.owner(&buyer), "BASIC", json!({"sites": 1}), false)
            .await;
        let cx = world.owner(&sold);
        let basic = world.plan(&cx, "Basic", json!({"sites": 5}), false).await;
        let more = world.plan(&cx, "More", json!({"sites": 20, "domains": 20}), true).await;
        world.plan(&cx, "Nobody's", json!({"sites": 7}), false).await;
        let old = world.child(&cx, TenantKind::Customer, "Old", Some(basic)).await;
        let better = terms(&json!({"sites": 6}), false);
        world.service.add_plan_version(&cx, basic, better).await.unwrap();
        let new = world.child(&cx, TenantKind::Customer, "New", Some(basic)).await;
        let below = world.child(&cx, TenantKind::Reseller, "Below", Some(more)).await;
        let cx = world.owner(&below);
        let few = world.plan(&cx, "Few", json!({"sites": 2}), false).await;
        let deep = world.child(&cx, TenantKind::Customer, "Deep", Some(few)).await;
        world.takes(old.id, SITES, 3).await;
        world.takes(deep.id, SITES, 2).await;
        Self {
            world,
            buyer,
            sold,
            below,
            deep,
            old,
            new,
            basic,
        }
    }

    fn how(&self) -> Merging {
        how(&self.sold, &self.buyer, 4)
    }

    async fn merge(&self) -> Tenant {
        let root = self.world.root();
        self.world
            .service
            .merge_tenant(&root, self.sold.id, self.how())
            .await
            .unwrap()
    }

    async fn outlook(&self) -> Merge {
        let wanted = Outlook {
            into: Some(self.buyer.id),
            members: true,
        };
        let root = self.world.root();
        self.world.service.outlook(&root, self.sold.id, wanted).await.unwrap()
    }

    async fn get(&self, tenant: &Tenant) -> Tenant {
        self.world
            .service
            .get_tenant(&self.world.root(), tenant.id)
            .await
            .unwrap()
    }

    async fn limits(&self, tenant: &Tenant) -> Vec<(EntitlementKey, i64, Option<i64>)> {
        self.world.service.usage(&self.world.root(), tenant.id).await.unwrap()
    }
}

fn how(from: &Tenant, into: &Tenant, below: i64) -> Merging {
    Merging {
        into: into.id,
        name: from.name.clone(),
        tenants_below: Some(below),
        members: true,
        grace_days: None,
    }
}

#[tokio::test]
async fn everybody_below_goes_along_and_nobodys_limits_change() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let all = [&scene.old, &scene.new, &scene.below, &scene.deep];
    let mut before = Vec::new();
    for one in all {
        before.push(scene.limits(one).await);
    }
    let left = scene.merge().await;
    assert_eq!(left.state, TenantState::Terminating);
    assert!(left.ends_at.is_some());
    for (one, before) in all.into_iter().zip(before) {
        assert_eq!(scene.limits(one).await, before, "{}", one.name);
    }
    assert_eq!(
        (world.sites(scene.sold.id).await, world.sites(scene.buyer.id).await),
        (0, 5)
    );
    closure_is_right(world).await;

    let (old, new) = (scene.get(&scene.old).await, scene.get(&scene.new).await);
    assert_eq!(old.parent_id, Some(scene.buyer.id));
    assert_eq!(old.version, scene.old.version + 1);
    let (old, new) = (old.plan.unwrap(), new.plan.unwrap());
    assert_eq!(
        (old.name.as_str(), old.version, new.version),
        ("Basic (2)", 1, 2),
        "a plan of this name, in capitals, was there"
    );
    assert_eq!(old.id, new.id);
    assert_ne!(old.id, scene.basic);
    assert_eq!(scene.get(&scene.deep).await.parent_id, Some(scene.below.id));
    let plans = world
        .service
        .list_plans(&world.owner(&scene.buyer), PageRequest::default())
        .await
        .unwrap();
    let names: Vec<(&str, i64)> = plans
        .items
        .iter()
        .map(|plan| (plan.name.as_str(), plan.subscribers))
        .collect();
    assert_eq!(
        names,
        [("BASIC", 0), ("Basic (2)", 2), ("More", 1)],
        "what nobody is on stays"
    );

    // The new seller is theirs in all respects, and the old one sees none of them.
    let buyer = world.owner(&scene.buyer);
    let on = world
        .service
        .subscribe(&buyer, scene.new.id, old.id, &Limits::default())
        .await
        .unwrap();
    assert_eq!(on.plan.unwrap().version, 2);
    world.takes(scene.deep.id, SITES, -1).await;
    assert_eq!(world.sites(scene.buyer.id).await, 4);
    let gone = world.service.get_tenant(&world.owner(&scene.sold), scene.deep.id).await;
    assert!(matches!(gone, Err(Error::NotFound)));
}

#[tokio::test]
async fn what_is_left_can_be_restored_with_nobody_below_it() {
    let scene = Scene::new().await;
    let world = &scene.world;
    scene.merge().await;
    let again = world
        .service
        .merge_tenant(&world.root(), scene.sold.id, scene.how())
        .await;
    assert!(matches!(again, Err(Error::Ending)));
    let restored = world
        .service
        .restore_tenant(&world.root(), scene.sold.id)
        .await
        .unwrap();
    assert_eq!(restored.state, TenantState::Active);
    assert_eq!(restored.parent_id, Some(world.tenancy.platform()));
    let below = world
        .service
        .list_tenants(&world.owner(&scene.sold), None, PageRequest::default())
        .await
        .unwrap();
    assert!(below.items.is_empty());
    // It goes on as before, and may be taken over once more.
    let cx = world.owner(&scene.sold);
    world
        .child(&cx, TenantKind::Customer, "Another", Some(scene.basic))
        .await;
    let merging = how(&scene.sold, &scene.buyer, 1);
    world
        .service
        .merge_tenant(&world.root(), scene.sold.id, merging)
        .await
        .unwrap();
    closure_is_right(world).await;
    let names = "select count(*) from tenancy.plans where name like 'Basic%' and tenant_id <> (
        select tenant_id from tenancy.tenants where name = 'Sold')";
    assert_eq!(world.count(names).await, 2, "Basic (2) and Basic (3)");
}

#[tokio::test]
async fn a_tenant_goes_into_the_one_above_it_and_into_one_far_from_it() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let root = world.root();
    let service = &world.service;
    // Into its own seller: who stands above that has counted everything before.
    service
        .merge_tenant(&root, scene.below.id, how(&scene.below, &scene.sold, 1))
        .await
        .unwrap();
    assert_eq!(
        (world.sites(scene.sold.id).await, world.sites(scene.below.id).await),
        (5, 0)
    );
    assert_eq!(scene.get(&scene.deep).await.parent_id, Some(scene.sold.id));
    closure_is_right(world).await;
    // What ends goes along as well, and ends below the other.
    service.merge_tenant(&root, scene.sold.id, scene.how()).await.unwrap();
    let ending = scene.get(&scene.below).await;
    assert_eq!(
        (ending.state, ending.parent_id),
        (TenantState::Terminating, Some(scene.buyer.id))
    );
    // And into the acting tenant itself.
    service
        .merge_tenant(&root, scene.buyer.id, {
            let mut into = how(&scene.buyer, &scene.buyer, 4);
            into.into = root.tenant();
            into
        })
        .await
        .unwrap();
    assert_eq!(scene.get(&scene.deep).await.parent_id, Some(root.tenant()));
    assert_eq!(world.sites(scene.buyer.id).await, 0);
    closure_is_right(world).await;
    world.takes(scene.deep.id, SITES, -2).await;
}

#[tokio::test]
async fn customers_without_anything_go_into_each_other() {
    let world = World::new().await;
    let (one, other) = (world.customer("One").await, world.customer("Other").await);
    let user = world
        .joins(&one, "ada@example.com", mpanel_authz::Role::Developer)
        .await;
    world
        .service
        .merge_tenant(&world.root(), one.id, how(&one, &other, 0))
        .await
        .unwrap();
    assert!(world.acting(user, other.id).await.is_some());
}

#[tokio::test]
async fn asked_twice_with_one_key_it_is_done_once() {
    let scene = Scene::new().await;
    let service = &scene.world.service;
    let first = service
        .merge_tenant(&scene.world.root_with_key("k", 1), scene.sold.id, scene.how())
        .await
        .unwrap();
    let again = service
        .merge_tenant(&scene.world.root_with_key("k", 1), scene.sold.id, scene.how())
        .await
        .unwrap();
    assert_eq!(first, again);
    let other = service
        .merge_tenant(&scene.world.root_with_key("k", 2), scene.sold.id, scene.how())
        .await;
    assert_eq!(
        other.err().unwrap().kind(),
        Kind::Invalid,
        "the key came with another request"
    );
}

#[tokio::test]
async fn what_will_be_done_is_shown_before_and_nothing_is_changed_by_that() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let before = world.audit(scene.sold.id).await.len();
    let shown = scene.outlook().await;
    assert_eq!((shown.children, shown.below), (3, 4));
    let plans: Vec<_> = shown
        .plans
        .iter()
        .map(|plan| (plan.name.as_str(), plan.becomes.as_str(), plan.subscribers))
        .collect();
    assert_eq!(plans, [("Basic", "Basic (2)", 2), ("More", "More", 1)]);
    assert!(shown.in_the_way.is_empty(), "{:?}", shown.in_the_way);
    assert_eq!(scene.get(&scene.sold).await, scene.sold);
    assert_eq!(world.audit(scene.sold.id).await.len(), before);
}

#[tokio::test]
async fn what_they_have_is_found_by_those_above_them_now() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    let site = |owner: &Tenant, name: &str| Described {
        subject: Subject::Site(SiteId::generate()),
        owner: owner.id,
        items: [ItemKind::Site, ItemKind::Domain]
            .map(|kind| Item {
                kind,
                name: format!("{name}.example"),
                status: "active",
            })
            .to_vec(),
    };
    let things = [
        site(&scene.deep, "deep"),
        site(&scene.old, "old"),
        site(&scene.buyer, "bought"),
    ];
    store::resources::describe(&mut tx, &things).await.unwrap();
    tx.commit().await.unwrap();
    let found = async |tenant: &Tenant| {
        let query = Query::of(None, None);
        let found = world
            .service
            .find(&world.owner(tenant), &query, PageRequest::default())
            .await;
        found.unwrap().items.len()
    };
    assert_eq!(
        [
            found(&scene.sold).await,
            found(&scene.buyer).await,
            found(&scene.below).await
        ],
        [4, 2, 2]
    );
    scene.merge().await;
    assert_eq!(
        [
            found(&scene.sold).await,
            found(&scene.buyer).await,
            found(&scene.below).await
        ],
        [0, 6, 2]
    );
    let root = world
        .service
        .find(&world.root(), &Query::of(None, None), PageRequest::default())
        .await
        .unwrap();
    assert_eq!(root.items.len(), 6, "who stands above both finds what was found before");
}

#[tokio::test]
async fn nothing_is_lost_or_counted_twice_while_they_count() {
    let scene = std::sync::Arc::new(Scene::new().await);
    let mut writers = JoinSet::new();
    for tenant in [scene.old.id, scene.new.id, scene.deep.id, scene.below.id] {
        let scene = scene.clone();
        writers.spawn(async move {
            use mpanel_tenancy_contract::Entitlements as _;
            for round in 0..60 {
                let mut tx = scene.world.tenant_tx(tenant).await;
                let delta = if round % 2 == 0 { 1 } else { -1 };
                let reserved = scene.world.tenancy.reserve(&mut tx, SITES, delta).await;
                // Full or not, what was taken is given back.
                if reserved.is_err() {
                    return;
                }
                tx.commit().await.unwrap();
            }
        });
    }
    scene.merge().await;
    let back = how(&scene.buyer, &scene.sold, 4);
    let root = scene.world.root();
    scene.world.service.restore_tenant(&root, scene.sold.id).await.unwrap();
    scene
        .world
        .service
        .merge_tenant(&root, scene.buyer.id, back)
        .await
        .unwrap();
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(
        (
            scene.world.sites(scene.sold.id).await,
            scene.world.sites(scene.buyer.id).await
        ),
        (5, 0)
    );
    closure_is_right(&scene.world).await;
}

#[tokio::test]
async fn who_comes_below_while_it_is_done_goes_along_or_is_refused() {
    let scene = std::sync::Arc::new(Scene::new().await);
    let mut writers = JoinSet::new();
    for n in 0..8 {
        let scene = scene.clone();
        writers.spawn(async move {
            let cx = scene.world.owner(&scene.sold);
            let new = CreateTenant {
                plan: Some(scene.basic),
                ..tenant(TenantKind::Customer, &format!("Late {n}"))
            };
            scene.world.service.create_tenant(&cx, new).await.is_ok()
        });
    }
    // Until nobody comes between seeing how many there are and saying so.
    loop {
        let below = scene.outlook().await.below;
        let merging = how(&scene.sold, &scene.buyer, below);
        match scene
            .world
            .service
            .merge_tenant(&scene.world.root(), scene.sold.id, merging)
            .await
        {
            Ok(_) => break,
            Err(Error::Invalid(fields)) => assert_eq!(fields[0].pointer, "/tenants_below"),
            Err(error) => panic!("{error:?}"),
        }
    }
    let mut made = 0;
    while let Some(done) = writers.join_next().await {
        made += i64::from(done.unwrap());
    }
    closure_is_right(&scene.world).await;
    let below = "select count(*) from tenancy.tenants c join tenancy.tenants p on p.tenant_id = c.parent_id where p.name = 'Sold'";
    assert_eq!(scene.world.count(below).await, 0);
    let buyer = scene.world.owner(&scene.buyer);
    let all = scene
        .world
        .service
        .list_tenants(&buyer, Some(scene.buyer.id), PageRequest::default())
        .await
        .unwrap();
    assert_eq!(all.items.len() as i64, 3 + made);
}

#[tokio::test]
async fn thousands_go_along_in_one_step() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    for statement in [
        "insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at)
         select gen_random_uuid(), $1, 'customer', 'C' || n, 'many', now() from generate_series(1, 2000) n",
        "insert into tenancy.subtree (tenant_id, descendant, depth)
         select up.tenant_id, t.tenant_id, up.depth + 1
         from tenancy.tenants t join tenancy.subtree up on up.descendant = t.parent_id where t.parent_id = $1 and t.slug = 'many'
         union all select t.tenant_id, t.tenant_id, 0 from tenancy.tenants t where t.parent_id = $1 and t.slug = 'many'",
    ] {
        sqlx::query(statement).bind(scene.below.id.uuid()).execute(tx.conn()).await.unwrap();
    }
    tx.commit().await.unwrap();
    world
        .service
        .merge_tenant(&world.root(), scene.below.id, how(&scene.below, &scene.buyer, 2001))
        .await
        .unwrap();
    closure_is_right(world).await;
    let told = "select count(*) from spine.audit where action = 'tenancy.tenant.moved'";
    assert_eq!(world.count(told).await, 2001, "each is told");
}
