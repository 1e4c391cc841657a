//! Who goes along, and as what.

use mpanel_authz::{OpCx, OpCxParts, Role, RoleRef, TenantKind};
use mpanel_kernel::error::{FieldError, PublicError as _};
use mpanel_kernel::ids::UserId;

use super::{Scene, how};
use crate::domain::merge::Becomes;
use crate::domain::{self, Tenant};
use crate::error::Error;
use crate::service::{AddMember, CreateRole};

impl Scene {
    async fn role(&self, tenant: &Tenant, name: &str, permissions: &[&str]) -> domain::Role {
        let new = CreateRole {
            name: name.to_owned(),
            description: "What they do".to_owned(),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            reaches_descendants: false,
        };
        self.world
            .service
            .create_role(&self.world.owner(tenant), new)
            .await
            .unwrap()
    }

    /// Role of each member, by address, and what it is called.
    async fn people(&self, tenant: &Tenant) -> Vec<(String, RoleRef, Option<String>)> {
        let members = self
            .world
            .service
            .list_members(&self.world.owner(tenant), tenant.id)
            .await
            .unwrap();
        let mut people: Vec<_> = members
            .into_iter()
            .map(|one| (one.email, one.role, one.role_name))
            .collect();
        people.sort_by(|one, other| one.0.cmp(&other.0));
        people
    }

    async fn role_of(&self, tenant: &Tenant, email: &str) -> RoleRef {
        let people = self.people(tenant).await;
        people.into_iter().find(|(address, ..)| address == email).unwrap().1
    }

    fn admin_of_platform(&self) -> OpCx {
        let platform = self.world.tenancy.platform();
        OpCx::new(OpCxParts {
            ..self.world.parts(platform, TenantKind::Platform, Role::Admin)
        })
    }
}

async fn in_the_way(scene: &Scene, cx: &OpCx) -> Vec<FieldError> {
    match scene.world.service.merge_tenant(cx, scene.sold.id, scene.how()).await {
        Err(Error::InTheWay(fields)) => fields,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn its_people_join_and_who_is_there_already_keeps_the_mightier_role() {
    let scene = Scene::new().await;
    let world = &scene.world;
    for (email, theirs, ours) in [
        ("joins@example.com", Role::Admin, None),
        ("owns@example.com", Role::Owner, None),
        ("rises@example.com", Role::Owner, Some(Role::Developer)),
        ("stays@example.com", Role::Viewer, Some(Role::Admin)),
        ("equal@example.com", Role::Admin, Some(Role::Admin)),
    ] {
        world.joins(&scene.sold, email, theirs).await;
        if let Some(ours) = ours {
            world.joins(&scene.buyer, email, ours).await;
        }
    }
    let shown: Vec<Becomes> = scene
        .outlook()
        .await
        .members
        .into_iter()
        .map(|one| one.becomes)
        .collect();
    let expected = [
        Becomes::Joins(Role::Admin.into()),
        Becomes::Joins(Role::Owner.into()),
        Becomes::Rises(Role::Owner.into()),
        Becomes::Stays,
        Becomes::Stays,
    ];
    assert!(
        shown.len() == 5 && expected.iter().all(|one| shown.contains(one)),
        "{shown:?}"
    );
    scene.merge().await;
    for (email, role) in [
        ("joins@example.com", Role::Admin),
        ("owns@example.com", Role::Owner),
        ("rises@example.com", Role::Owner),
        ("stays@example.com", Role::Admin),
        ("equal@example.com", Role::Admin),
    ] {
        assert_eq!(scene.role_of(&scene.buyer, email).await, RoleRef::from(role), "{email}");
    }
    let joined: UserId = world.accounts.activate("joins@example.com");
    let acting = world.acting(joined, scene.deep.id).await.unwrap();
    assert_eq!(
        acting.assumed_from,
        Some(scene.buyer.id),
        "they reach those below by their new membership"
    );
    let log = world.audit(scene.buyer.id).await;
    let said = |action: &str| log.iter().filter(|entry| entry.action == action).count();
    assert_eq!((said("tenancy.member.added"), said("tenancy.member.changed")), (2, 1));
}

#[tokio::test]
async fn roles_that_somebody_needs_go_along_under_a_name_that_is_free() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let support = scene
        .role(&scene.sold, "Support", &["tenancy.tenant:list", "tenancy.tenant:read"])
        .await;
    scene.role(&scene.sold, "Unused", &["tenancy.tenant:list"]).await;
    let narrow = scene.role(&scene.buyer, "support", &["tenancy.tenant:list"]).await;
    world
        .joins(&scene.sold, "sue@example.com", RoleRef::Custom(support.id))
        .await;
    world
        .joins(&scene.sold, "tom@example.com", RoleRef::Custom(support.id))
        .await;
    world
        .joins(&scene.buyer, "tom@example.com", RoleRef::Custom(narrow.id))
        .await;
    // It gives less than what they have, and more, so neither is the mightier.
    world
        .joins(&scene.sold, "una@example.com", RoleRef::Custom(support.id))
        .await;
    let other = scene.role(&scene.buyer, "Other", &["tenancy.plan:list"]).await;
    world
        .joins(&scene.buyer, "una@example.com", RoleRef::Custom(other.id))
        .await;

    let shown = scene.outlook().await.roles;
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].id, shown[0].becomes.as_str()), (support.id, "Support (2)"));
    scene.merge().await;
    let people = scene.people(&scene.buyer).await;
    let called = |name: &str| Some(name.to_owned());
    let names: Vec<_> = people
        .iter()
        .map(|(email, _, name)| (email.as_str(), name.clone()))
        .collect();
    assert_eq!(
        names,
        [
            ("sue@example.com", called("Support (2)")),
            ("tom@example.com", called("Support (2)")),
            ("una@example.com", called("Other")),
        ]
    );
    assert_ne!(people[0].1, RoleRef::Custom(support.id), "it is another tenant's");
    let copy = world
        .service
        .get_role(&world.owner(&scene.buyer), people[0].1.custom().unwrap())
        .await
        .unwrap();
    assert_eq!(
        (copy.permissions, copy.description),
        (support.permissions, support.description)
    );
}

#[tokio::test]
async fn who_has_not_accepted_an_invitation_gets_one_of_the_new_tenant() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let invite = async |tenant: &Tenant, email: &str| {
        let new = AddMember {
            email: email.parse().unwrap(),
            name: "Ada".to_owned(),
            role: Role::Developer.into(),
        };
        world
            .service
            .add_member(&world.owner(tenant), tenant.id, new)
            .await
            .unwrap()
            .member
            .user
    };
    invite(&scene.sold, "waits@example.com").await;
    let both = invite(&scene.sold, "both@example.com").await;
    let same = invite(&scene.buyer, "both@example.com").await;
    assert_eq!(both, same, "accounts of tests have no homes");
    let shown = scene.outlook().await.members;
    let of = |email: &str| shown.iter().find(|one| one.email.as_str() == email).unwrap().becomes;
    assert_eq!(of("waits@example.com"), Becomes::IsInvited(Role::Developer.into()));
    assert_eq!(of("both@example.com"), Becomes::Stays);
    scene.merge().await;
    let log = world.audit(scene.buyer.id).await;
    let invited = log
        .iter()
        .rfind(|entry| entry.action == "tenancy.member.added")
        .unwrap();
    assert!(
        invited.after.as_ref().unwrap().get("email").is_none(),
        "nobody is named in the open"
    );
    assert_eq!(
        scene.role_of(&scene.buyer, "waits@example.com").await,
        RoleRef::from(Role::Developer)
    );
}

#[tokio::test]
async fn nobody_makes_people_by_it_what_they_could_not_make_them_otherwise() {
    let scene = Scene::new().await;
    let world = &scene.world;
    world.joins(&scene.sold, "owns@example.com", Role::Owner).await;
    let admin = scene.admin_of_platform();
    let fields = in_the_way(&scene, &admin).await;
    assert_eq!(fields.len(), 1);
    assert_eq!(
        (&*fields[0].pointer, &*fields[0].code),
        ("/members", "tenancy.member.owner_by_owner")
    );
    assert!(fields[0].message.contains("owns@example.com"), "{}", fields[0].message);
    // Without its people it is theirs to do.
    let mut without = scene.how();
    without.members = false;
    world
        .service
        .merge_tenant(&admin, scene.sold.id, without)
        .await
        .unwrap();
    assert!(scene.people(&scene.buyer).await.is_empty());
}

#[tokio::test]
async fn a_tenant_that_wants_to_be_asked_is_not_given_people_from_above() {
    let scene = Scene::new().await;
    let world = &scene.world;
    world.joins(&scene.sold, "joins@example.com", Role::Admin).await;
    let buyer = world.owner(&scene.buyer);
    world
        .service
        .set_support_settings(&buyer, scene.buyer.id, true, None)
        .await
        .unwrap();
    let fields = in_the_way(&scene, &world.root()).await;
    assert_eq!(
        (&*fields[0].pointer, &*fields[0].code),
        ("/members", "tenancy.merge.consent_required")
    );
    let mut without = how(&scene.sold, &scene.buyer, 4);
    without.members = false;
    world
        .service
        .merge_tenant(&world.root(), scene.sold.id, without)
        .await
        .unwrap();
}

#[tokio::test]
async fn who_may_not_change_the_people_there_is_refused() {
    let scene = Scene::new().await;
    let world = &scene.world;
    world.joins(&scene.sold, "joins@example.com", Role::Viewer).await;
    let scoped = world.root_with_scopes(&["tenancy.tenant:*", "tenancy.plan:*"]);
    let refused = world.service.merge_tenant(&scoped, scene.sold.id, scene.how()).await;
    assert_eq!(refused.err().unwrap().code(), "request.forbidden");
    let scoped = world.root_with_scopes(&["tenancy.tenant:*", "tenancy.member:*"]);
    let refused = world.service.merge_tenant(&scoped, scene.sold.id, scene.how()).await;
    assert_eq!(refused.err().unwrap().code(), "request.forbidden", "plans go along");
}
