//! Changes of a role that somebody else has changed meanwhile.

use super::{SEE, only};
use crate::error::Error;
use crate::service::RolePatch;
use crate::tests::support::World;

/// Of two who change it at once, one is told: what was judged is what was there.
#[tokio::test]
async fn v15_4_2_a_role_is_changed_only_as_it_was_seen() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let own = world.owner(&customer);
    let made = world.role(&own, "Helper", SEE).await;
    let unseen = RolePatch {
        seen: Some(made.version + 1),
        ..only(&[])
    };
    // Also for a version that is still to come, which the change itself would not meet.
    let refused = world.service.update_role(&own, made.id, unseen).await;
    assert!(matches!(refused, Err(Error::Stale)));
    let smith = world.with(&customer, &["tenancy.role:modify"], false);
    let beyond = RolePatch {
        seen: Some(made.version + 1),
        ..only(&[SEE, &["tenancy.member:list"]].concat())
    };
    let early = world.service.update_role(&smith, made.id, beyond).await;
    assert!(matches!(early, Err(Error::Stale)), "before it is judged");
    assert_eq!(world.service.get_role(&own, made.id).await.unwrap(), made);
}
