//! The machines, and who sees them.

use std::sync::Arc;

use axum::http::StatusCode;
use mpanel_authz::{OpCx, Role, TenantKind};
use mpanel_fleet_contract::Nodes as _;
use mpanel_http::testing;
use mpanel_kernel::ids::{NodeId, TenantId};
use mpanel_pg::Tx as _;
use serde_json::Value;

use crate::authz::ROLES;
use crate::http::routes;
use crate::tests::support::{World, open};

impl World {
    async fn get(&self, tenant: TenantId, kind: TenantKind, role: Role, path: &str) -> (StatusCode, Value) {
        let cx = OpCx::new(testing::person((tenant, kind), role, ROLES, self.clock.clone()));
        let routes = routes(Arc::new(self.fleet.clone()));
        let answer = testing::call(routes, &cx, ("GET", path), None, None).await;
        (answer.status, answer.body)
    }
}

#[tokio::test]
async fn the_first_start_makes_this_machine_the_first_node_and_the_next_finds_it() {
    let world = World::new().await;
    let (one, two) = tokio::join!(
        open(&world.spine, &world.clock, world.platform),
        open(&world.spine, &world.clock, world.platform),
    );
    assert_eq!((one.local(), two.local()), (world.fleet.local(), world.fleet.local()));
    assert_eq!(world.count("select count(*) from fleet.nodes").await, 1);
    assert_eq!(one.addresses(one.local()).len(), 2);
    assert!(
        one.addresses(NodeId::generate()).is_empty(),
        "nothing is known of other machines"
    );
}

#[tokio::test]
async fn two_first_starts_at_once_register_one_node() {
    let world = World::new().await;
    let mut tx = world
        .spine
        .db()
        .platform(mpanel_pg::Reason::Administer("test"))
        .await
        .unwrap();
    sqlx::query("delete from fleet.nodes").execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    let (one, two) = tokio::join!(
        open(&world.spine, &world.clock, world.platform),
        open(&world.spine, &world.clock, world.platform),
    );
    assert_eq!(one.local(), two.local());
    assert_eq!(world.count("select count(*) from fleet.nodes").await, 1);
}

#[tokio::test]
async fn only_the_platform_sees_the_machines() {
    let world = World::new().await;
    let id = world.fleet.local().to_string();
    let path = format!("/nodes/{id}");
    for role in Role::ALL {
        let (status, list) = world.get(world.platform, TenantKind::Platform, role, "/nodes").await;
        assert_eq!(
            (status, &list["items"][0]["id"]),
            (StatusCode::OK, &Value::from(id.as_str()))
        );
        let (status, node) = world.get(world.platform, TenantKind::Platform, role, &path).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            (&node["state"], &node["processes"]),
            (&"degraded".into(), &Value::Array(Vec::new()))
        );
        assert!(node.get("edge_key").is_none());
    }
    for kind in [TenantKind::Customer, TenantKind::Reseller] {
        assert_eq!(
            world.get(world.customer, kind, Role::Owner, "/nodes").await.0,
            StatusCode::FORBIDDEN
        );
        assert_eq!(
            world.get(world.customer, kind, Role::Owner, &path).await.0,
            StatusCode::NOT_FOUND
        );
    }
    let none = format!("/nodes/{}", NodeId::generate());
    let (status, _) = world
        .get(world.platform, TenantKind::Platform, Role::Owner, &none)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // Not even by a query does a customer's transaction see them.
    let mut tx = world.spine.db().tenant(world.customer).await.unwrap();
    let rows = sqlx::query("select 1 from fleet.nodes")
        .fetch_all(tx.conn())
        .await
        .unwrap();
    assert!(rows.is_empty());
}
