//! Over HTTP: certificates without their keys, and the authority for trust stores.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use jiff::SignedDuration;
use mpanel_authz::{OpCx, Role, TenantKind};
use mpanel_http::testing;
use mpanel_kernel::ids::{CertificateId, TenantId};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::authz::ROLES;
use crate::http::{public_routes, routes};
use crate::tests::support::World;

impl World {
    async fn get(&self, tenant: TenantId, path: &str) -> (StatusCode, Value) {
        let by = (tenant, TenantKind::Customer);
        let cx = OpCx::new(testing::person(by, Role::Viewer, ROLES, self.clock.clone()));
        let routes = routes(Arc::new(self.store.clone()));
        let answer = testing::call(routes, &cx, ("GET", path), None, None).await;
        assert!(!answer.body.to_string().contains("PRIVATE"));
        (answer.status, answer.body)
    }
}

#[tokio::test]
async fn a_certificate_is_shown_without_its_key_to_its_tenant() {
    let world = World::new().await;
    world.want("a.example.com").await;
    world.want("b.example.com").await;
    world.pass().await.unwrap();
    let (status, list) = world.get(world.tenant, "/certificates?limit=1").await;
    assert_eq!(status, StatusCode::OK);
    let item = &list["items"][0];
    assert_eq!(
        (&item["state"], item["fingerprint"].as_str().unwrap().len()),
        (&"valid".into(), 64)
    );
    assert!(
        item["chain_pem"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    assert!(list["next_cursor"].is_string());
    let path = format!("/certificates/{}", item["id"].as_str().unwrap());
    let (status, shown) = world.get(world.tenant, &path).await;
    assert_eq!((status, &shown), (StatusCode::OK, item));
    world.clock.advance(SignedDuration::from_hours(91 * 24));
    assert_eq!(world.get(world.tenant, &path).await.1["state"], "expired");

    assert_eq!(world.get(world.platform, &path).await.0, StatusCode::NOT_FOUND);
    assert!(
        world.get(world.platform, "/certificates").await.1["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let none = format!("/certificates/{}", CertificateId::generate());
    assert_eq!(world.get(world.tenant, &none).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn anybody_may_have_the_authoritys_certificate() {
    let world = World::new().await;
    let app: Router = public_routes(Arc::new(world.store.clone())).split_for_parts().0;
    let request = Request::get("/certificate-authority").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-pem-file");
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert_eq!(bytes, world.store.authority_pem());
}
