//! New tenants: who may make them, where they hang, and what their owner is told.

use mpanel_authz::{Role, TenantKind};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_tenancy_contract::Memberships as _;
use serde_json::json;

use crate::Tenancy;
use crate::domain::TenantState;
use crate::error::Error;
use crate::service::{CreateTenant, TenantPatch};
use crate::tests::support::{World, person, tenant, unlimited};

#[tokio::test]
async fn the_first_start_plants_one_root_and_the_next_finds_it() {
    let world = World::new().await;
    let (one, two) = tokio::join!(
        Tenancy::open(world.spine.clone(), &*world.clock, &[]),
        Tenancy::open(world.spine.clone(), &*world.clock, &[]),
    );
    assert_eq!(one.unwrap().platform(), world.tenancy.platform());
    assert_eq!(two.unwrap().platform(), world.tenancy.platform());
    assert_eq!(world.count("select count(*) from tenancy.tenants").await, 1);
    assert_eq!(
        world
            .count("select count(*) from tenancy.counters where max_allowed is null")
            .await,
        4
    );
}

#[tokio::test]
async fn a_tenant_hangs_below_the_acting_one_and_is_written_down() {
    let world = World::new().await;
    let root = world.root();
    let plan = world.plan(&root, "All", unlimited(), false).await;
    let new = CreateTenant {
        plan: Some(plan),
        slug: Some("acme".parse().unwrap()),
        ..tenant(TenantKind::Reseller, "  ACME Hosting  ")
    };
    let reseller = world.service.create_tenant(&root, new).await.unwrap().tenant;
    assert_eq!(reseller.parent_id, Some(root.tenant()));
    assert_eq!(
        (reseller.name.as_str(), reseller.slug.as_str()),
        ("ACME Hosting", "acme")
    );
    assert_eq!((reseller.state, reseller.version), (TenantState::Active, 1));
    assert_eq!(reseller.plan.as_ref().map(|p| (p.id, p.version)), Some((plan, 1)));
    assert_eq!(reseller.created_at, world.now());

    let customer = world
        .child(&world.owner(&reseller), TenantKind::Customer, "Bob's Café", None)
        .await;
    assert_eq!(customer.parent_id, Some(reseller.id));
    assert_eq!(customer.slug, "bob-s-caf", "made of the name");
    assert!(customer.plan.is_none());
    assert_eq!(world.count("select count(*) from tenancy.subtree").await, 1 + 2 + 3);

    // In the log of whoever acted, and in its event stream.
    let entry = world.audit(root.tenant()).await.pop().unwrap();
    assert_eq!(
        (entry.action.as_str(), entry.subject.as_str()),
        ("tenancy.tenant.created", reseller.id.to_string().as_str())
    );
    assert_eq!(
        entry.after.unwrap(),
        json!({
            "kind": "reseller", "name": reseller.name, "slug": "acme", "state": "active", "plan": plan, "plan_version": 1,
            "owner": null,
        })
    );
    let (of, event) = world.events().await.pop().unwrap();
    assert_eq!(of, Some(reseller.id), "the customer was made by the reseller");
    assert_eq!(event["type"], "tenancy.tenant.created.v1");
    assert_eq!(event["subject"], customer.id.to_string());
    assert_eq!(world.audit(customer.id).await.len(), 0);
}

#[tokio::test]
async fn a_customer_creates_no_tenants_and_nobody_another_platform() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let error = world
        .service
        .create_tenant(&world.owner(&customer), tenant(TenantKind::Customer, "Below"))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, Error::NotASeller), "{error}");
    let error = world
        .service
        .create_tenant(&world.root(), tenant(TenantKind::Platform, "Two"))
        .await
        .err()
        .unwrap();
    assert_eq!(error.fields()[0].pointer, "/kind");
    for role in [Role::Developer, Role::Viewer] {
        let cx = world.cx(world.tenancy.platform(), TenantKind::Platform, role);
        let error = world
            .service
            .create_tenant(&cx, tenant(TenantKind::Customer, "No"))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Forbidden);
    }
    let cx = world.root_with_scopes(&["tenancy.tenant:read"]);
    let error = world
        .service
        .create_tenant(&cx, tenant(TenantKind::Customer, "No"))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert_eq!(world.count("select count(*) from tenancy.tenants").await, 2);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_stays() {
    let world = World::new().await;
    for name in ["", "   ", "a\nb", "a\u{202e}b", "a\u{2028}b", &"x".repeat(101)] {
        let new = CreateTenant {
            owner: person("ada@example.com").map(|owner| crate::service::Owner {
                name: name.to_owned(),
                ..owner
            }),
            ..tenant(TenantKind::Customer, name)
        };
        let error = world.service.create_tenant(&world.root(), new).await.err().unwrap();
        let pointers: Vec<_> = error.fields().into_iter().map(|field| field.pointer).collect();
        assert_eq!(pointers, ["/name", "/owner/name"], "{name:?}");
    }
    let new = CreateTenant {
        plan: Some(mpanel_kernel::ids::PlanId::generate()),
        ..tenant(TenantKind::Customer, "x".repeat(100).as_str())
    };
    let error = world.service.create_tenant(&world.root(), new).await.err().unwrap();
    assert_eq!(error.fields()[0].pointer, "/plan_id");
    assert_eq!(world.count("select count(*) from tenancy.tenants").await, 1);
    assert_eq!(world.count("select count(*) from tenancy.subtree").await, 1);
}

#[tokio::test]
async fn an_owners_activation_is_shown_once_even_to_a_replay() {
    let world = World::new().await;
    let new = || CreateTenant {
        owner: person("ada@example.com"),
        ..tenant(TenantKind::Customer, "Ada's shop")
    };
    let first = world
        .service
        .create_tenant(&world.root_with_key("k1", 1), new())
        .await
        .unwrap();
    let activation = first.activation.unwrap();
    assert!(
        activation.url_path.starts_with("/activate#activate_"),
        "{}",
        activation.url_path
    );
    assert!(activation.expires_at > world.now());

    let again = world
        .service
        .create_tenant(&world.root_with_key("k1", 1), new())
        .await
        .unwrap();
    assert_eq!(again.tenant, first.tenant);
    assert!(again.activation.is_none());
    assert_eq!(world.count("select count(*) from tenancy.tenants").await, 2);

    let error = world
        .service
        .create_tenant(&world.root_with_key("k1", 2), new())
        .await
        .err()
        .unwrap();
    assert_eq!(error.code(), "spine.idempotency.key_reused");

    let ada = world.accounts.activate("ada@example.com");
    let acting = world.acting(ada, first.tenant.id).await.unwrap();
    assert_eq!(
        (acting.role == Role::Owner, acting.kind, acting.assumed_from),
        (true, TenantKind::Customer, None)
    );
    // Somebody who has an account needs no link.
    let second = world.service.create_tenant(&world.root(), new()).await.unwrap();
    assert!(second.activation.is_none());
    let names: Vec<_> = world
        .tenancy
        .of_user(ada)
        .await
        .unwrap()
        .into_iter()
        .map(|m| m.tenant.id)
        .collect();
    assert_eq!(names, [first.tenant.id, second.tenant.id]);
    // The log names the owner by id only.
    let entry = world.audit(world.tenancy.platform()).await.pop().unwrap();
    assert_eq!(entry.after.unwrap()["owner"], ada.to_string());
}

#[tokio::test]
async fn who_is_suspended_does_not_grow_below_either() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let below = world
        .child(&world.owner(&reseller), TenantKind::Reseller, "S", None)
        .await;
    let patch = TenantPatch {
        name: None,
        state: Some(TenantState::Suspended),
        seen: None,
    };
    world
        .service
        .update_tenant(&world.root(), reseller.id, patch)
        .await
        .unwrap();
    for seller in [&reseller, &below] {
        let new = tenant(TenantKind::Customer, "More");
        let error = world
            .service
            .create_tenant(&world.owner(seller), new)
            .await
            .err()
            .unwrap();
        assert_eq!(
            (error.kind(), error.code()),
            (Kind::Forbidden, "tenancy.tenant.suspended")
        );
    }
    assert_eq!(world.count("select count(*) from tenancy.tenants").await, 3);
}
