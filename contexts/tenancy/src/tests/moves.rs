//! Tenants that go to another seller.

use mpanel_authz::{Role, TenantKind};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::{PlanId, TenantId};
use mpanel_pg::{Reason, Tx as _};
use mpanel_tenancy_contract::{EntitlementKey, Entitlements as _};
use serde_json::json;
use tokio::task::JoinSet;

use crate::domain::{Limits, Tenant, TenantState};
use crate::error::Error;
use crate::service::{Move, TenantPatch};
use crate::tests::support::{World, closure_is_right, unlimited};

fn to(parent: TenantId, plan: Option<PlanId>) -> Move {
    Move {
        parent,
        plan,
        overrides: Limits::default(),
    }
}

/// Two resellers of the platform, each with a reseller below it, and a customer below the first of these.
struct Tree {
    world: World,
    left: Tenant,
    left_below: Tenant,
    right: Tenant,
    right_below: Tenant,
    customer: Tenant,
    /// Plans of `left_below` and `right_below`.
    old_plan: PlanId,
    new_plan: PlanId,
}

impl Tree {
    async fn grow() -> Self {
        let world = World::new().await;
        let root = world.root();
        let all = world.plan(&root, "All", unlimited(), true).await;
        let mut sellers = Vec::new();
        for name in ["Left", "Right"] {
            let above = world.child(&root, TenantKind::Reseller, name, Some(all)).await;
            let cx = world.owner(&above);
            let ten = json!({"sites": 10, "domains": 10, "disk_bytes": 1000, "traffic_bytes_month": null});
            let plan = world.plan(&cx, "Ten", ten, true).await;
            let below = world
                .child(&cx, TenantKind::Reseller, &format!("{name} below"), Some(plan))
                .await;
            let five = world
                .plan(
                    &world.owner(&below),
                    "Five",
                    json!({"sites": 5, "disk_bytes": 900}),
                    true,
                )
                .await;
            sellers.push((above, below, five));
        }
        let [(left, left_below, old_plan), (right, right_below, new_plan)] = sellers.try_into().unwrap();
        let cx = world.owner(&left_below);
        let customer = world.child(&cx, TenantKind::Customer, "Customer", Some(old_plan)).await;
        Self {
            world,
            left,
            left_below,
            right,
            right_below,
            customer,
            old_plan,
            new_plan,
        }
    }

    async fn used_by_all(&self) -> [i64; 5] {
        [
            self.world.sites(self.left.id).await,
            self.world.sites(self.left_below.id).await,
            self.world.sites(self.right.id).await,
            self.world.sites(self.right_below.id).await,
            self.world.sites(self.customer.id).await,
        ]
    }
}

#[tokio::test]
async fn a_moved_tenant_counts_and_is_sold_to_at_its_new_place() {
    let tree = Tree::grow().await;
    let world = &tree.world;
    tree.world.takes(tree.customer.id, EntitlementKey::Sites, 3).await;
    tree.world.takes(tree.left_below.id, EntitlementKey::Sites, 1).await;
    assert_eq!(tree.used_by_all().await, [4, 4, 0, 0, 3]);

    let moved = world
        .service
        .move_tenant(
            &world.root(),
            tree.customer.id,
            to(tree.right_below.id, Some(tree.new_plan)),
        )
        .await
        .unwrap();
    assert_eq!(moved.parent_id, Some(tree.right_below.id));
    assert_eq!(moved.plan.map(|plan| plan.id), Some(tree.new_plan));
    assert_eq!(moved.version, tree.customer.version + 1);
    assert_eq!(tree.used_by_all().await, [1, 1, 3, 3, 3]);
    closure_is_right(world).await;
    let old = world
        .service
        .get_tenant(&world.owner(&tree.left), tree.customer.id)
        .await;
    assert!(matches!(old, Err(Error::NotFound)), "the old sellers no longer see it");
    let new = world
        .service
        .get_tenant(&world.owner(&tree.right), tree.customer.id)
        .await;
    assert!(new.is_ok());
    // What it takes from now on counts there as well.
    tree.world.takes(tree.customer.id, EntitlementKey::Sites, 1).await;
    assert_eq!(tree.used_by_all().await, [1, 1, 4, 4, 4]);

    for (tenant, facts) in [
        (world.tenancy.platform(), (true, true)),
        (tree.customer.id, (true, true)),
        (tree.left_below.id, (true, false)),
        (tree.right_below.id, (false, true)),
    ] {
        let entry = world.audit(tenant).await.pop().unwrap();
        assert_eq!(
            (entry.action.as_str(), entry.subject),
            ("tenancy.tenant.moved", tree.customer.id.to_string())
        );
        assert_eq!(
            (entry.before.is_some(), entry.after.is_some()),
            facts,
            "each learns its own part"
        );
    }
    let again = to(tree.right_below.id, Some(tree.new_plan));
    let again = world
        .service
        .move_tenant(&world.root(), tree.customer.id, again)
        .await
        .unwrap();
    assert_eq!(again.version, moved.version, "it stands there already");
}

#[tokio::test]
async fn everybody_below_moves_along_through_five_levels() {
    let tree = Tree::grow().await;
    let world = &tree.world;
    tree.world.takes(tree.customer.id, EntitlementKey::Sites, 2).await;
    let ten = json!({"sites": 10, "disk_bytes": 1000, "domains": 10, "traffic_bytes_month": null});
    let plan = world.plan(&world.owner(&tree.right_below), "Sub", ten, true).await;
    // The reseller with its customer goes below the deepest seller of the other side: platform, right, right_below, left_below, customer.
    world
        .service
        .move_tenant(&world.root(), tree.left_below.id, to(tree.right_below.id, Some(plan)))
        .await
        .unwrap();
    closure_is_right(world).await;
    assert_eq!(tree.used_by_all().await, [0, 2, 2, 2, 2]);
    let depth = world.count("select max(depth)::bigint from tenancy.subtree").await;
    assert_eq!(depth, 4);
    let seen = world
        .service
        .get_tenant(&world.owner(&tree.right), tree.customer.id)
        .await;
    assert!(seen.is_ok());
}

#[tokio::test]
async fn thousands_move_in_one_step() {
    let tree = Tree::grow().await;
    let world = &tree.world;
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    for statement in [
        "insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at)
         select gen_random_uuid(), $1, 'customer', 'C' || n, 'c' || n, now() from generate_series(1, 3000) n",
        "insert into tenancy.subtree (tenant_id, descendant, depth)
         select up.tenant_id, t.tenant_id, up.depth + 1
         from tenancy.tenants t join tenancy.subtree up on up.descendant = t.parent_id
         where t.parent_id = $1 and t.slug <> 'customer'
         union all select t.tenant_id, t.tenant_id, 0 from tenancy.tenants t where t.parent_id = $1 and t.slug <> 'customer'",
    ] {
        sqlx::query(statement).bind(tree.left_below.id.uuid()).execute(tx.conn()).await.unwrap();
    }
    tx.commit().await.unwrap();
    closure_is_right(world).await;
    let plan = world
        .plan(
            &world.owner(&tree.right_below),
            "Sub",
            json!({"sites": 10, "disk_bytes": 900}),
            true,
        )
        .await;
    world
        .service
        .move_tenant(&world.root(), tree.left_below.id, to(tree.right_below.id, Some(plan)))
        .await
        .unwrap();
    closure_is_right(world).await;
}

#[tokio::test]
async fn a_move_that_does_not_fit_changes_nothing() {
    let tree = Tree::grow().await;
    let world = &tree.world;
    let root = world.root();
    tree.world.takes(tree.customer.id, EntitlementKey::Sites, 4).await;
    tree.world.takes(tree.right_below.id, EntitlementKey::Sites, 7).await;
    let before = tree.used_by_all().await;
    let service = &world.service;
    let refused = async |id: TenantId, wanted: Move| {
        let error = service.move_tenant(&root, id, wanted).await.err().unwrap();
        (error.kind(), error.code())
    };
    let customer = tree.customer.id;
    let new = tree.right_below.id;
    assert_eq!(
        refused(customer, to(new, Some(tree.new_plan))).await,
        (Kind::Quota, "tenancy.tenant.no_room"),
        "4 more than 10 less 7"
    );
    let small = world
        .plan(&world.owner(&tree.right), "Three", json!({"sites": 3}), true)
        .await;
    assert_eq!(
        refused(customer, to(tree.right.id, Some(small))).await,
        (Kind::Quota, "tenancy.tenant.uses_more")
    );
    assert_eq!(
        refused(customer, to(tree.right.id, None)).await.0,
        Kind::Invalid,
        "it is on a plan"
    );
    let others = refused(customer, to(tree.right.id, Some(tree.old_plan))).await;
    assert_eq!(others.0, Kind::Invalid, "somebody else's plan");
    assert_eq!(
        refused(tree.left.id, to(tree.left_below.id, Some(tree.old_plan))).await,
        (Kind::Conflict, "tenancy.tenant.below_itself")
    );
    let sold = world.customer("No seller").await;
    assert_eq!(
        refused(customer, to(sold.id, None)).await,
        (Kind::Conflict, "tenancy.tenant.not_a_seller")
    );
    assert_eq!(
        refused(world.tenancy.platform(), to(tree.left.id, None)).await,
        (Kind::Conflict, "tenancy.tenant.own_place")
    );
    assert_eq!(
        refused(TenantId::generate(), to(tree.left.id, None)).await.0,
        Kind::NotFound
    );
    assert_eq!(refused(customer, to(TenantId::generate(), None)).await.0, Kind::Invalid);
    let patch = TenantPatch {
        name: None,
        state: Some(TenantState::Suspended),
        seen: None,
    };
    service.update_tenant(&root, tree.right.id, patch).await.unwrap();
    assert_eq!(
        refused(customer, to(new, Some(tree.new_plan))).await,
        (Kind::Forbidden, "tenancy.tenant.suspended")
    );
    assert_eq!(tree.used_by_all().await, before);
    closure_is_right(world).await;
}

#[tokio::test]
async fn only_who_stands_above_both_sides_moves_a_tenant() {
    let tree = Tree::grow().await;
    let world = &tree.world;
    let wanted = || to(tree.right_below.id, Some(tree.new_plan));
    for cx in [world.owner(&tree.left), world.owner(&tree.left_below)] {
        let error = world
            .service
            .move_tenant(&cx, tree.customer.id, wanted())
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Invalid, "to them there is no such seller");
    }
    let error = world
        .service
        .move_tenant(&world.owner(&tree.right), tree.customer.id, wanted())
        .await;
    assert!(matches!(error, Err(Error::NotFound)), "to them there is no such tenant");
    let own = world
        .service
        .move_tenant(&world.owner(&tree.customer), tree.customer.id, wanted())
        .await;
    assert!(matches!(own, Err(Error::OwnPlace)));
    for role in [Role::Developer, Role::Viewer] {
        let cx = world.cx(world.tenancy.platform(), TenantKind::Platform, role);
        let error = world
            .service
            .move_tenant(&cx, tree.customer.id, wanted())
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Forbidden);
    }
    // The function binds the acting tenant, whatever the service asks of it.
    let mut tx = world.tenant_tx(tree.left.id).await;
    let outcome: String =
        sqlx::query_scalar("select outcome from tenancy.move_tenant($1, $2, null, null, null, null, now())")
            .bind(tree.customer.id.uuid())
            .bind(tree.right.id.uuid())
            .fetch_one(tx.conn())
            .await
            .unwrap();
    assert_eq!(outcome, "gone");
}

#[tokio::test]
async fn nothing_is_lost_or_counted_twice_while_tenants_move_about() {
    let tree = std::sync::Arc::new(Tree::grow().await);
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let tree = tree.clone();
        writers.spawn(async move {
            let mut taken = 0;
            for round in 0..40 {
                let delta = if taken > 0 && round % 3 == 2 { -1 } else { 1 };
                let mut tx = tree.world.tenant_tx(tree.customer.id).await;
                let reserved = tree.world.tenancy.reserve(&mut tx, EntitlementKey::Sites, delta).await;
                if reserved.is_ok() {
                    tx.commit().await.unwrap();
                    taken += delta;
                }
            }
            let mut tx = tree.world.tenant_tx(tree.customer.id).await;
            tree.world
                .tenancy
                .reserve(&mut tx, EntitlementKey::Sites, -taken)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        });
    }
    for round in 0..20 {
        let wanted = match round % 2 {
            0 => to(tree.right_below.id, Some(tree.new_plan)),
            _ => to(tree.left_below.id, Some(tree.old_plan)),
        };
        tree.world
            .service
            .move_tenant(&tree.world.root(), tree.customer.id, wanted)
            .await
            .unwrap();
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(tree.used_by_all().await, [0; 5]);
    closure_is_right(&tree.world).await;
}

#[tokio::test]
async fn a_move_gives_up_after_a_moment_while_somebody_holds_the_tree_so_that_nobody_queues_behind_it() {
    let tree = Tree::grow().await;
    let mut holding = tree.world.db().platform(Reason::Administer("test")).await.unwrap();
    sqlx::query("select tenancy.hold_tree()")
        .execute(holding.conn())
        .await
        .unwrap();
    let root = tree.world.root();
    let there = to(tree.right_below.id, Some(tree.new_plan));
    let error = tree
        .world
        .service
        .move_tenant(&root, tree.customer.id, there)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.kind(), error.retry_after()),
        (Kind::Unavailable, Some(2)),
        "{error}"
    );
    drop(holding);
    let there = to(tree.right_below.id, Some(tree.new_plan));
    tree.world
        .service
        .move_tenant(&root, tree.customer.id, there)
        .await
        .unwrap();
}
