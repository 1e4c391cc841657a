//! Who may have the link of somebody who was invited already.

use mpanel_authz::{OpCx, OpCxParts, Role as BuiltIn, RoleRef, Scopes, TenantKind};

use super::{SEE, person};
use crate::error::Error;
use crate::tests::support::World;

/// Whoever holds the link of an invitation becomes what was offered by it.
#[tokio::test]
async fn v8_2_2_the_link_of_who_is_invited_already_is_for_those_who_could_offer_as_much() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let nothing = world.role(&own, "Nothing", &[]).await;
    let mighty = world.role(&own, "Mighty", SEE).await;
    let access = ["tenancy.member:list", "tenancy.member:manage-access"];
    let scopes = access.iter().map(ToString::to_string).collect();
    let weak = [
        world.with(&customer, &access, false),
        OpCx::new(OpCxParts {
            scopes: Some(Scopes::stored(scopes)),
            ..world.parts(customer.id, TenantKind::Customer, BuiltIn::Owner)
        }),
    ];
    let offered: [RoleRef; 3] = [
        BuiltIn::Admin.into(),
        BuiltIn::Viewer.into(),
        RoleRef::Custom(mighty.id),
    ];
    for (n, role) in offered.into_iter().enumerate() {
        let email = format!("new{n}@example.com");
        let invite = world.service.add_member(&own, customer.id, person(&email, role));
        assert!(invite.await.unwrap().activation.is_some());
        for cx in &weak {
            let again = person(&email, RoleRef::Custom(nothing.id));
            let again = world.service.add_member(cx, customer.id, again).await;
            assert!(matches!(again, Err(Error::AlreadyMember)), "{role}");
        }
        let again = person(&email, RoleRef::Custom(nothing.id));
        let again = world.service.add_member(&own, customer.id, again).await.unwrap();
        assert!(again.activation.is_some() && again.member.role == role);
    }
    let little = person("little@example.com", RoleRef::Custom(nothing.id));
    world.service.add_member(&own, customer.id, little).await.unwrap();
    for cx in &weak {
        let again = person("little@example.com", RoleRef::Custom(nothing.id));
        let again = world.service.add_member(cx, customer.id, again).await.unwrap();
        assert!(again.activation.is_some(), "what one has oneself");
    }
}
