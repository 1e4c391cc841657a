//! What keeps a tenant from becoming one with another.

use mpanel_authz::Role;
use mpanel_tenancy_contract::Belongings as _;

use super::support::World;
use crate::domain::NewServiceAccount;

#[tokio::test]
async fn programs_keep_their_tenant_from_becoming_one_with_another() {
    let world = World::claimed().await;
    let tenant = world.customer().await;
    let ada = world.member("ada@example.com", tenant, Role::Owner).await;
    let owner = world.owner_cx(ada.me.account.id, tenant);
    let new = NewServiceAccount {
        name: "deploy".to_owned(),
        role: Role::Developer,
        allowed_networks: Vec::new(),
    };
    let account = world.identity.create_service_account(&owner, new).await.unwrap();
    let mut tx = world.db.tenant(tenant).await.unwrap();
    let found = world.identity.of(&mut tx).await.unwrap();
    drop(tx);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].count), ("identity.service_account.own", 1));
    assert_eq!(found[0].some, [account.name]);
    world.identity.delete_service_account(&owner, account.id).await.unwrap();
    let mut tx = world.db.tenant(tenant).await.unwrap();
    assert_eq!(world.identity.of(&mut tx).await.unwrap(), []);
}
