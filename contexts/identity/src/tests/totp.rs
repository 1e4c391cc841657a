use aws_lc_rs::hmac;
use jiff::SignedDuration;
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::ids::TenantId;

use super::store::memberships::{audited, everything, number};
use super::support::{OWNER, PASSWORD, World, code};
use crate::service::SignedIn;

/// What an authenticator app shows `steps` half-minutes from now (RFC 6238).
pub fn app(world: &World, secret: &str, steps: i64) -> String {
    let key = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let step = world.clock.now().as_second() / 30 + steps;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let word = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// Sets a second factor up for somebody; returns backup codes.
pub async fn enrol(world: &World, who: &SignedIn, tenant: TenantId) -> Vec<String> {
    let cx = world.cx(who.me.account.id, tenant);
    let started = world.identity.start_totp(&cx, PASSWORD).await.unwrap();
    let code = app(world, &started.secret, 0);
    let (codes, _) = world.identity.confirm_totp(&cx, &code, None).await.unwrap();
    codes.iter().map(|code| code.to_string()).collect()
}

/// An owner with a second factor, whose first code is used.
pub struct Enrolled {
    pub world: World,
    pub owner: SignedIn,
    pub secret: String,
    pub backup_codes: Vec<String>,
}

impl Enrolled {
    pub async fn new() -> Self {
        let world = World::new().await;
        let mut owner = world.claim().await;
        let cx = world.cx(owner.me.account.id, world.platform());
        let started = world.identity.start_totp(&cx, PASSWORD).await.unwrap();
        let secret = started.secret.to_string();
        let code = app(&world, &secret, 0);
        let hash = owner.token.hash();
        let (codes, token) = world.identity.confirm_totp(&cx, &code, Some(&hash)).await.unwrap();
        owner.token = token.unwrap();
        // The code that confirmed is used.
        world.clock.advance(SignedDuration::from_mins(5));
        Self {
            backup_codes: codes.iter().map(|code| code.to_string()).collect(),
            world,
            owner,
            secret,
        }
    }

    async fn attempt(&self, totp: Option<&str>) -> &'static str {
        code(self.world.sign_in(OWNER, PASSWORD, totp).await)
    }
}

#[tokio::test]
async fn v6_3_3_signing_in_takes_the_code_once_a_second_factor_is_set_up() {
    let Enrolled { world, secret, .. } = &Enrolled::new().await;
    let asked = world.sign_in(OWNER, PASSWORD, None).await;
    assert_eq!(code(asked), "identity.session.totp_required");
    let wrong = world.sign_in(OWNER, "wrong", None).await;
    assert_eq!(
        code(wrong),
        "identity.session.invalid_credentials",
        "the password comes first"
    );
    let me = world
        .sign_in(OWNER, PASSWORD, Some(&app(world, secret, 0)))
        .await
        .unwrap()
        .me;
    assert!(me.account.totp_enabled && !me.totp_setup_required);
}

#[tokio::test]
async fn v6_5_1_a_code_works_once_and_no_older_one_after_it() {
    let enrolled = Enrolled::new().await;
    let (now, before) = (
        app(&enrolled.world, &enrolled.secret, 0),
        app(&enrolled.world, &enrolled.secret, -1),
    );
    assert_eq!(enrolled.attempt(Some(&now)).await, "ok");
    assert_eq!(
        enrolled.attempt(Some(&now)).await,
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        enrolled.attempt(Some(&before)).await,
        "identity.session.invalid_credentials"
    );
    enrolled.world.clock.advance(SignedDuration::from_secs(30));
    let next = app(&enrolled.world, &enrolled.secret, 0);
    assert_eq!(enrolled.attempt(Some(&next)).await, "ok");
}

#[tokio::test]
async fn v6_5_1_of_two_uses_of_a_code_at_once_one_fails() {
    let enrolled = Enrolled::new().await;
    let now = app(&enrolled.world, &enrolled.secret, 0);
    let (a, b) = tokio::join!(enrolled.attempt(Some(&now)), enrolled.attempt(Some(&now)));
    assert_ne!(a == "ok", b == "ok", "{a} {b}");
    let backup = enrolled.backup_codes[0].as_str();
    let (a, b) = tokio::join!(enrolled.attempt(Some(backup)), enrolled.attempt(Some(backup)));
    assert_ne!(a == "ok", b == "ok", "{a} {b}");
}

#[tokio::test]
async fn v6_5_1_v6_5_2_backup_codes_are_hashed_and_work_once() {
    let enrolled = Enrolled::new().await;
    assert_eq!(enrolled.backup_codes.len(), 10);
    let stored = everything(&enrolled.world.db).await;
    for backup in &enrolled.backup_codes {
        assert!(!stored.contains(backup.as_str()) && !stored.contains(&backup.replace('-', "")));
    }
    let typed = enrolled.backup_codes[3].to_uppercase();
    assert_eq!(enrolled.attempt(Some(&typed)).await, "ok");
    assert_eq!(
        enrolled.attempt(Some(&typed)).await,
        "identity.session.invalid_credentials"
    );
    let count = number(&enrolled.world.db, "select count(*) from identity.backup_codes").await;
    assert_eq!(count, 9);
}

#[tokio::test]
async fn v6_3_1_codes_of_the_second_factor_are_not_guessed() {
    let enrolled = Enrolled::new().await;
    for _ in 0..5 {
        assert_eq!(
            enrolled.attempt(Some("000000")).await,
            "identity.session.invalid_credentials"
        );
    }
    let right = app(&enrolled.world, &enrolled.secret, 0);
    assert_eq!(
        enrolled.attempt(Some(&right)).await,
        "identity.session.too_many_attempts"
    );
    enrolled.world.clock.advance(SignedDuration::from_mins(1));
    let right = app(&enrolled.world, &enrolled.secret, 0);
    assert_eq!(enrolled.attempt(Some(&right)).await, "ok");
}

#[tokio::test]
async fn v7_5_1_the_password_is_asked_again_before_the_second_factor_changes() {
    let enrolled = Enrolled::new().await;
    let world = &enrolled.world;
    let cx = world.cx(enrolled.owner.me.account.id, world.platform());
    assert_eq!(
        code(world.identity.start_totp(&cx, "wrong").await),
        "identity.password.wrong"
    );
    let hash = enrolled.owner.token.hash();
    let refused = world.identity.disable_totp(&cx, "wrong", Some(&hash)).await;
    assert_eq!(code(refused), "identity.password.wrong");
    world.identity.disable_totp(&cx, PASSWORD, Some(&hash)).await.unwrap();
    assert_eq!(enrolled.attempt(None).await, "ok");
    assert_eq!(number(&world.db, "select count(*) from identity.backup_codes").await, 0);
    assert_eq!(
        code(world.identity.disable_totp(&cx, PASSWORD, None).await),
        "request.not_found"
    );
    assert_eq!(audited(&world.db, "identity.totp.disabled").await, 1);
}

#[tokio::test]
async fn a_new_secret_counts_only_once_it_is_confirmed() {
    let enrolled = Enrolled::new().await;
    let world = &enrolled.world;
    let cx = world.cx(enrolled.owner.me.account.id, world.platform());
    assert_eq!(
        code(world.identity.confirm_totp(&cx, "123456", None).await),
        "identity.totp.not_started"
    );
    let new = world
        .identity
        .start_totp(&cx, PASSWORD)
        .await
        .unwrap()
        .secret
        .to_string();
    let wrong = app(world, &enrolled.secret, 0);
    assert_eq!(
        code(world.identity.confirm_totp(&cx, &wrong, None).await),
        "identity.totp.wrong_code"
    );
    assert_eq!(
        enrolled.attempt(Some(&wrong)).await,
        "ok",
        "the old one is still in use"
    );
    let right = app(world, &new, 0);
    world.identity.confirm_totp(&cx, &right, None).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(2));
    let old = app(world, &enrolled.secret, 0);
    assert_eq!(
        enrolled.attempt(Some(&old)).await,
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        enrolled.attempt(Some(&enrolled.backup_codes[0])).await,
        "identity.session.invalid_credentials"
    );
    assert_eq!(enrolled.attempt(Some(&app(world, &new, 0))).await, "ok");
}

#[tokio::test]
async fn v7_4_3_changing_the_second_factor_ends_the_other_sessions() {
    let world = World::new().await;
    let owner = world.claim().await;
    let other = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let cx = world.cx(owner.me.account.id, world.platform());
    let secret = world
        .identity
        .start_totp(&cx, PASSWORD)
        .await
        .unwrap()
        .secret
        .to_string();
    let now = app(&world, &secret, 0);
    let hash = owner.token.hash();
    let (_, renewed) = world.identity.confirm_totp(&cx, &now, Some(&hash)).await.unwrap();
    let renewed = renewed.unwrap();
    for ended in [&owner.token, &other.token] {
        assert_eq!(code(world.authenticate(ended).await), "identity.credential.invalid");
    }
    assert!(
        world.authenticate(&renewed).await.is_ok(),
        "ASVS 7.2.4: under another token"
    );
    let hash = renewed.hash();
    let again = world
        .identity
        .disable_totp(&cx, PASSWORD, Some(&hash))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(code(world.authenticate(&renewed).await), "identity.credential.invalid");
    assert!(world.authenticate(&again).await.is_ok());
}

#[tokio::test]
async fn v13_3_1_secrets_are_sealed_and_the_address_for_the_app_names_us() {
    let world = World::new().await;
    let owner = world.claim().await;
    let cx = world.cx(owner.me.account.id, world.platform());
    let started = world.identity.start_totp(&cx, PASSWORD).await.unwrap();
    assert!(
        started
            .otpauth_uri
            .starts_with("otpauth://totp/mPanel:olga%40example.com?secret=")
    );
    let raw = data_encoding::BASE32_NOPAD.decode(started.secret.as_bytes()).unwrap();
    let stored = everything(&world.db).await;
    assert!(!stored.contains(started.secret.as_str()));
    assert!(!stored.contains(&data_encoding::HEXLOWER.encode(&raw)));
}
