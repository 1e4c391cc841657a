//! What becomes of people when their tenant goes for good.

use mpanel_authz::Role;
use mpanel_pg::{Reason, Tx};
use mpanel_tenancy_contract::Eraser;

use super::support::World;

#[tokio::test]
async fn whoever_goes_with_a_tenant_is_unreadable_in_every_log() {
    let world = World::claimed().await;
    let tenant = world.customer().await;
    let gone = world
        .member("anna@example.org", tenant, Role::Owner)
        .await
        .me
        .account
        .id;
    let vault = world.identity.0.spine.vault();
    let mut tx = world.db.tenant(tenant).await.unwrap();
    assert!(
        vault.known_person(&mut tx, gone).await.unwrap().is_some(),
        "from where she signed in is sealed"
    );
    drop(tx);
    let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
    sqlx::query(
        "update tenancy.tenants set state = 'terminating', ends_at = now(), erasing = true where tenant_id = $1",
    )
    .bind(tenant.uuid())
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
    world.identity.erase(tenant).await.unwrap();
    let mut tx = world.db.tenant(tenant).await.unwrap();
    assert!(vault.known_person(&mut tx, gone).await.unwrap().is_none());
}
