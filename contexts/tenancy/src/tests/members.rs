//! Who belongs where, and by what right somebody acts.

use mpanel_authz::{Rights, Role, TenantKind, actions};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::UserId;
use mpanel_tenancy_contract::{Acting, Memberships};
use serde_json::json;

use crate::domain::Tenant;
use crate::error::Error;
use crate::service::AddMember;
use crate::store;
use crate::tests::support::World;

fn member(email: &str, role: Role) -> AddMember {
    AddMember {
        email: email.parse().unwrap(),
        name: "Somebody".to_owned(),
        role: role.into(),
    }
}

impl World {
    /// Puts an active user straight into a tenant.
    async fn join(&self, tenant: &Tenant, email: &str, role: Role) -> UserId {
        let user = self.accounts.activate(email);
        let mut tx = self.tenant_tx(tenant.id).await;
        Memberships::join(&self.tenancy, &mut tx, user, role.into(), self.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        user
    }
}

#[tokio::test]
async fn a_member_is_added_listed_and_removed() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let added = world
        .service
        .add_member(&own, customer.id, member("dev@example.com", Role::Developer))
        .await
        .unwrap();
    assert!(added.activation.unwrap().url_path.starts_with("/activate#"));
    assert!(!added.member.active);
    let listed = world.service.list_members(&own, customer.id).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].user, listed[0].email.as_str()),
        (added.member.user, "dev@example.com")
    );
    assert_eq!(
        (listed[0].role, listed[0].created_at),
        (Role::Developer.into(), world.now())
    );

    let twice = world
        .service
        .add_member(&own, customer.id, member("dev@example.com", Role::Admin))
        .await;
    // The link may have been lost: asking again makes another one, and the role stays.
    let twice = twice.unwrap();
    assert!(twice.activation.is_some());
    assert_eq!(twice.member.role, Role::Developer);
    world.accounts.activate("dev@example.com");
    let thrice = world
        .service
        .add_member(&own, customer.id, member("dev@example.com", Role::Admin))
        .await;
    assert!(matches!(thrice, Err(Error::AlreadyMember)));
    world
        .service
        .remove_member(&own, customer.id, added.member.user)
        .await
        .unwrap();
    assert!(world.service.list_members(&own, customer.id).await.unwrap().is_empty());
    let gone = world.service.remove_member(&own, customer.id, added.member.user).await;
    assert!(matches!(gone, Err(Error::NotFound)));

    let log = world.audit(customer.id).await;
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["tenancy.member.added", "tenancy.member.added", "tenancy.member.removed"]
    );
    assert_eq!(log[0].after.as_ref().unwrap()["role"], "developer");
    assert_eq!(log[2].before.as_ref().unwrap()["role"], "developer");
    let (of, event) = world.events().await.pop().unwrap();
    assert_eq!(
        (of, &event["type"]),
        (Some(customer.id), &json!("tenancy.member.removed.v1"))
    );
    assert_eq!(event["subject"], added.member.user.to_string());
}

#[tokio::test]
async fn the_last_owner_stays() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let one = world.join(&customer, "one@example.com", Role::Owner).await;
    let own = world.owner(&customer);
    let error = world.service.remove_member(&own, customer.id, one).await.err().unwrap();
    assert!(matches!(error, Error::OwnerStays));
    let two = world.join(&customer, "two@example.com", Role::Owner).await;
    // Both leave at once: one of them stays.
    let (first, second) = tokio::join!(
        world.service.remove_member(&own, customer.id, one),
        world.service.remove_member(&own, customer.id, two),
    );
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    assert_eq!(world.service.list_members(&own, customer.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_admin_makes_no_owner_and_removes_none() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let owner = world.join(&customer, "one@example.com", Role::Owner).await;
    world.join(&customer, "two@example.com", Role::Owner).await;
    let admins = [
        world.cx(customer.id, TenantKind::Customer, Role::Admin),
        world.cx(world.tenancy.platform(), TenantKind::Platform, Role::Admin),
    ];
    for admin in admins {
        let new = member("new@example.com", Role::Owner);
        let error = world.service.add_member(&admin, customer.id, new).await.err().unwrap();
        assert_eq!(error.fields()[0].pointer, "/role");
        assert!(matches!(
            world.service.remove_member(&admin, customer.id, owner).await,
            Err(Error::OwnerStays)
        ));
        let email = format!("admin-{:?}@example.com", admin.tenant_kind()).to_lowercase();
        world
            .service
            .add_member(&admin, customer.id, member(&email, Role::Admin))
            .await
            .unwrap();
    }
    for role in [Role::Developer, Role::Viewer] {
        let cx = world.cx(customer.id, TenantKind::Customer, role);
        let error = world
            .service
            .add_member(&cx, customer.id, member("x@example.com", Role::Viewer))
            .await
            .err();
        assert_eq!(error.unwrap().kind(), Kind::Forbidden);
        assert_eq!(world.service.list_members(&cx, customer.id).await.unwrap().len(), 4);
        let error = world
            .service
            .remove_member(&cx, customer.id, owner)
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Forbidden);
    }
}

#[tokio::test]
async fn a_members_role_is_changed_and_recorded() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    world.join(&customer, "one@example.com", Role::Owner).await;
    let dev = world.join(&customer, "dev@example.com", Role::Developer).await;
    let changed = world
        .service
        .update_member(&own, customer.id, dev, Role::Admin.into())
        .await;
    let changed = changed.unwrap();
    assert_eq!((changed.user, changed.role), (dev, Role::Admin.into()));
    let entry = world.audit(customer.id).await.pop().unwrap();
    assert_eq!(entry.action, "tenancy.member.changed");
    assert_eq!(
        (&entry.before.unwrap()["role"], &entry.after.unwrap()["role"]),
        (&json!("developer"), &json!("admin"))
    );
    let (of, event) = world.events().await.pop().unwrap();
    assert_eq!(
        (of, &event["type"], &event["data"]["role"]),
        (Some(customer.id), &json!("tenancy.member.changed.v1"), &json!("admin"))
    );
    // From above, and with effect.
    let changed = world
        .service
        .update_member(&world.root(), customer.id, dev, Role::Viewer.into())
        .await;
    assert_eq!(changed.unwrap().role, Role::Viewer);
    let acting = world.acting(dev, customer.id).await.unwrap();
    assert_eq!(acting.role, Role::Viewer);
    let stranger = UserId::generate();
    let gone = world
        .service
        .update_member(&own, customer.id, stranger, Role::Admin.into())
        .await;
    assert!(matches!(gone, Err(Error::NotFound)));
    let other = world.customer("D").await;
    let elsewhere = world
        .service
        .update_member(&world.owner(&other), customer.id, dev, Role::Admin.into())
        .await;
    assert!(matches!(elsewhere, Err(Error::NotFound)));
}

/// Identity keeps the membership of a program with its account: here it could only be brought out of step.
#[tokio::test]
async fn the_membership_of_a_program_is_neither_changed_nor_removed_as_a_persons() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let program = UserId::generate();
    let mut tx = world.tenant_tx(customer.id).await;
    Memberships::join(&world.tenancy, &mut tx, program, Role::Viewer.into(), world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let before = world.audit(customer.id).await.len();
    for cx in [&own, &world.root()] {
        let changed = world
            .service
            .update_member(cx, customer.id, program, Role::Admin.into())
            .await;
        assert!(matches!(changed, Err(Error::NotFound)));
        let removed = world.service.remove_member(cx, customer.id, program).await;
        assert!(matches!(removed, Err(Error::NotFound)));
    }
    assert_eq!(world.acting(program, customer.id).await.unwrap().role, Role::Viewer);
    assert_eq!(world.audit(customer.id).await.len(), before);
}

/// The administrator who invited them holds the link.
#[tokio::test]
async fn who_has_not_activated_the_account_is_made_no_owner() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let waiting = member("new@example.com", Role::Developer);
    let waiting = world
        .service
        .add_member(&own, customer.id, waiting)
        .await
        .unwrap()
        .member;
    let update = async |role: Role| {
        let changed = world
            .service
            .update_member(&own, customer.id, waiting.user, role.into());
        changed.await
    };
    assert_eq!(update(Role::Owner).await.err().unwrap().fields()[0].pointer, "/role");
    assert_eq!(update(Role::Admin).await.unwrap().role, Role::Admin);
}

#[tokio::test]
async fn owners_are_made_and_unmade_by_owners_and_one_stays() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let one = world.join(&customer, "one@example.com", Role::Owner).await;
    let dev = world.join(&customer, "dev@example.com", Role::Developer).await;
    let last = world
        .service
        .update_member(&own, customer.id, one, Role::Admin.into())
        .await;
    assert!(matches!(last, Err(Error::OwnerStays)));
    world
        .service
        .update_member(&own, customer.id, one, Role::Owner.into())
        .await
        .expect("an owner stays an owner");
    for admin in [
        world.cx(customer.id, TenantKind::Customer, Role::Admin),
        world.cx(world.tenancy.platform(), TenantKind::Platform, Role::Admin),
    ] {
        let above = world
            .service
            .update_member(&admin, customer.id, dev, Role::Owner.into())
            .await;
        assert_eq!(above.err().unwrap().fields()[0].code, "tenancy.member.owner_by_owner");
        let unmade = world
            .service
            .update_member(&admin, customer.id, one, Role::Viewer.into())
            .await;
        assert!(matches!(unmade, Err(Error::OwnerStays)));
        world
            .service
            .update_member(&admin, customer.id, dev, Role::Admin.into())
            .await
            .unwrap();
    }
    for role in [Role::Developer, Role::Viewer] {
        let cx = world.cx(customer.id, TenantKind::Customer, role);
        let error = world
            .service
            .update_member(&cx, customer.id, dev, Role::Viewer.into())
            .await;
        assert_eq!(error.err().unwrap().kind(), Kind::Forbidden);
    }
    // Two owners step down at once: one of them stays.
    world
        .service
        .update_member(&own, customer.id, dev, Role::Owner.into())
        .await
        .unwrap();
    let (first, second) = tokio::join!(
        world.service.update_member(&own, customer.id, one, Role::Viewer.into()),
        world.service.update_member(&own, customer.id, dev, Role::Viewer.into()),
    );
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
}

#[tokio::test]
async fn a_change_below_stands_in_the_log_of_the_tenant_below_with_its_origin() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let customer = world
        .child(&world.owner(&reseller), TenantKind::Customer, "C", None)
        .await;
    world
        .service
        .add_member(&world.root(), customer.id, member("a@example.com", Role::Admin))
        .await
        .unwrap();
    let entry = world.audit(customer.id).await.pop().unwrap();
    assert_eq!(entry.assumed_from, Some(world.tenancy.platform()));
    assert_eq!(entry.action, "tenancy.member.added");
    let (of, _) = world.events().await.pop().unwrap();
    assert_eq!(of, Some(customer.id));
    let to_others = world.audit(reseller.id).await;
    assert!(to_others.iter().all(|entry| entry.action != "tenancy.member.added"));
    // Where somebody belongs, nothing is assumed.
    world
        .service
        .add_member(
            &world.owner(&customer),
            customer.id,
            member("b@example.com", Role::Viewer),
        )
        .await
        .unwrap();
    assert_eq!(world.audit(customer.id).await.pop().unwrap().assumed_from, None);
}

#[tokio::test]
async fn a_replay_adds_nobody_and_shows_no_link() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let add = || {
        let cx = world.root_with_key("k", 1);
        let new = member("dev@example.com", Role::Developer);
        async move { (cx, new) }
    };
    let (cx, new) = add().await;
    let first = world.service.add_member(&cx, customer.id, new).await.unwrap();
    assert!(first.activation.is_some());
    let (cx, new) = add().await;
    let again = world.service.add_member(&cx, customer.id, new).await.unwrap();
    assert!(again.activation.is_none());
    assert_eq!(again.member.user, first.member.user);
    assert_eq!(world.count("select count(*) from tenancy.members").await, 1);
}

#[tokio::test]
async fn a_right_to_act_is_ones_own_or_reaches_down_from_the_nearest() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let customer = world
        .child(&world.owner(&reseller), TenantKind::Customer, "C", None)
        .await;
    let other = world.customer("Other").await;
    let acting = async |user, tenant: &Tenant| world.acting(user, tenant.id).await;
    let right = |role, kind, assumed_from| {
        Some(Acting {
            kind,
            role: Rights::BuiltIn(role),
            assumed_from,
            assumption: None,
            suspended: false,
            demands_consent: false,
            of_platform: false,
        })
    };

    let admin = world.join(&reseller, "admin@example.com", Role::Admin).await;
    assert_eq!(
        acting(admin, &reseller).await,
        right(Role::Admin, TenantKind::Reseller, None)
    );
    assert_eq!(
        acting(admin, &customer).await,
        right(Role::Admin, TenantKind::Customer, Some(reseller.id))
    );
    assert_eq!(acting(admin, &other).await, None);

    let viewer = world.join(&reseller, "viewer@example.com", Role::Viewer).await;
    assert_eq!(acting(viewer, &customer).await, None, "a viewer does not reach down");
    let developer = world.join(&customer, "dev@example.com", Role::Developer).await;
    assert_eq!(acting(developer, &reseller).await, None, "nobody reaches up");
    world.join(&customer, "admin@example.com", Role::Viewer).await;
    assert_eq!(
        acting(admin, &customer).await,
        right(Role::Viewer, TenantKind::Customer, None),
        "one's own comes first"
    );
    assert_eq!(acting(UserId::generate(), &customer).await, None);

    let all = world.tenancy.of_user(admin).await.unwrap();
    let names: Vec<_> = all.iter().map(|m| (m.tenant.name.as_str(), m.role)).collect();
    assert_eq!(names, [("C", Role::Viewer.into()), ("R", Role::Admin.into())]);
}

#[tokio::test]
async fn nobody_is_put_into_a_tenant_elsewhere() {
    let world = World::new().await;
    let (one, other) = (world.customer("One").await, world.customer("Other").await);
    let mut tx = world.tenant_tx(one.id).await;
    let user = world.accounts.activate("a@example.com");
    let join = store::members::join(&mut tx, user, Role::Viewer.into(), world.now());
    assert!(join.await.unwrap());
    let again = store::members::join(&mut tx, user, Role::Owner.into(), world.now());
    assert!(!again.await.unwrap());
    assert_eq!(
        store::members::list(&mut tx).await.unwrap()[0].role,
        Role::Viewer,
        "the role stays"
    );
    let allowed = world.owner(&one).authorize(actions::Create).unwrap();
    let elsewhere = store::members::add_owner(&mut tx, &allowed, other.id, user, world.now());
    assert!(elsewhere.await.is_err());
    drop(tx);
    assert_eq!(world.count("select count(*) from tenancy.members").await, 0);
}

#[tokio::test]
async fn cve_2025_64423_an_admin_gets_no_new_link_for_an_owner() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let invited = world
        .service
        .add_member(&own, customer.id, member("new@example.com", Role::Owner))
        .await
        .unwrap();
    assert!(invited.activation.is_some());
    let admin = world.cx(customer.id, TenantKind::Customer, Role::Admin);
    let again = world
        .service
        .add_member(&admin, customer.id, member("new@example.com", Role::Viewer))
        .await;
    assert!(matches!(again, Err(Error::AlreadyMember)));
}

#[tokio::test]
async fn who_was_invited_stands_in_the_log_by_id_and_sealed_by_name() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let new = member("dev@example.com", Role::Developer);
    let added = world
        .service
        .add_member(&own, customer.id, new)
        .await
        .unwrap()
        .member
        .user;
    let log = world.audit(customer.id).await;
    let line = log.iter().find(|line| line.action == "tenancy.member.added").unwrap();
    let text = String::from_utf8(line.bytes.clone()).unwrap();
    assert!(!text.contains("dev@") && !text.contains("Somebody"), "{text}");
    let mut tx = world.tenant_tx(customer.id).await;
    let details = line.details(&mut tx, world.spine.vault()).await.unwrap();
    let facts = json!({"email": "dev@example.com", "name": "Somebody"});
    assert_eq!(details.facts, Some((added, mpanel_events::Opened::Known(facts))));
}
