use mpanel_authz::Role;

use super::store::memberships::{audited, everything, password_hash, set_password_hash};
use super::support::{OWNER, PASSWORD, World, activate, code, presence, presence_at, sign_in};

/// argon2id, 7 MiB, 5 passes, made by the reference implementation, and what it is of.
const OLD_HASH: &str =
    "$argon2id$v=19$m=7168,t=5,p=1$c29tZXNhbHRzb21lc2FsdA$4IBHBCGZwZG/751s+60VA1hVA7CPbz6GXoB7rCaEEqw";
const OLD_PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn a_person_signs_in_with_address_and_password() {
    let world = World::claimed().await;
    let signed_in = world.sign_in("OLGA@Example.com", PASSWORD, None).await.unwrap();
    assert_eq!(signed_in.me.account.email, OWNER);
    let who = world.authenticate(&signed_in.token).await.unwrap();
    assert_eq!((who.user, who.tenant), (signed_in.me.account.id, world.platform()));
    assert!(who.scopes.is_none() && !who.bound);
    assert_eq!(audited(&world.db, "identity.session.started").await, 2);
}

#[tokio::test]
async fn v6_3_8_a_wrong_password_and_an_unknown_address_look_the_same() {
    let world = World::claimed().await;
    world
        .invite("pending@example.com", world.platform(), Role::Viewer)
        .await;
    for address in [OWNER, "nobody@example.com", "pending@example.com"] {
        let refused = world.sign_in(address, "not the password at all", None).await;
        assert_eq!(code(refused), "identity.session.invalid_credentials", "{address}");
    }
    assert_eq!(audited(&world.db, "identity.session.started").await, 1);
}

#[tokio::test]
async fn v6_3_1_attempts_on_one_account_are_throttled_whether_it_exists_or_not() {
    let world = World::with_limits(1000, 3).await;
    world.claim().await;
    for address in [OWNER, "nobody@example.com"] {
        // Thrice from one network; whoever does that keeps nobody out who comes from another.
        for n in 0..10 {
            let who = presence_at(&format!("198.51.100.{n}"));
            for _ in 0..3 {
                let refused = world.identity.sign_in(&who, sign_in(address, "wrong", None)).await;
                assert_eq!(code(refused), "identity.session.invalid_credentials", "{who:?}");
            }
            let refused = world.identity.sign_in(&who, sign_in(address, "wrong", None)).await;
            assert_eq!(code(refused), "identity.session.too_many_attempts");
        }
        // From many together the account is what counts.
        let refused = world.sign_in(&address.to_uppercase(), PASSWORD, None).await;
        let error = refused.unwrap_err();
        assert_eq!(
            mpanel_kernel::error::PublicError::retry_after(&error),
            Some(2),
            "{error}"
        );
    }
    world.clock.advance(jiff::SignedDuration::from_secs(2));
    assert_eq!(code(world.sign_in(OWNER, PASSWORD, None).await), "ok");
}

#[tokio::test]
async fn v6_3_1_attempts_from_one_network_are_throttled() {
    let world = World::with_limits(2, 1000).await;
    let attempt = async |from: &str, account: &str| {
        code(
            world
                .identity
                .sign_in(&presence_at(from), sign_in(account, "wrong", None))
                .await,
        )
    };
    assert_eq!(
        attempt("2001:db8::1", "a@example.com").await,
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        attempt("2001:db8::ffff", "b@example.com").await,
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        attempt("2001:db8::2:0:0:3", "c@example.com").await,
        "identity.session.too_many_attempts"
    );
    assert_eq!(
        attempt("2001:db8:0:1::1", "c@example.com").await,
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        attempt("::ffff:192.0.2.1", "c@example.com").await,
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        attempt("192.0.2.1", "c@example.com").await,
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        attempt("192.0.2.1", "c@example.com").await,
        "identity.session.too_many_attempts"
    );
}

#[tokio::test]
async fn v7_2_3_a_session_has_256_random_bits_and_only_its_hash_is_stored() {
    let world = World::claimed().await;
    let one = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let two = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    assert_ne!(one.token.reveal(), two.token.reveal());
    // 58 characters of base32: 32 bytes and their checksum.
    assert_eq!(one.token.reveal().len(), "mps_".len() + 58);
    assert!(!everything(&world.db).await.contains(one.token.reveal()));
}

#[tokio::test]
async fn v7_2_4_signing_in_ends_the_session_that_the_browser_had() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let old = world.member("ada@example.com", customer, Role::Owner).await;
    let mut who = presence();
    who.old_session = Some(old.token.hash());
    let refused = world.identity.sign_in(&who, sign_in(OWNER, "wrong", None)).await;
    assert_eq!(code(refused), "identity.session.invalid_credentials");
    assert!(
        world.authenticate(&old.token).await.is_ok(),
        "who fails to sign in ends nothing"
    );
    let new = world
        .identity
        .sign_in(&who, sign_in(OWNER, PASSWORD, None))
        .await
        .unwrap();
    assert_eq!(
        code(world.authenticate(&old.token).await),
        "identity.credential.invalid"
    );
    assert!(world.authenticate(&new.token).await.is_ok());
    assert_eq!(audited(&world.db, "identity.session.ended").await, 1);
}

#[tokio::test]
async fn v7_2_4_a_wrong_code_ends_no_session_and_neither_does_a_used_link() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let old = world.member("bob@example.com", customer, Role::Owner).await;
    let ada = world.member("ada@example.com", customer, Role::Owner).await;
    let codes = super::totp::enrol(&world, &ada, customer).await;
    let token = world
        .invite("eve@example.com", customer, Role::Viewer)
        .await
        .activation
        .unwrap()
        .token;
    let mut who = presence();
    who.old_session = Some(old.token.hash());
    let attempt = async |totp: &str| {
        let given = sign_in("ada@example.com", PASSWORD, Some(totp));
        code(world.identity.sign_in(&who, given).await)
    };
    for totp in ["000000", "not-a-code"] {
        assert_eq!(attempt(totp).await, "identity.session.invalid_credentials");
    }
    let mut weak = activate(token.reveal());
    weak.password = "short";
    let refused = world.identity.activate(&who, weak).await;
    assert_eq!(code(refused), "identity.password.too_short");
    let elsewhere = presence();
    world
        .identity
        .activate(&elsewhere, activate(token.reveal()))
        .await
        .unwrap();
    let used = world.identity.activate(&who, activate(token.reveal())).await;
    assert_eq!(code(used), "identity.activation.gone");
    assert!(world.authenticate(&old.token).await.is_ok());
    assert_eq!(attempt(&codes[0]).await, "ok");
    assert_eq!(
        code(world.authenticate(&old.token).await),
        "identity.credential.invalid"
    );
}

#[tokio::test]
async fn v11_4_2_a_hash_under_old_parameters_is_renewed_when_its_owner_signs_in() {
    let world = World::claimed().await;
    let user = world.sign_in(OWNER, PASSWORD, None).await.unwrap().me.account.id;
    set_password_hash(&world.db, user, OLD_HASH).await;
    world.sign_in(OWNER, OLD_PASSWORD, None).await.unwrap();
    let renewed = password_hash(&world.db, user).await;
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    world.sign_in(OWNER, OLD_PASSWORD, None).await.unwrap();
    assert_eq!(password_hash(&world.db, user).await, renewed, "and then left alone");
}

#[tokio::test]
async fn who_is_a_member_nowhere_does_not_get_in() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world.member("ada@example.com", customer, Role::Owner).await;
    world.memberships.leave(customer, ada.me.account.id).await;
    assert_eq!(
        code(world.sign_in("ada@example.com", PASSWORD, None).await),
        "identity.session.no_membership"
    );
}

#[tokio::test]
async fn who_left_the_home_tenant_belongs_where_a_membership_is_left() {
    let world = World::claimed().await;
    let (home, other) = (world.customer().await, world.customer().await);
    let ada = world.member("ada@example.com", home, Role::Owner).await;
    let joined = world.member("ada@example.com", other, Role::Viewer).await;
    assert_eq!(
        joined.me.account.id, ada.me.account.id,
        "the account with this password"
    );
    world.memberships.leave(home, ada.me.account.id).await;
    let signed_in = world.sign_in("ada@example.com", PASSWORD, None).await.unwrap();
    assert_eq!(signed_in.me.home.tenant.id, other);
}

#[tokio::test]
async fn v12_2_1_passwords_do_not_travel_in_clear() {
    let world = World::claimed().await;
    let mut who = presence();
    who.secure = false;
    let refused = world.identity.sign_in(&who, sign_in(OWNER, PASSWORD, None)).await;
    assert_eq!(code(refused), "identity.session.insecure");
}

#[tokio::test]
async fn attempts_to_sign_in_are_counted_by_what_came_of_them() {
    let world = World::claimed().await;
    world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    code(world.sign_in(OWNER, "not the password", None).await);
    let metrics = mpanel_telemetry::metrics::exposition();
    for result in ["ok", "identity.session.invalid_credentials"] {
        let series = format!("mpanel_identity_sign_ins_total{{result=\"{result}\"}}");
        assert!(metrics.contains(&series), "{series} in {metrics}");
    }
}

#[tokio::test]
async fn asvs_6_2_8_a_password_is_checked_exactly_as_given() {
    let world = World::claimed().await;
    let upper = PASSWORD.to_uppercase();
    let (longer, shorter) = (format!("{PASSWORD} "), &PASSWORD[..PASSWORD.len() - 1]);
    for other in [
        upper.as_str(),
        longer.as_str(),
        shorter,
        PASSWORD.trim_start_matches('c'),
    ] {
        let refused = world.sign_in(OWNER, other, None).await;
        assert_eq!(code(refused), "identity.session.invalid_credentials", "{other:?}");
    }
    assert_eq!(code(world.sign_in(OWNER, PASSWORD, None).await), "ok");
}
