//! What stands in the way, and who may not.

use mpanel_authz::{OpCx, Role, TenantKind};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Reason, Tx as _};
use serde_json::json;

use super::{SITES, Scene, how};
use crate::domain::{Limits, Tenant, TenantState};
use crate::error::Error;
use crate::service::{Merging, TenantPatch};
use crate::tests::support::{closure_is_right, unlimited};

impl Scene {
    async fn refused(&self, cx: &OpCx, from: &Tenant, how: Merging) -> (Kind, String, String) {
        let error = self
            .world
            .service
            .merge_tenant(cx, from.id, how)
            .await
            .expect_err("it is refused");
        let field = error.fields().into_iter().next();
        let pointer = field
            .as_ref()
            .map(|field| field.pointer.to_string())
            .unwrap_or_default();
        let code = field.map_or(error.code().to_owned(), |field| field.code.to_string());
        (error.kind(), pointer, code)
    }
}

fn conflict(pointer: &str, code: &str) -> (Kind, String, String) {
    (Kind::Conflict, pointer.to_owned(), code.to_owned())
}

fn invalid(pointer: &str, code: &str) -> (Kind, String, String) {
    (Kind::Invalid, pointer.to_owned(), code.to_owned())
}

#[tokio::test]
async fn one_with_things_of_its_own_is_not_taken_over_and_all_of_them_are_named() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let root = world.root();
    world.belongings.0.lock().unwrap().insert(scene.sold.id, 7);
    world.belongings.0.lock().unwrap().insert(scene.buyer.id, 7);
    world.belongings.0.lock().unwrap().insert(scene.deep.id, 7);
    let error = world
        .service
        .merge_tenant(&root, scene.sold.id, scene.how())
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Conflict, "tenancy.tenant.merge_in_the_way")
    );
    let fields = error.fields();
    assert_eq!(fields.len(), 1);
    assert_eq!(
        fields[0].message,
        "it has things of its own, 7 (one, another, …): remove them"
    );
    assert_eq!(scene.outlook().await.in_the_way, fields, "it was shown before");
    world.belongings.0.lock().unwrap().remove(&scene.sold.id);
    // What it uses itself counts also while no context names it.
    world.takes(scene.sold.id, SITES, 1).await;
    assert_eq!(
        scene.refused(&root, &scene.sold, scene.how()).await,
        conflict("", "tenancy.merge.own_use")
    );
    world.takes(scene.sold.id, SITES, -1).await;
    scene.merge().await;
}

#[tokio::test]
async fn what_they_use_and_what_they_are_promised_has_to_fit() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let root = world.root();
    let put = async |limits: serde_json::Value, oversell: bool| {
        let plan = world
            .plan(&root, &format!("{limits} {oversell}"), limits, oversell)
            .await;
        world
            .service
            .subscribe(&root, scene.buyer.id, plan, &Limits::default())
            .await
            .unwrap();
    };
    put(json!({"sites": 4, "domains": 99}), true).await;
    assert_eq!(
        scene.refused(&root, &scene.sold, scene.how()).await,
        conflict("/into", "tenancy.merge.no_room")
    );
    put(json!({"sites": 10, "domains": 99}), false).await;
    let shown = scene.outlook().await.in_the_way;
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!(shown[0].code, "tenancy.merge.oversold");
    assert!(
        shown[0].message.starts_with("Below is promised more of sites"),
        "{}",
        shown[0].message
    );
    put(json!({"domains": 99}), true).await;
    assert_eq!(
        scene.refused(&root, &scene.sold, scene.how()).await,
        conflict("/into", "tenancy.merge.no_room")
    );
    put(json!({"sites": 20, "domains": 20}), false).await;
    scene.merge().await;
    assert_eq!(world.sites(scene.buyer.id).await, 5);
}

#[tokio::test]
async fn it_is_asked_for_by_its_name_and_with_all_below_it_counted() {
    let scene = Scene::new().await;
    let root = scene.world.root();
    let mut wrong = scene.how();
    wrong.name = "Solt".to_owned();
    let refused = scene.refused(&root, &scene.sold, wrong).await;
    assert_eq!(refused, invalid("/name", "tenancy.tenant.name_differs"));
    let refused = scene
        .refused(&root, &scene.sold, how(&scene.sold, &scene.buyer, 3))
        .await;
    assert_eq!(refused, invalid("/tenants_below", "tenancy.tenant.others_below"));
    let mut soon = scene.how();
    soon.grace_days = Some(10_000);
    let refused = scene.refused(&root, &scene.sold, soon).await;
    assert_eq!(refused, invalid("/grace_days", "tenancy.tenant.grace_out_of_range"));
    assert_eq!(scene.get(&scene.sold).await, scene.sold);
}

#[tokio::test]
async fn some_cannot_take_over_others() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let root = world.root();
    let into = |tenant: &Tenant| how(&scene.sold, tenant, 4);
    assert_eq!(
        scene.refused(&root, &scene.sold, into(&scene.sold)).await,
        invalid("/into", "tenancy.merge.itself")
    );
    for below in [&scene.below, &scene.deep] {
        let refused = scene.refused(&root, &scene.sold, into(below)).await;
        assert_eq!(refused, invalid("/into", "tenancy.merge.below_itself"));
    }
    let customer = world.customer("No seller").await;
    let refused = scene.refused(&root, &scene.sold, into(&customer)).await;
    assert_eq!(refused, invalid("/into", "tenancy.merge.not_a_seller"));
    let mut nobody = scene.how();
    nobody.into = TenantId::generate();
    assert_eq!(
        scene.refused(&root, &scene.sold, nobody).await,
        invalid("/into", "tenancy.tenant.unknown")
    );
    let mut platform = scene.how();
    platform.into = scene.buyer.id;
    platform.name = world.service.get_tenant(&root, root.tenant()).await.unwrap().name;
    let own = world.service.merge_tenant(&root, root.tenant(), platform).await;
    assert!(matches!(own, Err(Error::OwnMerge)), "the platform is nobody's");
    let suspended = TenantPatch {
        name: None,
        state: Some(TenantState::Suspended),
        seen: None,
    };
    world
        .service
        .update_tenant(&root, scene.buyer.id, suspended)
        .await
        .unwrap();
    assert_eq!(
        scene.refused(&root, &scene.sold, scene.how()).await,
        invalid("/into", "tenancy.merge.not_active")
    );
    closure_is_right(world).await;
}

#[tokio::test]
async fn one_that_is_suspended_is_taken_over_and_those_below_it_work_again() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let suspended = TenantPatch {
        name: None,
        state: Some(TenantState::Suspended),
        seen: None,
    };
    world
        .service
        .update_tenant(&world.root(), scene.sold.id, suspended)
        .await
        .unwrap();
    scene.merge().await;
    world.takes(scene.deep.id, SITES, -1).await;
    world.takes(scene.deep.id, SITES, 1).await;
    let restored = world
        .service
        .restore_tenant(&world.root(), scene.sold.id)
        .await
        .unwrap();
    assert_eq!(restored.state, TenantState::Suspended);
}

#[tokio::test]
async fn only_who_stands_above_both_and_may_end_tenants_does_it() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let buyer = world.owner(&scene.buyer);
    assert_eq!(scene.refused(&buyer, &scene.sold, scene.how()).await.0, Kind::NotFound);
    let sold = world.owner(&scene.sold);
    let refused = scene.refused(&sold, &scene.sold, scene.how()).await;
    assert_eq!(
        refused,
        invalid("/into", "tenancy.tenant.unknown"),
        "to them there is no such tenant"
    );
    let refused = scene
        .refused(&sold, &scene.sold, how(&scene.sold, &scene.below, 4))
        .await;
    assert_eq!(refused.2, "tenancy.tenant.own_merge");
    for role in [Role::Developer, Role::Viewer] {
        let cx = world.cx(world.tenancy.platform(), TenantKind::Platform, role);
        assert_eq!(scene.refused(&cx, &scene.sold, scene.how()).await.0, Kind::Forbidden);
        let wanted = crate::service::Outlook {
            into: None,
            members: true,
        };
        let shown = world.service.outlook(&cx, scene.sold.id, wanted).await;
        assert_eq!(shown.err().unwrap().kind(), Kind::Forbidden);
    }
    let cannot_end = world.root_with_scopes(&["tenancy.tenant:manage-access", "tenancy.tenant:read"]);
    assert_eq!(
        scene.refused(&cannot_end, &scene.sold, scene.how()).await.0,
        Kind::Forbidden
    );
    // The functions bind the acting tenant, whatever the service asks of them.
    let mut tx = world.tenant_tx(scene.buyer.id).await;
    let held: bool = sqlx::query_scalar("select tenancy.hold_for_merge($1, $2)")
        .bind(scene.sold.id.uuid())
        .bind(scene.buyer.id.uuid())
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert!(!held);
    let misfits: i64 = sqlx::query_scalar("select count(*) from tenancy.merge_misfits($1, $2)")
        .bind(scene.sold.id.uuid())
        .bind(scene.buyer.id.uuid())
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(misfits, 0);
    let done = sqlx::query("select * from tenancy.merge_tenants($1, $2, '{}', '{}', '{}', now(), now())")
        .bind(scene.sold.id.uuid())
        .bind(scene.buyer.id.uuid())
        .execute(tx.conn())
        .await;
    assert!(done.unwrap_err().to_string().contains("cannot be merged"));
}

#[tokio::test]
async fn it_gives_up_after_a_moment_while_somebody_holds_the_tree() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let mut holding = world.db().platform(Reason::Administer("test")).await.unwrap();
    sqlx::query("select tenancy.hold_tree()")
        .execute(holding.conn())
        .await
        .unwrap();
    let error = world
        .service
        .merge_tenant(&world.root(), scene.sold.id, scene.how())
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.kind(), error.retry_after()),
        (Kind::Unavailable, Some(2)),
        "{error}"
    );
    drop(holding);
    scene.merge().await;
}

#[tokio::test]
async fn what_comes_to_it_while_it_is_looked_at_is_seen() {
    let scene = Scene::new().await;
    let world = &scene.world;
    // A row that names the tenant keeps it from being held until it is known whether it stays.
    let mut coming = world.tenant_tx(scene.sold.id).await;
    sqlx::query(
        "insert into tenancy.plans (tenant_id, id, name, created_at) values ($1, gen_random_uuid(), 'Coming', now())",
    )
    .bind(scene.sold.id.uuid())
    .execute(coming.conn())
    .await
    .unwrap();
    let error = world
        .service
        .merge_tenant(&world.root(), scene.sold.id, scene.how())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), Kind::Unavailable);
    coming.commit().await.unwrap();
    let all = world.plan(&world.root(), "Any", unlimited(), true).await;
    assert!(all.uuid().get_version_num() > 0);
    scene.merge().await;
}
