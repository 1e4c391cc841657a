//! A tenant that wants to be asked, and is suspended meanwhile.

use mpanel_authz::{OpCx, Role};
use mpanel_kernel::paging::PageRequest;
use mpanel_tenancy_contract::Below as _;

use super::Scene;
use crate::domain::{AssumptionState, Tenant, TenantState};
use crate::error::Error;
use crate::service::{AddMember, TenantPatch};

fn new() -> AddMember {
    AddMember {
        email: "backdoor@example.com".parse().unwrap(),
        name: "Me again".to_owned(),
        role: Role::Admin.into(),
    }
}

impl Scene {
    async fn set(&self, tenant: &Tenant, cx: &OpCx, state: TenantState) {
        let patch = TenantPatch {
            name: None,
            state: Some(state),
            seen: None,
        };
        self.world.service.update_tenant(cx, tenant.id, patch).await.unwrap();
    }
}

#[tokio::test]
async fn a_suspension_for_a_moment_is_no_way_around_being_asked() {
    let scene = Scene::new().await;
    let (service, customer) = (&scene.world.service, scene.customer.id);
    scene.demand(true).await;
    let (root, helper) = (scene.world.root(), scene.helper());
    // Whether the tenant itself is suspended, or its reseller by the platform.
    for (suspended, by) in [(&scene.customer, &helper), (&scene.reseller, &root)] {
        scene.set(suspended, by, TenantState::Suspended).await;
        let shown = scene.assume("spam goes out from here", 480).await.unwrap();
        assert_eq!(scene.state(&shown), AssumptionState::Open);
        assert!(scene.acting().await.assumption.is_some());
        for cx in [&helper, &scene.inside().await] {
            let added = service.add_member(cx, customer, new()).await;
            assert!(matches!(added, Err(Error::ConsentRequired)));
            let removed = service.remove_member(cx, customer, scene.ada).await;
            assert!(matches!(removed, Err(Error::ConsentRequired)));
        }
        scene.set(suspended, by, TenantState::Active).await;
        assert_eq!(scene.acting().await.assumption, None);
        let page = service
            .list_assumptions(&scene.ada(), customer, PageRequest::default())
            .await;
        let newest = page.unwrap().items.remove(0);
        assert_eq!(newest.assumption.id, shown.assumption.id);
        assert_eq!(scene.state(&newest), AssumptionState::Ended);
        let log = scene.world.audit(customer).await;
        let ended = log.iter().rfind(|entry| entry.action == "tenancy.assumption.ended");
        assert_eq!(ended.unwrap().subject, shown.assumption.id.to_string());
    }
}

#[tokio::test]
async fn what_the_tenant_has_agreed_to_outlasts_a_suspension() {
    let scene = Scene::new().await;
    let (service, customer) = (&scene.world.service, scene.customer.id);
    scene.demand(true).await;
    let id = scene.assume("as we talked about", 480).await.unwrap().assumption.id;
    service.agree_to_assumption(&scene.ada(), customer, id).await.unwrap();
    for state in [TenantState::Suspended, TenantState::Active] {
        scene.set(&scene.customer, &scene.helper(), state).await;
    }
    assert_eq!(scene.acting().await.assumption.unwrap().id, id);
    service
        .add_member(&scene.inside().await, customer, new())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_tenant_that_wants_to_be_asked_is_not_looked_into_from_above_while_it_does() {
    let scene = Scene::new().await;
    let tenancy = &scene.world.tenancy;
    let (above, below) = (scene.reseller.id, scene.customer.id);
    let other = scene.world.customer("Other").await.id;
    let open = async || {
        let all = tenancy.open_to(above).await.unwrap();
        let alone = tenancy.is_open_to(above, below).await.unwrap();
        assert_eq!(all.contains(&below), alone, "both ways say the same");
        assert!(all.contains(&above) && !all.contains(&other));
        alone
    };
    assert!(open().await);
    scene.demand(true).await;
    assert!(!open().await);
    assert!(
        tenancy.is_open_to(below, below).await.unwrap(),
        "its own log is its own"
    );
    assert!(!tenancy.is_open_to(above, other).await.unwrap());
    // Nobody there could agree.
    let reseller = scene.world.owner(&scene.reseller);
    scene.set(&scene.customer, &reseller, TenantState::Suspended).await;
    assert!(open().await);
    scene.set(&scene.customer, &reseller, TenantState::Active).await;
    assert!(!open().await);
    scene.demand(false).await;
    assert!(open().await);
}
