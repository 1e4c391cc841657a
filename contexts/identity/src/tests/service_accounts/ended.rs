use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_jobs::Reconciler as _;

use super::{Shop, code, number, token};
use crate::reconcile::Retention;

#[tokio::test]
async fn tokens_that_have_ended_count_no_more_and_go() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    let day = SignedDuration::from_hours(24);
    let mut ids = (account.id, shop.token(&account, &[]).await.token.id);
    for _ in 0..60 {
        shop.world.clock.advance(day);
        let new = shop
            .world
            .identity
            .rotate_service_token(&shop.owner, ids, Some(day))
            .await;
        ids.1 = new.unwrap().token.id;
    }
    let retention = Retention(shop.world.identity.clone());
    retention.pass().await.unwrap();
    let kept = number(&shop.world.db, "select count(*) from identity.api_tokens").await;
    assert_eq!(
        kept, 33,
        "two that are valid, and those that ended in the last thirty days"
    );
    for _ in 2..50 {
        shop.token(&account, &[]).await;
    }
    let one_more = shop
        .world
        .identity
        .create_service_token(&shop.owner, account.id, token(&["*"], &[]))
        .await;
    assert_eq!(code(one_more), "identity.api_token.too_many");
}
