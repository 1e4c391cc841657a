use mpanel_authz::{Role, TenantKind};
use mpanel_pg::Tx;

use crate::tests::support::World;

#[tokio::test]
async fn v8_4_1_a_tenant_sees_no_account_of_another() {
    let world = World::claimed().await;
    let one = world.customer().await;
    let other = world.customer().await;
    world.member("ada@example.com", one, Role::Owner).await;
    let mut tx = world.db.tenant(other).await.unwrap();
    for query in [
        "select count(*) from identity.users",
        "select count(*) from identity.sessions",
        "select count(*) from identity.backup_codes",
        "select count(*) from identity.activations",
        "select count(*) from identity.api_tokens",
    ] {
        let count: i64 = sqlx::query_scalar(query).fetch_one(tx.conn()).await.unwrap();
        assert_eq!(count, 0, "{query}");
    }
}

#[tokio::test]
async fn the_spine_looks_up_and_changes_no_account() {
    let world = World::claimed().await;
    for change in [
        "update identity.users set password_hash = null",
        "update identity.sessions set ended_at = null",
        "update identity.api_tokens set scopes = array['*']",
        "delete from identity.sessions",
        "select * from identity.backup_codes",
    ] {
        let mut tx = world.db.spine().await.unwrap();
        let refused = sqlx::query(change).execute(tx.conn()).await.unwrap_err();
        assert_eq!(
            refused.as_database_error().unwrap().code().unwrap(),
            "42501",
            "{change}"
        );
    }
}

#[tokio::test]
async fn nobody_is_invited_into_a_tenant_that_is_not_below() {
    let world = World::claimed().await;
    let one = world.customer().await;
    let other = world.child(world.platform(), TenantKind::Customer).await;
    let mut tx = world.db.tenant(one).await.unwrap();
    let refused = sqlx::query(
        "select identity.invite($1, (select gen_random_uuid()), $2, 'a@example.com', 'a@example.com', 'A', 'x', 'y', now(), now())",
    )
    .bind(other.uuid())
    .bind(other.uuid())
    .execute(tx.conn())
    .await
    .unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501");
}

#[tokio::test]
async fn tenants_read_neither_realms_nor_the_claim() {
    let world = World::claimed().await;
    let mut tx = world.db.tenant(world.platform()).await.unwrap();
    let refused = sqlx::query("select * from identity.realms").execute(tx.conn()).await;
    assert_eq!(
        refused.unwrap_err().as_database_error().unwrap().code().unwrap(),
        "42501"
    );
}
