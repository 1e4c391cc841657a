//! Every operation as every role in every kind of tenant, against the role table.

use mpanel_authz::{Action, Permissions, Role, TenantKind};

use super::estate::{Estate, call, node};
use super::operations;
use crate::harness::client::Credential;
use crate::harness::shared::owner;
use crate::harness::{Account, accounts};

/// A token has no session to end or to prove anything in, and nobody here has a second factor to turn off.
const NOTHING_THERE: [&str; 3] = ["sessions_end_current", "sessions_step_up", "totp_disable"];

#[tokio::test]
async fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let platform = owner();
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let permissions = mpanel_server::permissions().unwrap();
    let (reseller, customer) = tokio::join!(
        platform.tenant_below("reseller", &plan),
        platform.tenant_below("customer", &plan)
    );
    let every_role = async |kind: TenantKind, tenant: Account| {
        let mut problems = Vec::new();
        for role in Role::ALL {
            let estate = Estate::of(tenant.clone(), kind.as_str(), &node, &plan).await;
            // Not the owner whose estate it is: the walk ends all sessions of whoever makes it.
            let who = tenant.member(role.as_str()).await;
            problems.extend(walk(estate, &who, (role, kind), &permissions).await);
        }
        problems
    };
    let (one, two, three) = tokio::join!(
        every_role(TenantKind::Platform, platform.clone()),
        every_role(TenantKind::Reseller, reseller),
        every_role(TenantKind::Customer, customer)
    );
    let problems = [one, two, three].concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

async fn walk(
    mut estate: Estate,
    who: &Account,
    (role, kind): (Role, TenantKind),
    permissions: &Permissions,
) -> Vec<String> {
    // With a token, as programs do: it has no session to end, and the table is the same.
    let who = Account {
        api: who.api.acting_for(&estate.owner.tenant),
        ..who.clone()
    };
    let api = who.token().await.acting_for(&estate.owner.tenant);
    // What is one's own: a session and a token of this person.
    let other = sign_in_again(&who).await;
    estate.set(
        "session_id",
        other.api.get("/sessions").await.expect(200).text("/items/0/id"),
    );
    let body = serde_json::json!({"name": "own", "scopes": ["*"]});
    estate.set("token_id", who.api.post("/api-tokens", body).await.expect(201).id());
    let mut problems = Vec::new();
    for (operation, how) in operations(&api).await {
        if !operation.ids.iter().all(|name| estate.has(name)) {
            continue;
        }
        let path = operation.path_with(|name| estate.id(name));
        let answer = call(&api, &operation, &how, &path, &estate).await;
        if answer.status / 100 == 2 {
            estate.renew_dead(&operation.id).await;
        }
        let allowed = how
            .needs
            .is_none_or(|(resource, action)| permissions.allows(role, kind, resource, action));
        // A machine is the platform's: to others it is not there.
        let foreign = operation.id == "nodes_get" && kind != TenantKind::Platform;
        let right = match allowed {
            true => {
                // That is for people; a token is told so, whatever its role.
                (answer.status != 403 || answer.body["code"] == "tenancy.assumption.not_a_person")
                    && answer.status != 401
                    && (answer.status != 404 || NOTHING_THERE.contains(&operation.id.as_str()))
            }
            false => answer.status == 403 || (foreign && answer.status == 404),
        };
        if !right || answer.status >= 500 {
            let expected = if allowed { "allowed" } else { "forbidden" };
            problems.push(format!(
                "{} as {role:?} of a {kind:?} should be {expected}: {answer}",
                operation.id
            ));
        }
    }
    problems
}

/// A merge removes a tenant as well, and an invitation offers what only those who have it may offer.
const ASK_FOR_MORE: [&str; 3] = ["invitations_resend", "tenants_merge", "tenants_merge_preview"];

/// What an operation's permission allows is answered to who has no other: a change that is made and then answered by what
/// only a reader may see would be told as refused, and made twice.
#[tokio::test]
async fn each_operation_asks_for_its_own_permission_alone() {
    let platform = owner();
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let tenant = platform.tenant_below("reseller", &plan).await;
    let estate = Estate::of(tenant, "reseller", &node, &plan).await;
    // A token makes them: some of what is called ends the session of whoever calls it.
    let who = estate.owner.token().await.acting_for(&estate.owner.tenant);
    let (mut problems, mut called) = (Vec::new(), 0);
    for (operation, how) in operations(&platform.api).await {
        let Some((resource, action)) = how.needs else { continue };
        if !operation.ids.iter().all(|name| estate.has(name)) || !reseller_may(resource, action) {
            continue;
        }
        let scope = format!("{resource}:{}", action.as_str());
        // It goes again, since nobody has as many at once.
        let body = serde_json::json!({"name": scope, "scopes": [scope]});
        let token = who.post("/api-tokens", body).await.expect(201);
        let api = who.with(Credential::Token(token.text("/token")));
        let path = operation.path_with(|name| estate.id(name));
        let answer = call(&api, &operation, &how, &path, &estate).await;
        who.delete(&format!("/api-tokens/{}", token.id())).await.expect(204);
        called += 1;
        let of_people = answer.body["code"] == "tenancy.assumption.not_a_person";
        if answer.status == 403 && !of_people && !ASK_FOR_MORE.contains(&operation.id.as_str()) {
            problems.push(format!("{} with {scope} alone: {answer}", operation.id));
        }
    }
    assert!(called > 80, "{called} operations were called");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn reseller_may(resource: &str, action: Action) -> bool {
    let permissions = mpanel_server::permissions().unwrap();
    permissions.allows(Role::Owner, TenantKind::Reseller, resource, action)
}

async fn sign_in_again(who: &Account) -> Account {
    let body = serde_json::json!({"email": who.email, "password": accounts::PASSWORD});
    let answer = who.api.with(Credential::None).post("/sessions", body).await.expect(201);
    Account {
        api: who.api.with(Credential::Session(answer.cookie())),
        ..who.clone()
    }
}

#[tokio::test]
async fn nobody_and_strangers_get_nowhere() {
    let platform = owner();
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let tenant = platform.tenant_below("reseller", &plan).await;
    let estate = Estate::of(tenant, "reseller", &node, &plan).await;
    let stranger = platform.tenant_below("customer", &plan).await;
    let stranger = stranger.api.acting_for(&estate.owner.tenant);
    let nobody = platform.api.with(Credential::None);
    let forged = platform.api.with(Credential::Token(format!("mpk_{}", "A".repeat(43))));
    let no_session = platform.api.with(Credential::Session("A".repeat(43)));
    for (operation, how) in operations(&platform.api).await {
        let path = operation.path_with(|name| estate.id(name));
        for api in [&nobody, &forged, &no_session] {
            let answer = call(api, &operation, &how, &path, &estate).await;
            assert_eq!(answer.status, 401, "{}: {answer}", operation.id);
        }
        let answer = call(&stranger, &operation, &how, &path, &estate).await;
        assert_eq!(answer.status, 404, "{}: {answer}", operation.id);
    }
}
