use mpanel_kernel::clock::Clock as _;
use std::os::unix::fs::MetadataExt;

use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_tenancy_contract::Memberships as _;

use super::store::memberships::{audited, everything, number};
use super::support::{World, claim, code, presence};

#[tokio::test]
async fn the_claim_makes_the_owner_of_the_platform_and_signs_them_in() {
    let world = World::new().await;
    assert!(!world.identity.setup().await.unwrap().claimed);
    let token = world.claim_token().await;
    let meta = std::fs::metadata(world.claim_file()).unwrap();
    assert_eq!(meta.mode() & 0o777, 0o600);
    let signed_in = world.identity.claim(&presence(), claim(&token)).await.unwrap();
    let me = &signed_in.me;
    assert_eq!(me.memberships.len(), 1);
    assert_eq!(
        (me.home.tenant.id, me.home.role),
        (world.platform(), Role::Owner.into())
    );
    assert!(me.totp_setup_required, "outside loopback");
    assert_eq!(world.authenticate(&signed_in.token).await.unwrap().user, me.account.id);
    assert!(world.identity.setup().await.unwrap().claimed);
    assert!(!world.claim_file().exists());
    assert_eq!(audited(&world.db, "identity.user.claimed").await, 1);
    assert_eq!(audited(&world.db, "identity.session.started").await, 1);
}

#[tokio::test]
async fn only_the_hash_of_the_claim_is_stored() {
    let world = World::new().await;
    let token = world.claim_token().await;
    assert!(!everything(&world.db).await.contains(&token));
}

#[tokio::test]
async fn a_claim_is_gone_when_used_expired_renewed_or_wrong() {
    let world = World::new().await;
    let first = world.claim_token().await;
    let second = world.claim_token().await;
    let try_with = async |token: &str| code(world.identity.claim(&presence(), claim(token)).await);
    assert_eq!(try_with(&first).await, "identity.claim.gone", "renewed");
    assert_eq!(try_with("claim_nonsense").await, "identity.claim.gone");
    world.clock.advance(SignedDuration::from_mins(30));
    assert_eq!(try_with(&second).await, "identity.claim.gone", "expired");
    let third = world.claim_token().await;
    world.clock.advance(SignedDuration::from_mins(29));
    assert_eq!(try_with(&third).await, "ok");
    assert_eq!(try_with(&third).await, "identity.claim.gone", "used");
    assert!(!world.identity.renew_claim(&world.claim_file()).await.unwrap());
    assert!(!world.claim_file().exists());
}

#[tokio::test]
async fn of_many_claims_at_once_exactly_one_wins() {
    let world = World::new().await;
    let token = world.claim_token().await;
    let (a, b, c, d) = (presence(), presence(), presence(), presence());
    let identity = &world.identity;
    let (a, b, c, d) = tokio::join!(
        identity.claim(&a, claim(&token)),
        identity.claim(&b, claim(&token)),
        identity.claim(&c, claim(&token)),
        identity.claim(&d, claim(&token)),
    );
    let mut codes = [code(a), code(b), code(c), code(d)];
    codes.sort_unstable();
    assert_eq!(codes[..3], ["identity.claim.gone"; 3]);
    assert_eq!(codes[3], "ok");
    assert_eq!(number(&world.db, "select count(*) from identity.users").await, 1);
    assert_eq!(number(&world.db, "select count(*) from tenancy.members").await, 1);
    assert_eq!(number(&world.db, "select count(*) from identity.sessions").await, 1);
}

#[tokio::test]
async fn a_claim_needs_a_private_connection() {
    let world = World::new().await;
    let token = world.claim_token().await;
    let mut who = presence();
    who.secure = false;
    assert_eq!(
        code(world.identity.claim(&who, claim(&token)).await),
        "identity.session.insecure"
    );
    who.loopback = true;
    let signed_in = world.identity.claim(&who, claim(&token)).await.unwrap();
    assert!(!signed_in.me.totp_setup_required, "on the machine itself");
}

#[tokio::test]
async fn v6_2_1_v6_2_4_owners_have_long_and_uncommon_passwords_and_a_refusal_keeps_the_claim() {
    let world = World::new().await;
    let token = world.claim_token().await;
    for (password, expected) in [
        ("elevenchars", "identity.password.too_short"),
        ("abcabcabcabcabc", "identity.password.common"),
        ("olgaexample1", "identity.password.personal"),
    ] {
        let mut request = claim(&token);
        request.password = password;
        let refused = code(world.identity.claim(&presence(), request).await);
        assert_eq!(refused, expected, "{password}");
    }
    let mut request = claim(&token);
    request.name = " ".to_owned();
    assert_eq!(code(world.identity.claim(&presence(), request).await), "name.length");
    assert_eq!(number(&world.db, "select count(*) from identity.users").await, 0);
    assert_eq!(code(world.identity.claim(&presence(), claim(&token)).await), "ok");
}

#[tokio::test]
async fn the_owner_owns_the_platform() {
    let world = World::new().await;
    let user = world.claim().await.me.account.id;
    assert!(world.identity.runs_platform(user).await.unwrap());
    let mut look = world.db.look().await.unwrap();
    let acting = world
        .memberships
        .acting(&mut look, user, world.platform(), None, world.clock.now());
    let acting = acting.await.unwrap().unwrap();
    assert_eq!(acting.role, Role::Owner);
}

#[tokio::test]
async fn asvs_6_3_2_a_fresh_installation_has_no_account() {
    let world = World::new().await;
    for query in [
        "select count(*) from identity.users",
        "select count(*) from identity.sessions",
        "select count(*) from identity.api_tokens",
        "select count(*) from identity.service_accounts",
    ] {
        assert_eq!(super::store::memberships::number(&world.db, query).await, 0, "{query}");
    }
}
