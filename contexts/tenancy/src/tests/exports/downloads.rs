//! Downloads that take long.

use axum::body::to_bytes;
use jiff::SignedDuration;
use mpanel_http::testing::{Doorman, behind, get};

use super::Setting;
use crate::http;

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_when_whoever_has_it_may_no_longer_have_it() {
    let setting = Setting::new().await;
    let (world, customer) = (&setting.world, &setting.customer);
    let export = setting.own(customer).await;
    let own = world.owner(customer);
    let gate = Doorman::of(&own);
    let app = behind(http::routes(world.service.clone()), gate.clone());
    let path = format!("/tenants/{}/exports/{}/download", customer.id, export.operation.id);
    let download = async || {
        let answer = get(app.clone(), &path).await;
        assert_eq!(answer.status(), 200);
        answer.into_body()
    };
    let [short, allowed, refused, removed] = [download().await, download().await, download().await, download().await];
    gate.close();
    assert!(to_bytes(short, usize::MAX).await.is_ok(), "it was looked at just now");
    world.clock.advance(SignedDuration::from_secs(10));
    assert!(to_bytes(refused, usize::MAX).await.is_err());
    gate.open(&own);
    assert!(to_bytes(allowed, usize::MAX).await.is_ok());
    world
        .service
        .delete_export(&own, (customer.id, export.operation.id))
        .await
        .unwrap();
    assert!(to_bytes(removed, usize::MAX).await.is_err());
}
