use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_identity_contract::SignIns as _;
use mpanel_jobs::Reconciler as _;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::paging::PageRequest;

use super::store::memberships::{erase, number};
use super::support::{OWNER, PASSWORD, World, code, presence, presence_at, sign_in};
use super::totp::{Enrolled, app};
use crate::domain::{SignInEntry, SinceLast};
use crate::reconcile::Retention;

async fn history(world: &World, user: UserId, tenant: TenantId) -> Vec<SignInEntry> {
    world.identity.0.history.settled().await;
    let page = PageRequest {
        limit: 200,
        after: None,
    };
    world
        .identity
        .list_sign_ins(&world.cx(user, tenant), page)
        .await
        .unwrap()
        .items
}

#[tokio::test]
async fn a_person_sees_who_signed_in_and_who_tried() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world
        .member("ada@example.com", customer, Role::Viewer)
        .await
        .me
        .account
        .id;
    let mut who = presence_at("198.51.100.9");
    who.user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".to_owned();
    for _ in 0..3 {
        let refused = world
            .identity
            .sign_in(&who, sign_in("ada@example.com", "wrong", None))
            .await;
        assert_eq!(code(refused), "identity.session.invalid_credentials");
        world.clock.advance(SignedDuration::from_mins(1));
    }
    let signed_in = world.sign_in("ada@example.com", PASSWORD, None).await.unwrap();
    let list = history(&world, ada, customer).await;
    let seen: Vec<_> = list
        .iter()
        .map(|line| (line.kind.as_str(), line.result.as_str(), line.attempts))
        .collect();
    // Ids are of the first attempt of a line, and the activation was a sign-in.
    assert_eq!(
        seen,
        [
            ("sign_in", "ok", 1),
            ("sign_in", "wrong_password", 3),
            ("sign_in", "ok", 1)
        ]
    );
    let tried = &list[1];
    assert_eq!(tried.at.duration_since(tried.first_at), SignedDuration::from_mins(2));
    assert_eq!(tried.address.unwrap().to_string(), "198.51.100.9");
    assert_eq!(
        (tried.device.browser, tried.device.system),
        (Some("Firefox"), Some("Linux"))
    );
    let since = signed_in.since_last.unwrap();
    assert_eq!(
        (since.refused, since.at.is_some()),
        (3, true),
        "and is told so at the next sign-in"
    );
    let next = world.sign_in("ada@example.com", PASSWORD, None).await.unwrap();
    assert_eq!(next.since_last.unwrap().refused, 0, "once");
    let bob = world.member("bob@example.com", customer, Role::Viewer).await;
    assert_eq!(
        history(&world, bob.me.account.id, customer).await.len(),
        1,
        "and nobody else's"
    );
}

#[tokio::test]
async fn the_first_sign_in_has_none_before_it() {
    let world = World::new().await;
    let claimed = world.claim().await;
    assert_eq!(claimed.since_last, None, "a claim is told nothing");
    let signed_in = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let since = signed_in.since_last.unwrap();
    assert!(matches!(
        since,
        SinceLast {
            at: Some(_),
            refused: 0
        }
    ));
}

#[tokio::test]
async fn the_second_factor_and_its_refusals_are_told() {
    let Enrolled {
        world,
        owner,
        secret,
        backup_codes,
    } = Enrolled::new().await;
    let user = owner.me.account.id;
    let attempt = async |totp: Option<&str>| code(world.sign_in(OWNER, PASSWORD, totp).await);
    assert_eq!(attempt(None).await, "identity.session.totp_required");
    assert_eq!(attempt(Some("000000")).await, "identity.session.invalid_credentials");
    let list = history(&world, user, world.platform()).await;
    assert_eq!(
        (list[0].result.as_str(), list[1].result.as_str()),
        ("wrong_code", "code_missing")
    );
    assert_eq!(attempt(Some(&app(&world, &secret, 0))).await, "ok");
    assert_eq!(attempt(Some(&backup_codes[0])).await, "ok");
    let list = history(&world, user, world.platform()).await;
    assert_eq!(list[0].factor.as_deref(), Some("backup_code"));
    assert_eq!(list[1].factor.as_deref(), Some("totp"));
    let missing = list.iter().any(|line| line.result == "code_missing");
    assert!(
        !missing,
        "the password without its code was the first half of signing in"
    );
}

#[tokio::test]
async fn a_password_without_its_code_from_elsewhere_stays_on_record() {
    let Enrolled {
        world, owner, secret, ..
    } = Enrolled::new().await;
    let thief = presence_at("192.0.2.66");
    let refused = world.identity.sign_in(&thief, sign_in(OWNER, PASSWORD, None)).await;
    assert_eq!(code(refused), "identity.session.totp_required");
    world.identity.0.history.settled().await;
    let signed_in = world
        .sign_in(OWNER, PASSWORD, Some(&app(&world, &secret, 0)))
        .await
        .unwrap();
    assert_eq!(signed_in.since_last.unwrap().refused, 1);
    let list = history(&world, owner.me.account.id, world.platform()).await;
    assert!(list.iter().any(|line| line.result == "code_missing"));
}

#[tokio::test]
async fn asvs_6_3_8_attempts_on_addresses_without_an_account_leave_nothing() {
    let world = World::claimed().await;
    for n in 0..3 {
        let address = format!("nobody{n}@example.com");
        code(world.sign_in(&address, "wrong", None).await);
    }
    world.identity.0.history.settled().await;
    let lines = number(&world.db, "select count(*) from identity.sign_ins where result <> 'ok'").await;
    assert_eq!(lines, 0);
}

#[tokio::test]
async fn attempts_fill_no_disk_and_push_no_success_out() {
    let world = World::claimed().await;
    let owner = world.sign_in(OWNER, PASSWORD, None).await.unwrap().me.account;
    for n in 0..130_u32 {
        let who = presence_at(&format!("198.51.{}.{}", n / 100, n % 100));
        code(world.identity.sign_in(&who, sign_in(OWNER, "wrong", None)).await);
    }
    let list = history(&world, owner.id, owner.home).await;
    let refused = list.iter().filter(|line| line.result != "ok").count();
    assert_eq!(
        (refused, list.len() - refused),
        (100, 2),
        "the newest hundred of each kind"
    );
    assert_eq!(list[0].address.unwrap().to_string(), "198.51.1.29");
}

#[tokio::test]
async fn a_host_that_is_too_long_or_strange_is_kept_short() {
    let world = World::claimed().await;
    let mut who = presence();
    who.user_agent = "x\n".repeat(5000);
    code(world.identity.sign_in(&who, sign_in(OWNER, "wrong", None)).await);
    world.identity.0.history.settled().await;
    let longest = number(
        &world.db,
        "select max(length(user_agent))::bigint from identity.sign_ins",
    )
    .await;
    assert_eq!(longest, 200);
}

#[tokio::test]
async fn history_goes_with_time_and_with_its_account() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world
        .member("ada@example.com", customer, Role::Viewer)
        .await
        .me
        .account
        .id;
    world.clock.advance(SignedDuration::from_hours(24 * 89));
    world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let retention = Retention(world.identity.clone());
    retention.pass().await.unwrap();
    assert_eq!(number(&world.db, "select count(*) from identity.sign_ins").await, 3);
    world.clock.advance(SignedDuration::from_hours(24 * 2));
    let report = retention.pass().await.unwrap();
    assert_eq!(
        number(&world.db, "select count(*) from identity.sign_ins").await,
        1,
        "the one of two days ago"
    );
    assert!(report.deleted >= 2);
    world.sign_in("ada@example.com", PASSWORD, None).await.unwrap();
    erase(&world.db, ada).await;
    assert!(
        number(&world.db, "select count(*) from identity.sign_ins").await == 1,
        "and not ada's"
    );
}

#[tokio::test]
async fn who_is_erased_has_a_history_without_places_and_devices() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world
        .member("ada@example.com", customer, Role::Owner)
        .await
        .me
        .account
        .id;
    let mut who = presence_at("198.51.100.9");
    who.user_agent = "Firefox/145.0 (X11; Linux x86_64)".to_owned();
    let refused = world
        .identity
        .sign_in(&who, sign_in("ada@example.com", "wrong password", None))
        .await;
    refused.unwrap_err();
    assert!(
        history(&world, ada, customer)
            .await
            .iter()
            .any(|line| line.address.is_some())
    );

    let identity = &world.identity;
    assert_eq!(identity.home(ada).await.unwrap(), Some(customer));
    assert_eq!(identity.home(UserId::generate()).await.unwrap(), None);
    let cx = world.cx(ada, customer);
    for changed in [true, false] {
        let mut change = identity.0.spine.begin(&cx).await.unwrap();
        let lines = identity.erase(&mut change, ada, customer).await.unwrap();
        assert_eq!(lines > 0, changed);
        if changed {
            change.commit().await.unwrap();
        }
    }
    let after = history(&world, ada, customer).await;
    assert!(!after.is_empty());
    for line in after {
        assert_eq!(
            (line.address, line.device.browser, line.device.system),
            (None, None, None)
        );
    }
}
