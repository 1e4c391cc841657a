//! Roles that tenants define, and that nobody hands on what they do not have.

use std::borrow::Cow;
use std::sync::Arc;

use mpanel_authz::{CustomRole, OpCx, OpCxParts, Rights, Role as BuiltIn, RoleRef, Scopes, TenantKind};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::RoleId;
use mpanel_kernel::paging::PageRequest;
use mpanel_tenancy_contract::Memberships as _;
use serde_json::json;

use crate::domain::{Role, Tenant};
use crate::error::Error;
use crate::service::{AddMember, CreateRole, RolePatch};
use crate::tests::support::World;

mod offered;
mod seen;

const SEE: &[&str] = &["tenancy.tenant:list", "tenancy.tenant:read"];

fn role(name: &str, permissions: &[&str]) -> CreateRole {
    CreateRole {
        name: name.to_owned(),
        description: String::new(),
        permissions: permissions.iter().map(ToString::to_string).collect(),
        reaches_descendants: false,
    }
}

fn person(email: &str, role: impl Into<RoleRef>) -> AddMember {
    AddMember {
        email: email.parse().unwrap(),
        name: "Somebody".to_owned(),
        role: role.into(),
    }
}

fn only(permissions: &[&str]) -> RolePatch {
    RolePatch {
        permissions: Some(permissions.iter().map(ToString::to_string).collect()),
        ..RolePatch::default()
    }
}

/// The code of the field that was refused, and the field.
fn refused<T>(result: Result<T, Error>) -> (Cow<'static, str>, String) {
    let error = result.err().expect("it is refused");
    let fields = error.fields();
    let field = fields.first().unwrap_or_else(|| panic!("a field: {error:?}"));
    (field.code.clone(), field.pointer.to_string())
}

const BEYOND: Cow<'static, str> = Cow::Borrowed("tenancy.role.beyond_own");

impl World {
    async fn role(&self, cx: &OpCx, name: &str, permissions: &[&str]) -> Role {
        self.service.create_role(cx, role(name, permissions)).await.unwrap()
    }

    /// Somebody of `tenant` with these permissions.
    fn with(&self, tenant: &Tenant, permissions: &[&str], reaches_descendants: bool) -> OpCx {
        OpCx::new(OpCxParts {
            role: Rights::Custom(Arc::new(CustomRole {
                id: RoleId::generate(),
                permissions: permissions.iter().map(ToString::to_string).collect(),
                reaches_descendants,
            })),
            ..self.parts(tenant.id, tenant.kind, BuiltIn::Viewer)
        })
    }
}

#[tokio::test]
async fn a_role_is_made_seen_changed_given_and_removed() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let made = world
        .role(&own, "Bookkeeper", &[SEE, &["tenancy.tenant:list"]].concat())
        .await;
    assert_eq!(made.permissions, SEE, "sorted, and each once");
    assert_eq!((made.version, made.members, made.reaches_descendants), (1, 0, false));
    assert_eq!(world.service.get_role(&own, made.id).await.unwrap(), made);

    let named = world.service.create_role(&own, role("BOOKKEEPER", &[])).await;
    assert!(matches!(named, Err(Error::RoleNameTaken)));
    let changed = only(&["tenancy.member:list"]);
    let changed = world.service.update_role(&own, made.id, changed).await.unwrap();
    assert_eq!((changed.version, changed.permissions.len()), (2, 1));
    let late = RolePatch {
        seen: Some(1),
        ..RolePatch::default()
    };
    let late = world.service.update_role(&own, made.id, late).await;
    assert!(matches!(late, Err(Error::Stale)));

    let added = person("dev@example.com", RoleRef::Custom(made.id));
    let added = world.service.add_member(&own, customer.id, added).await.unwrap().member;
    assert_eq!(added.role, RoleRef::Custom(made.id));
    assert_eq!(added.role_name.as_deref(), Some("Bookkeeper"));
    assert_eq!(world.service.get_role(&own, made.id).await.unwrap().members, 1);
    let used = world.service.delete_role(&own, made.id).await;
    assert!(matches!(used, Err(Error::RoleInUse)));
    let viewer = BuiltIn::Viewer.into();
    world
        .service
        .update_member(&own, customer.id, added.user, viewer)
        .await
        .unwrap();
    world.service.delete_role(&own, made.id).await.unwrap();
    assert!(matches!(
        world.service.get_role(&own, made.id).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        world.service.delete_role(&own, made.id).await,
        Err(Error::NotFound)
    ));

    let log = world.audit(customer.id).await;
    let of_roles: Vec<_> = log
        .iter()
        .filter(|entry| entry.action.starts_with("tenancy.role."))
        .collect();
    let actions: Vec<_> = of_roles.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["tenancy.role.created", "tenancy.role.changed", "tenancy.role.removed"]
    );
    assert_eq!(of_roles[1].before.as_ref().unwrap()["permissions"], json!(SEE));
    assert_eq!(
        of_roles[1].after.as_ref().unwrap()["permissions"],
        json!(["tenancy.member:list"])
    );
}

#[tokio::test]
async fn what_a_role_gives_acts_and_changes_at_the_next_look() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let made = world.role(&own, "Helper", SEE).await;
    let user = world.joins(&customer, "h@example.com", RoleRef::Custom(made.id)).await;
    let rights = async || match world.acting(user, customer.id).await.unwrap().role {
        Rights::Custom(role) => role.permissions.clone(),
        Rights::BuiltIn(role) => panic!("{role:?}"),
    };
    assert_eq!(rights().await, SEE);
    let more = only(&["tenancy.member:list"]);
    world.service.update_role(&own, made.id, more).await.unwrap();
    assert_eq!(rights().await, ["tenancy.member:list"]);
    let all = world.tenancy.of_user(user).await.unwrap();
    assert_eq!(
        (all[0].role, all[0].role_name.as_deref()),
        (RoleRef::Custom(made.id), Some("Helper"))
    );
}

#[tokio::test]
async fn v8_3_1_nobody_defines_a_role_with_more_than_they_have() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let made = world.role(&world.owner(&customer), "Helper", SEE).await;
    let smith = world.with(
        &customer,
        &["tenancy.role:create", "tenancy.role:modify", "tenancy.tenant:list"],
        false,
    );
    world.role(&smith, "Same", &["tenancy.tenant:list"]).await;
    let beyond = (BEYOND, "/permissions".to_owned());
    for more in ["tenancy.member:manage-access", "tenancy.role:delete"] {
        let new = world
            .service
            .create_role(&smith, role("More", &["tenancy.tenant:list", more]))
            .await;
        assert_eq!(refused(new), beyond, "{more}");
        let grown = only(&[SEE, &[more]].concat());
        let grown = world.service.update_role(&smith, made.id, grown).await;
        assert_eq!(refused(grown), beyond, "{more}");
    }
    // What others have put into it stays, and may go.
    let renamed = RolePatch {
        name: Some("Renamed".to_owned()),
        ..RolePatch::default()
    };
    world.service.update_role(&smith, made.id, renamed).await.unwrap();
    let less = only(&["tenancy.tenant:read"]);
    world.service.update_role(&smith, made.id, less).await.unwrap();
    let back = world
        .service
        .update_role(&smith, made.id, only(&["tenancy.tenant:list"]))
        .await;
    assert_eq!(back.unwrap().permissions, ["tenancy.tenant:list"]);
    let back = world.service.update_role(&smith, made.id, only(SEE)).await;
    assert_eq!(
        refused(back),
        beyond,
        "what was taken out is not put back by who does not have it"
    );
}

/// By the role that they have, by one that they give themselves, and by whom they invite.
#[tokio::test]
async fn v8_2_1_nobody_raises_themselves() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let access = [
        "tenancy.member:list",
        "tenancy.member:manage-access",
        "tenancy.role:modify",
    ];
    let mine = world.role(&own, "People", &access).await;
    let more = world.role(&own, "More", &[&access[..], SEE].concat()).await;
    let user = world.joins(&customer, "p@example.com", RoleRef::Custom(mine.id)).await;
    let me = world.with(&customer, &access, false);

    let grown = world
        .service
        .update_role(&me, mine.id, only(&[&access[..], SEE].concat()))
        .await;
    assert_eq!(refused(grown).0, BEYOND, "the role that one has");
    for role in [RoleRef::Custom(more.id), BuiltIn::Viewer.into(), BuiltIn::Admin.into()] {
        let myself = world.service.update_member(&me, customer.id, user, role).await;
        assert_eq!(refused(myself), (BEYOND, "/role".to_owned()), "{role}");
        let friend = world
            .service
            .add_member(&me, customer.id, person("friend@example.com", role))
            .await;
        assert_eq!(refused(friend), (BEYOND, "/role".to_owned()), "{role}");
    }
    let owner = world
        .service
        .update_member(&me, customer.id, user, BuiltIn::Owner.into())
        .await;
    assert_eq!(refused(owner).0, "tenancy.member.owner_by_owner");
    let same = person("friend@example.com", RoleRef::Custom(mine.id));
    world.service.add_member(&me, customer.id, same).await.unwrap();
}

#[tokio::test]
async fn v8_2_1_a_token_gives_no_more_than_its_scopes() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let scoped = |scopes: &[&str]| {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        OpCx::new(OpCxParts {
            scopes: Some(Scopes::stored(scopes)),
            ..world.parts(customer.id, TenantKind::Customer, BuiltIn::Owner)
        })
    };
    let narrow = scoped(&["tenancy.role:*", "tenancy.member:*"]);
    let new = world.service.create_role(&narrow, role("More", SEE)).await;
    assert_eq!(refused(new).0, BEYOND);
    for role in [BuiltIn::Owner, BuiltIn::Admin, BuiltIn::Viewer] {
        let added = world
            .service
            .add_member(&narrow, customer.id, person("a@example.com", role))
            .await;
        assert_eq!(refused(added), (BEYOND, "/role".to_owned()), "{role:?}");
    }
    let made = world.role(&narrow, "Little", &["tenancy.member:list"]).await;
    let added = person("a@example.com", RoleRef::Custom(made.id));
    world.service.add_member(&narrow, customer.id, added).await.unwrap();
    let all = person("b@example.com", BuiltIn::Viewer);
    world
        .service
        .add_member(&scoped(&["*"]), customer.id, all)
        .await
        .unwrap();
}

#[tokio::test]
async fn whether_a_role_reaches_below_is_said_and_only_by_who_reaches() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let customer = world
        .child(&world.owner(&reseller), TenantKind::Customer, "C", None)
        .await;
    let own = world.owner(&reseller);
    let here = world.role(&own, "Here", SEE).await;
    let stays = world
        .joins(&reseller, "here@example.com", RoleRef::Custom(here.id))
        .await;
    let below = CreateRole {
        reaches_descendants: true,
        ..role("Below", SEE)
    };
    let below = world.service.create_role(&own, below).await.unwrap();
    let goes = world
        .joins(&reseller, "below@example.com", RoleRef::Custom(below.id))
        .await;
    assert!(world.acting(stays, customer.id).await.is_none());
    let acting = world.acting(goes, customer.id).await.unwrap();
    assert_eq!(acting.assumed_from, Some(reseller.id));
    assert_eq!(acting.role.role(), RoleRef::Custom(below.id));

    // Who has the same and does not reach makes none that does, turns none into one, and gives none.
    let all = [
        SEE,
        &[
            "tenancy.role:create",
            "tenancy.role:modify",
            "tenancy.member:manage-access",
        ],
    ]
    .concat();
    let smith = world.with(&reseller, &all, false);
    let new = CreateRole {
        reaches_descendants: true,
        ..role("Mine", SEE)
    };
    let field = ("tenancy.role.beyond_reach".into(), "/reaches_descendants".to_owned());
    assert_eq!(refused(world.service.create_role(&smith, new).await), field);
    let turned = RolePatch {
        reaches_descendants: Some(true),
        ..RolePatch::default()
    };
    assert_eq!(refused(world.service.update_role(&smith, here.id, turned).await), field);
    let given = world
        .service
        .update_member(&smith, reseller.id, stays, RoleRef::Custom(below.id))
        .await;
    assert_eq!(refused(given), ("tenancy.role.beyond_reach".into(), "/role".to_owned()));
    let grown = world
        .service
        .update_role(&smith, below.id, only(&[SEE, &["tenancy.role:create"]].concat()))
        .await;
    assert_eq!(
        refused(grown).0,
        "tenancy.role.beyond_reach",
        "what reaches grows by who reaches"
    );
    let taken = RolePatch {
        reaches_descendants: Some(false),
        ..RolePatch::default()
    };
    world.service.update_role(&smith, below.id, taken).await.unwrap();
    assert!(
        world.acting(goes, customer.id).await.is_none(),
        "from the next request on"
    );
}

#[tokio::test]
async fn what_means_nothing_here_is_no_permission_of_a_role() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    // A customer sells nothing.
    for strange in [
        "tenancy.plan:list",
        "sites.sitee:read",
        "tenancy.tenant:fly",
        "tenancy.tenant",
        "*",
        "",
    ] {
        let new = world
            .service
            .create_role(&own, role("R", &["tenancy.tenant:list", strange]))
            .await;
        let expected = ("tenancy.role.unknown_permission".into(), "/permissions/1".to_owned());
        assert_eq!(refused(new), expected, "{strange}");
    }
    for name in [
        "",
        "owner",
        "Admin",
        "VIEWER",
        "custom",
        &RoleId::generate().to_string(),
    ] {
        assert_eq!(
            refused(world.service.create_role(&own, role(name, &[])).await).1,
            "/name",
            "{name}"
        );
    }
    let gone = world.service.add_member(
        &own,
        customer.id,
        person("a@example.com", RoleRef::Custom(RoleId::generate())),
    );
    assert_eq!(refused(gone.await), ("tenancy.role.unknown".into(), "/role".to_owned()));
}

#[tokio::test]
async fn v8_4_1_another_tenants_roles_are_not_there() {
    let world = World::new().await;
    let (one, other) = (world.customer("One").await, world.customer("Other").await);
    let theirs = world.role(&world.owner(&other), "Theirs", SEE).await;
    let own = world.owner(&one);
    assert!(matches!(
        world.service.get_role(&own, theirs.id).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        world.service.update_role(&own, theirs.id, only(&[])).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        world.service.delete_role(&own, theirs.id).await,
        Err(Error::NotFound)
    ));
    assert!(
        world
            .service
            .list_roles(&own, PageRequest::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let given = world
        .service
        .add_member(&own, one.id, person("a@example.com", RoleRef::Custom(theirs.id)))
        .await;
    assert_eq!(refused(given), ("tenancy.role.unknown".into(), "/role".to_owned()));
    // Nor does the database let one be given.
    let mut tx = world.tenant_tx(one.id).await;
    let user = world.accounts.activate("b@example.com");
    assert!(
        world
            .tenancy
            .join(&mut tx, user, RoleRef::Custom(theirs.id), world.now())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let made = world.role(&world.owner(&customer), "Helper", SEE).await;
    for built_in in [BuiltIn::Developer, BuiltIn::Viewer] {
        let cx = world.cx(customer.id, TenantKind::Customer, built_in);
        assert_eq!(world.service.get_role(&cx, made.id).await.unwrap().name, "Helper");
        let forbidden = [
            world
                .service
                .create_role(&cx, role("R", &[]))
                .await
                .err()
                .unwrap()
                .kind(),
            world
                .service
                .update_role(&cx, made.id, only(&[]))
                .await
                .err()
                .unwrap()
                .kind(),
            world.service.delete_role(&cx, made.id).await.err().unwrap().kind(),
        ];
        assert_eq!(forbidden, [Kind::Forbidden; 3]);
    }
}

/// A role that goes while it is given to somebody: one of the two does not happen.
#[tokio::test]
async fn a_role_is_not_removed_while_it_is_given() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let user = world.joins(&customer, "h@example.com", BuiltIn::Viewer).await;
    for round in 0..5 {
        let made = world.role(&own, &format!("R{round}"), SEE).await;
        let (given, gone) = tokio::join!(
            world
                .service
                .update_member(&own, customer.id, user, RoleRef::Custom(made.id)),
            world.service.delete_role(&own, made.id),
        );
        assert_eq!(
            usize::from(given.is_ok()) + usize::from(gone.is_ok()),
            1,
            "{:?} {:?}",
            given.err(),
            gone.err()
        );
    }
}
