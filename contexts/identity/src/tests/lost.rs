//! The master key is gone, and with it what it sealed.

use mpanel_jobs::Reconciler as _;
use mpanel_pg::Reason;

use super::store::memberships::audited;
use super::support::{OWNER, PASSWORD, code};
use super::totp::{Enrolled, enrol};
use crate::give_up_sealed;
use crate::lost_factors::LostFactors;

#[tokio::test]
async fn who_had_a_second_factor_is_told_once_and_sets_up_another_before_anything_else() {
    let Enrolled {
        world,
        owner,
        backup_codes,
        ..
    } = Enrolled::new().await;
    // Of the setup.
    world.mails().await;
    let mut tx = world.db.platform(Reason::Lifecycle("test")).await.unwrap();
    give_up_sealed(&mut tx, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    assert!(world.authenticate(&owner.token).await.is_err(), "the session goes on");
    assert_eq!(
        code(world.sign_in(OWNER, "wrong", Some(&backup_codes[0])).await),
        "identity.session.invalid_credentials"
    );

    let pass = async || LostFactors(world.identity.clone()).pass().await.unwrap().changed;
    assert_eq!((pass().await, pass().await), (1, 0));
    let mail = world.mail().await;
    assert!(mail.text.contains("authenticator app"), "{}", mail.text);
    assert_eq!(audited(&world.db, "identity.totp.lost").await, 1);

    // By password alone, also on the machine itself; and then nothing but the setup.
    let signed_in = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    assert!(signed_in.me.totp_setup_required);
    let found = world.authenticate(&signed_in.token).await.unwrap();
    assert!(found.totp_lost && !found.totp_enabled);
    enrol(&world, &signed_in, world.platform()).await;
    let cx = world.cx(signed_in.me.account.id, world.platform());
    let me = world.identity.me(&cx, true).await.unwrap();
    assert!(me.account.totp_enabled && !me.account.totp_lost && !me.totp_setup_required);
    let asked = world.sign_in(OWNER, PASSWORD, None).await;
    assert_eq!(code(asked), "identity.session.totp_required");
    assert_eq!(pass().await, 0);
}

#[tokio::test]
async fn who_had_none_notices_nothing_but_the_end_of_the_session() {
    let world = super::support::World::new().await;
    let owner = world.claim().await;
    let mut tx = world.db.platform(Reason::Lifecycle("test")).await.unwrap();
    give_up_sealed(&mut tx, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    assert!(world.authenticate(&owner.token).await.is_err());
    let me = world.sign_in(OWNER, PASSWORD, None).await.unwrap().me;
    assert!(!me.account.totp_lost);
    assert_eq!(LostFactors(world.identity.clone()).pass().await.unwrap().changed, 0);
}
