//! Who is suspended, and what that leaves of the right to act.

use mpanel_authz::{Role, TenantKind};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;
use mpanel_tenancy_contract::{Memberships as _, Suspensions as _};

use crate::domain::{Tenant, TenantState};
use crate::service::TenantPatch;
use crate::tests::support::World;

impl World {
    async fn put(&self, tenant: &Tenant, state: TenantState) {
        let patch = TenantPatch {
            name: None,
            state: Some(state),
            seen: None,
        };
        self.service
            .update_tenant(&self.root(), tenant.id, patch)
            .await
            .unwrap();
    }

    async fn suspended(&self) -> Vec<TenantId> {
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        let found = self.tenancy.suspended(&mut tx).await.unwrap();
        let mut all: Vec<_> = found.into_iter().map(|one| one.tenant).collect();
        all.sort();
        all
    }
}

fn sorted<const N: usize>(tenants: [&Tenant; N]) -> Vec<TenantId> {
    let mut ids: Vec<_> = tenants.iter().map(|tenant| tenant.id).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn who_is_suspended_takes_everybody_below_along_each_once() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let below = world
        .child(&world.owner(&reseller), TenantKind::Customer, "C", None)
        .await;
    let other = world.customer("Other").await;
    assert_eq!(world.suspended().await, []);
    world.put(&below, TenantState::Suspended).await;
    assert_eq!(world.suspended().await, [below.id]);
    world.put(&reseller, TenantState::Suspended).await;
    assert_eq!(world.suspended().await, sorted([&reseller, &below]));
    world.put(&other, TenantState::Suspended).await;
    assert_eq!(world.suspended().await, sorted([&reseller, &below, &other]));
    world.put(&reseller, TenantState::Active).await;
    assert_eq!(world.suspended().await, sorted([&below, &other]));
}

#[tokio::test]
async fn a_right_to_act_is_suspended_with_the_tenant_that_it_comes_from() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let below = world
        .child(&world.owner(&reseller), TenantKind::Customer, "C", None)
        .await;
    let mut users = Vec::new();
    for (name, tenant) in [
        ("root", world.tenancy.platform()),
        ("rita", reseller.id),
        ("carl", below.id),
    ] {
        let user = world.accounts.activate(&format!("{name}@example.com"));
        let mut tx = world.tenant_tx(tenant).await;
        world
            .tenancy
            .join(&mut tx, user, Role::Owner.into(), world.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        users.push(user);
    }
    let acting = async |user: usize, tenant: &Tenant| world.acting(users[user], tenant.id).await.unwrap().suspended;
    let all = async || {
        [
            acting(0, &reseller).await,
            acting(0, &below).await,
            acting(1, &reseller).await,
            acting(1, &below).await,
            acting(2, &below).await,
        ]
    };
    assert_eq!(all().await, [false; 5]);
    world.put(&below, TenantState::Suspended).await;
    assert_eq!(
        all().await,
        [false, false, false, false, true],
        "those above still act for it"
    );
    world.put(&reseller, TenantState::Suspended).await;
    assert_eq!(all().await, [false, false, true, true, true]);
    world.put(&below, TenantState::Active).await;
    assert_eq!(all().await, [false, false, true, true, true], "it stands below");
    world.put(&reseller, TenantState::Active).await;
    assert_eq!(all().await, [false; 5]);
}
