//! What a transaction of one tenant can reach of another, through tables and through functions.

use mpanel_authz::TenantKind;
use mpanel_pg::Tx as _;
use serde_json::json;

use crate::domain::Tenant;
use crate::tests::support::{World, unlimited};

struct Scene {
    world: World,
    /// Acts.
    mine: Tenant,
    /// Another with a member, a plan, a child, a claim and a subscription.
    other: Tenant,
}

async fn scene() -> Scene {
    let world = World::new().await;
    let root = world.root();
    let all = world.plan(&root, "All", unlimited(), true).await;
    let mine = world.child(&root, TenantKind::Reseller, "Mine", Some(all)).await;
    let other = world.child(&root, TenantKind::Reseller, "Other", Some(all)).await;
    world
        .child(&world.owner(&other), TenantKind::Customer, "Theirs", None)
        .await;
    world
        .plan(&world.owner(&other), "Their plan", json!({"sites": 1}), false)
        .await;
    let mut tx = world.tenant_tx(other.id).await;
    let user = world.accounts.activate("them@example.com");
    crate::store::members::join(&mut tx, user, mpanel_authz::Role::Owner.into(), world.now())
        .await
        .unwrap();
    let name = "example.com".parse().unwrap();
    mpanel_tenancy_contract::NameClaims::claim(
        &world.tenancy,
        &mut tx,
        &name,
        mpanel_tenancy_contract::ClaimKind::Zone,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    Scene { world, mine, other }
}

impl Scene {
    /// How many rows a query gives in a transaction of `mine`; `$1` is the other's id.
    async fn rows(&self, query: &'static str) -> Result<u64, sqlx::Error> {
        let mut tx = self.world.tenant_tx(self.mine.id).await;
        let rows = sqlx::query(query)
            .bind(self.other.id.uuid())
            .fetch_all(tx.conn())
            .await?;
        Ok(rows.len() as u64)
    }
}

#[tokio::test]
async fn no_table_shows_another_tenants_rows() {
    let scene = scene().await;
    for query in [
        "select 1 from tenancy.tenants where tenant_id = $1",
        "select 1 from tenancy.subtree where tenant_id = $1",
        "select 1 from tenancy.members where tenant_id = $1",
        "select 1 from tenancy.plans where tenant_id = $1",
        "select 1 from tenancy.plan_versions where tenant_id = $1",
        "select 1 from tenancy.subscriptions where tenant_id = $1",
        "select 1 from tenancy.counters where tenant_id = $1",
        "select 1 from tenancy.roles where tenant_id = $1",
        "select 1 from tenancy.assumptions where tenant_id = $1",
        "select 1 from tenancy.support_settings where tenant_id = $1",
    ] {
        assert_eq!(scene.rows(query).await.unwrap(), 0, "{query}");
    }
    for query in [
        "select 1 from tenancy.claims where tenant_id = $1",
        "select 1 from tenancy.reserved_names where $1 is not null",
    ] {
        assert!(scene.rows(query).await.is_err(), "{query}");
    }
}

#[tokio::test]
async fn no_function_reaches_another_tenant() {
    let scene = scene().await;
    for query in [
        "select * from tenancy.tree($1, null, null, 10)",
        "select * from tenancy.tree(null, $1, null, 10)",
        "select 1 where tenancy.is_within($1)",
        "select * from tenancy.usage($1)",
        "select * from tenancy.measured_use($1, current_date)",
        "select 1 where tenancy.update_tenant($1, 1, 'x', 'suspended') is not null",
    ] {
        assert_eq!(scene.rows(query).await.unwrap(), 0, "{query}");
    }
    for query in [
        "select tenancy.add_member($1, gen_random_uuid(), 'owner', now())",
        "select tenancy.subscribe($1, gen_random_uuid(), 1, '{}', '{}', now())",
        // Look-ups for signing in are the spine's.
        "select * from tenancy.acting(gen_random_uuid(), $1, null, array['owner'], now())",
        "select tenancy.demands_consent($1)",
        "select * from tenancy.memberships($1)",
        "select tenancy.hold_path($1)",
        "select tenancy.is_suspended() where $1 is not null",
    ] {
        assert!(scene.rows(query).await.is_err(), "{query}");
    }
    // Another's plan has no subscribers that one could count.
    let query = "select 1 where tenancy.subscribers((select id from tenancy.plans where tenant_id = $1)) > 0";
    assert_eq!(scene.rows(query).await.unwrap(), 0);
    // Giving up another's claim changes nothing.
    scene
        .rows("select tenancy.release('example.com', 'zone') where $1 is not null")
        .await
        .unwrap();
    assert_eq!(scene.world.count("select count(*) from tenancy.claims").await, 1);
}

#[tokio::test]
async fn a_tenant_cannot_write_itself_more_than_it_was_given() {
    let scene = scene().await;
    for query in [
        "insert into tenancy.subtree (tenant_id, descendant, depth) select mpanel.tenant(), $1, 1",
        "update tenancy.tenants set kind = 'customer' where tenant_id <> $1",
        "update tenancy.counters set max_allowed = null where tenant_id <> $1",
        "update tenancy.subscriptions set overrides = '{}' where tenant_id <> $1",
        "delete from tenancy.subscriptions where tenant_id <> $1",
        "insert into tenancy.members (tenant_id, user_id, role, created_at) values ($1, gen_random_uuid(), 'owner', now())",
        "insert into tenancy.plans (tenant_id, id, name, created_at) values ($1, gen_random_uuid(), 'x', now())",
        "select tenancy.add_member(mpanel.tenant(), gen_random_uuid(), 'root', now()) where $1 is not null",
    ] {
        assert!(scene.rows(query).await.is_err(), "{query}");
    }
    // Not even through the function that sells: its seller is the acting tenant.
    let mut tx = scene.world.tenant_tx(scene.mine.id).await;
    let own = "select tenancy.subscribe(mpanel.tenant(), u.plan_id, u.plan_version, '{}', '{\"sites\": null}', now())
               from tenancy.subscriptions u where u.tenant_id = mpanel.tenant()";
    assert!(sqlx::query(own).fetch_all(tx.conn()).await.is_err());
}

#[tokio::test]
async fn every_definer_function_has_a_fixed_search_path_and_no_public_callers() {
    let world = World::new().await;
    let loose = "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'tenancy' and p.prosecdef
           and (p.proconfig is null or not 'search_path=pg_catalog' = any(p.proconfig)
                or p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))";
    assert_eq!(world.count(loose).await, 0);
    let all = "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'tenancy' and p.prosecdef";
    assert!(world.count(all).await > 10);
}
