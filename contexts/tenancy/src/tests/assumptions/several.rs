//! Who is a member in several places on the way down.

use mpanel_authz::{Actor, OpCx, OpCxParts, Rights, Role, RoleRef, TenantKind};
use mpanel_tenancy_contract::{Acting, Memberships as _};

use super::{Scene, because, join};
use crate::service::CreateRole;

fn by(acting: &Acting) -> (Option<mpanel_kernel::ids::TenantId>, Option<Role>) {
    let role = match acting.role {
        Rights::BuiltIn(role) => Some(role),
        Rights::Custom(_) => None,
    };
    (acting.assumed_from, role)
}

#[tokio::test]
async fn who_is_made_a_member_of_less_further_down_keeps_what_they_have_above() {
    let scene = Scene::new().await;
    let (world, customer) = (&scene.world, scene.customer.id);
    let platform = world.tenancy.platform();
    let olga = join(world, platform, "olga@example.com", Role::Owner).await;
    let nothing = CreateRole {
        name: "Nothing".to_owned(),
        description: String::new(),
        permissions: Vec::new(),
        reaches_descendants: true,
    };
    let seller = world.owner(&scene.reseller);
    let nothing = world.service.create_role(&seller, nothing).await.unwrap();
    let root = OpCx::new(OpCxParts {
        actor: Actor::User(olga),
        ..world.parts(platform, TenantKind::Platform, Role::Owner)
    });
    // By the reseller, with a role that reaches down and may do nothing; and by the customer.
    for (tenant, role) in [
        (scene.reseller.id, RoleRef::Custom(nothing.id)),
        (customer, Role::Viewer.into()),
    ] {
        let mut tx = world.tenant_tx(tenant).await;
        world.tenancy.join(&mut tx, olga, role, world.now()).await.unwrap();
        tx.commit().await.unwrap();
        // Her programs are made for the platform.
        let acting = world.acting_via(olga, customer, Some(platform)).await.unwrap();
        assert_eq!(by(&acting), (Some(platform), Some(Role::Owner)));
        // And so is the leave that she takes.
        let open = world.service.assume(&root, customer, because("ticket 4711", 30)).await;
        let id = open.unwrap().assumption.id;
        let acting = world.acting(olga, customer).await.unwrap();
        assert_eq!(by(&acting), (Some(platform), Some(Role::Owner)));
        assert_eq!(acting.assumption.unwrap().id, id);
        world.service.end_assumption(&root, customer, id).await.unwrap();
    }
    // Otherwise, and for tokens of the customer's, she is what she is there.
    for via in [None, Some(customer)] {
        let acting = world.acting_via(olga, customer, via).await.unwrap();
        assert_eq!(by(&acting), (None, Some(Role::Viewer)));
    }
}
