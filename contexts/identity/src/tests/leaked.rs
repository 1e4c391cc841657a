//! Passwords that have leaked, on every way to set one.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::HEXUPPER;
use mpanel_authz::Role;

use super::support::{PASSWORD, World, activate, claim, code, presence};
use crate::service::{Activate, ChangePassword, Claim};

/// On the list that the program carries, and of twelve characters.
const LEAKED: &str = "matiasjerez123";
/// On the operator's.
const LISTED: &str = "a very secret password of ours";

#[tokio::test]
async fn v6_2_12_no_way_to_set_a_password_takes_one_that_leaked() {
    let world = World::new().await;
    let token = world.claim_token().await;
    let given = Claim {
        password: LEAKED,
        ..claim(&token)
    };
    assert_eq!(
        code(world.identity.claim(&presence(), given).await),
        "identity.password.breached"
    );
    world.identity.claim(&presence(), claim(&token)).await.unwrap();

    let customer = world.customer().await;
    let token = world
        .invite("ada@example.com", customer, Role::Owner)
        .await
        .activation
        .unwrap()
        .token;
    let given = Activate {
        password: LEAKED,
        ..activate(token.reveal())
    };
    assert_eq!(
        code(world.identity.activate(&presence(), given).await),
        "identity.password.breached"
    );
    let ada = world
        .identity
        .activate(&presence(), activate(token.reveal()))
        .await
        .unwrap();

    let cx = world.cx(ada.me.account.id, customer);
    let given = ChangePassword {
        current: PASSWORD,
        new: LEAKED,
    };
    assert_eq!(
        code(world.identity.change_password(&cx, given, None).await),
        "identity.password.breached"
    );
}

#[tokio::test]
async fn v6_2_12_the_operators_list_is_asked_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hashes");
    let hash = HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, LISTED.as_bytes()).as_ref());
    std::fs::write(&path, format!("{hash}:3\n")).unwrap();
    let world = World::with_leaked(Some(path)).await;
    let token = world.claim_token().await;
    let given = Claim {
        password: LISTED,
        ..claim(&token)
    };
    assert_eq!(
        code(world.identity.claim(&presence(), given).await),
        "identity.password.breached"
    );
    assert_eq!(code(world.identity.claim(&presence(), claim(&token)).await), "ok");
}
