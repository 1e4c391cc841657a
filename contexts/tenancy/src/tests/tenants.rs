//! Reading and changing tenants.

use mpanel_authz::{Role, TenantKind};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use serde_json::json;

use crate::domain::TenantState;
use crate::error::Error;
use crate::service::TenantPatch;
use crate::tests::support::World;

fn rename(name: &str, seen: Option<i64>) -> TenantPatch {
    TenantPatch {
        name: Some(name.to_owned()),
        state: None,
        seen,
    }
}

fn put(state: TenantState) -> TenantPatch {
    TenantPatch {
        name: None,
        state: Some(state),
        seen: None,
    }
}

#[tokio::test]
async fn a_list_goes_through_everybody_below_in_pages() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let cx = world.owner(&reseller);
    let mut below = Vec::new();
    for n in 0..5 {
        below.push(world.child(&cx, TenantKind::Customer, &format!("C{n}"), None).await.id);
    }
    let sub = world.child(&cx, TenantKind::Reseller, "S", None).await;
    let deep = world
        .child(&world.owner(&sub), TenantKind::Customer, "Deep", None)
        .await;
    world.customer("Elsewhere").await;

    let mut seen: Vec<TenantId> = Vec::new();
    let mut page = PageRequest { limit: 3, after: None };
    loop {
        let got = world.service.list_tenants(&cx, None, page).await.unwrap();
        assert!(got.items.len() <= 3);
        seen.extend(got.items.iter().map(|tenant| tenant.id));
        match got.next_cursor {
            Some(cursor) => page = PageRequest::parse(Some(3), Some(&cursor)).unwrap(),
            None => break,
        }
    }
    below.extend([sub.id, deep.id]);
    assert_eq!(seen, below, "oldest first, each once, neither itself nor others");

    let children = world
        .service
        .list_tenants(&cx, Some(sub.id), PageRequest::default())
        .await
        .unwrap();
    assert_eq!(children.items.iter().map(|t| t.id).collect::<Vec<_>>(), [deep.id]);
    let others = world
        .service
        .list_tenants(&world.owner(&sub), Some(reseller.id), PageRequest::default())
        .await;
    assert!(
        others.unwrap().items.is_empty(),
        "the parent's children are not the child's to see"
    );
}

#[tokio::test]
async fn what_is_not_below_is_not_there() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let mine = world
        .child(&world.owner(&reseller), TenantKind::Customer, "Mine", None)
        .await;
    let other = world.customer("Other").await;
    let cx = world.owner(&reseller);
    assert_eq!(world.service.get_tenant(&cx, mine.id).await.unwrap(), mine);
    assert_eq!(world.service.get_tenant(&cx, reseller.id).await.unwrap(), reseller);
    for id in [other.id, world.tenancy.platform(), TenantId::generate()] {
        assert!(matches!(world.service.get_tenant(&cx, id).await, Err(Error::NotFound)));
        assert!(matches!(world.service.usage(&cx, id).await, Err(Error::NotFound)));
        assert!(matches!(
            world.service.update_tenant(&cx, id, rename("x", None)).await,
            Err(Error::NotFound)
        ));
        assert!(matches!(
            world.service.list_members(&cx, id).await,
            Err(Error::NotFound)
        ));
    }
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_seen() {
    let world = World::new().await;
    let customer = world.customer("Before").await;
    let root = world.root();
    let after = world
        .service
        .update_tenant(&root, customer.id, rename("After", Some(1)))
        .await
        .unwrap();
    assert_eq!((after.name.as_str(), after.version), ("After", 2));
    let error = world
        .service
        .update_tenant(&root, customer.id, rename("Again", Some(1)))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), Kind::Stale);
    assert_eq!(world.service.get_tenant(&root, customer.id).await.unwrap(), after);

    let entry = world.audit(root.tenant()).await.pop().unwrap();
    assert_eq!(entry.action, "tenancy.tenant.changed");
    let (before, mut after) = (entry.before.unwrap(), entry.after.unwrap());
    assert_eq!(
        (&before["name"], &before["state"]),
        (&json!("Before"), &json!("active"))
    );
    assert_eq!(after["name"], "After");
    after["name"] = before["name"].clone();
    assert_eq!(before, after, "the same of both, and nothing else has changed");
    let (of, event) = world.events().await.pop().unwrap();
    assert_eq!(
        (of, &event["type"]),
        (Some(root.tenant()), &json!("tenancy.tenant.changed.v1"))
    );
    assert_eq!(event["data"], json!({"state": "active"}), "no names in events");
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_told_that_it_was_late() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let root = world.root();
    let (one, two) = tokio::join!(
        world.service.update_tenant(&root, customer.id, rename("One", Some(1))),
        world.service.update_tenant(&root, customer.id, rename("Two", Some(1))),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    let late = one.err().or(two.err()).unwrap();
    assert_eq!(late.kind(), Kind::Stale);
    assert_eq!(world.service.get_tenant(&root, customer.id).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_tenant_renames_itself_and_does_not_resume_itself() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    world
        .service
        .update_tenant(&own, customer.id, rename("New", None))
        .await
        .unwrap();
    let suspended = world
        .service
        .update_tenant(&world.root(), customer.id, put(TenantState::Suspended))
        .await;
    assert_eq!(suspended.unwrap().state, TenantState::Suspended);
    let error = world
        .service
        .update_tenant(&own, customer.id, put(TenantState::Active))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, Error::OwnState), "{error}");
    // The function refuses it too, whatever the service asks of it.
    let mut tx = world.tenant_tx(customer.id).await;
    let allowed = own.authorize(mpanel_authz::actions::Modify).unwrap();
    let done = crate::store::tenants::update(&mut tx, &allowed, customer.id, 3, None, Some(TenantState::Active)).await;
    assert!(done.unwrap());
    let state = crate::store::tenants::get(&mut tx, customer.id)
        .await
        .unwrap()
        .unwrap()
        .state;
    assert_eq!(state, TenantState::Suspended);
    drop(tx);
    let resumed = world
        .service
        .update_tenant(&world.root(), customer.id, put(TenantState::Active))
        .await;
    assert_eq!(resumed.unwrap().state, TenantState::Active);
}

#[tokio::test]
async fn a_role_that_only_looks_changes_nothing() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    for role in [Role::Developer, Role::Viewer] {
        let cx = world.cx(world.tenancy.platform(), TenantKind::Platform, role);
        assert_eq!(world.service.get_tenant(&cx, customer.id).await.unwrap(), customer);
        let error = world
            .service
            .update_tenant(&cx, customer.id, rename("No", None))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Forbidden);
        let error = world.service.list_members(&cx, customer.id).await.err().unwrap();
        assert_eq!(
            error.kind(),
            Kind::Forbidden,
            "it may see the tenant and not act for it"
        );
    }
}
