use jiff::SignedDuration;
use mpanel_authz::{Actor, Role};
use mpanel_kernel::ids::ApiTokenId;

use super::store::memberships::audited;
use super::support::{OWNER, PASSWORD, World, code, presence};
use super::totp::{Enrolled, app};
use crate::Error;
use crate::domain::Origin;
use crate::service::{SignedIn, StepUp, SteppedUp};

async fn step_up(world: &World, who: &SignedIn, password: &str, totp: Option<&str>) -> Result<SteppedUp, Error> {
    let cx = world.cx(who.me.account.id, who.me.account.home);
    let from = Origin::from(&presence());
    let session = who.token.hash();
    world
        .identity
        .step_up(&cx, StepUp { password, totp }, from, Some(&session))
        .await
}

#[tokio::test]
async fn asvs_7_2_4_a_fresh_proof_gives_the_session_another_token() {
    let world = World::claimed().await;
    let signed_in = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let other = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let first = world.authenticate(&signed_in.token).await.unwrap().proven_at.unwrap();
    world.clock.advance(SignedDuration::from_mins(30));
    let proven = step_up(&world, &signed_in, PASSWORD, None).await.unwrap();
    assert_eq!(
        code(world.authenticate(&signed_in.token).await),
        "identity.credential.invalid"
    );
    let now = world.authenticate(&proven.token).await.unwrap().proven_at.unwrap();
    assert_eq!(now.duration_since(first), SignedDuration::from_mins(30));
    assert_eq!(proven.until.duration_since(now), SignedDuration::from_mins(10));
    let elsewhere = world.authenticate(&other.token).await.unwrap();
    assert_eq!(
        elsewhere.proven_at,
        Some(first),
        "the person's other sessions have proven nothing"
    );
    assert_eq!(audited(&world.db, "identity.session.proven").await, 1);
}

#[tokio::test]
async fn asvs_6_3_4_the_second_factor_is_part_of_the_proof() {
    let Enrolled {
        world,
        owner,
        secret,
        backup_codes,
    } = Enrolled::new().await;
    let prove = async |who: &SignedIn, totp: Option<&str>| step_up(&world, who, PASSWORD, totp).await;
    assert_eq!(code(prove(&owner, None).await), "identity.step_up.code_required");
    assert_eq!(code(prove(&owner, Some("000000")).await), "identity.totp.wrong_code");
    let now = app(&world, &secret, 0);
    let token = prove(&owner, Some(&now)).await.unwrap().token;
    let owner = SignedIn { token, ..owner };
    assert_eq!(
        code(prove(&owner, Some(&now)).await),
        "identity.totp.wrong_code",
        "a code works once"
    );
    assert!(prove(&owner, Some(&backup_codes[0])).await.is_ok());
}

#[tokio::test]
async fn asvs_6_3_1_guesses_within_a_session_are_throttled_and_written_down() {
    let world = World::with_limits(1000, 3).await;
    let owner = world.claim().await;
    for _ in 0..3 {
        assert_eq!(
            code(step_up(&world, &owner, "wrong", None).await),
            "identity.password.wrong"
        );
    }
    assert_eq!(
        code(step_up(&world, &owner, PASSWORD, None).await),
        "identity.session.too_many_attempts"
    );
    world.identity.0.history.settled().await;
    let cx = world.cx(owner.me.account.id, world.platform());
    let history = world
        .identity
        .list_sign_ins(&cx, mpanel_kernel::paging::PageRequest::default())
        .await
        .unwrap();
    let guesses: Vec<_> = history
        .items
        .iter()
        .filter(|entry| entry.result == "wrong_password")
        .collect();
    assert_eq!(
        (guesses.len(), guesses[0].attempts, guesses[0].kind.as_str()),
        (1, 3, "step_up")
    );
    let old = world.authenticate(&owner.token).await.unwrap();
    assert!(old.proven_at.is_some(), "a failed proof ends nothing");
}

#[tokio::test]
async fn only_a_session_proves_anything() {
    let world = World::claimed().await;
    let signed_in = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let user = signed_in.me.account.id;
    let token = Actor::Token {
        token: ApiTokenId::generate(),
        user,
    };
    let cx = world.cx_as(token, world.platform(), Some(&["*"]));
    let given = || StepUp {
        password: PASSWORD,
        totp: None,
    };
    let from = || Origin::from(&presence());
    let refused = world.identity.step_up(&cx, given(), from(), None).await;
    assert_eq!(code(refused), "request.not_found");
    let customer = world.customer().await;
    let bob = world.member("bob@example.com", customer, Role::Viewer).await;
    let stolen = signed_in.token.hash();
    let refused = world
        .identity
        .step_up(&world.cx(bob.me.account.id, customer), given(), from(), Some(&stolen))
        .await;
    assert_eq!(
        code(refused),
        "request.not_found",
        "the session of another is not renewed"
    );
}
