//! How often the gate asks the database: each request pays for it.

use http::{Method, StatusCode};
use mpanel_authz::Role;
use mpanel_pg::counted;

use super::support::World;

const ELSEWHERE: (&str, &str) = ("203.0.113.7", "https");

#[tokio::test]
async fn whoever_has_no_second_factor_and_does_not_run_the_platform_costs_one_transaction_as_well() {
    let world = World::new().await;
    let owner = world.owner().await;
    let tenant = world.customer(&owner, "bakery").await;
    let member = world.member(&owner, tenant, "ada@example.com", Role::Owner).await;
    let token = world
        .api_token(&member, Some(tenant), &["identity.api_token:list"])
        .await;
    let probe = || world.request(Method::GET, "/probe").from(ELSEWHERE.0, ELSEWHERE.1);
    for call in [probe().session(&member), probe().bearer(&token)] {
        // The first look marks the credential as seen; what counts are the many that follow.
        let (answer, transactions) = counted(call.send()).await;
        assert_eq!((answer.status, transactions), (StatusCode::OK, 1), "{}", answer.body);
    }
}

#[tokio::test]
async fn who_runs_the_platform_needs_a_second_factor_wherever_they_act() {
    let world = World::new().await;
    let owner = world.owner().await;
    let tenant = world.customer(&owner, "bakery").await;
    world.assume(&owner, tenant).await;
    for acting in [world.platform(), tenant] {
        let call = world.request(Method::GET, "/probe").from(ELSEWHERE.0, ELSEWHERE.1);
        let answer = call.session(&owner).tenant(&acting.to_string()).send().await;
        assert_eq!(answer.code(), "identity.totp.setup_required", "{acting}");
    }
}
