//! One tenant with another's ids: every one is as good as not there, and no list tells of them.

use super::estate::{Estate, call, node};
use super::operations;
use crate::harness::shared::owner;

/// What the platform alone may: machines, reconcilers and consumers of events are no tenant's, and their existence is no secret.
const OF_PLATFORM: [&str; 9] = [
    "certificate_issuers_delete",
    "certificate_issuers_get",
    "dead_events_discard",
    "dead_events_retry",
    "event_consumers_rebuild",
    "nodes_get",
    "realms_get",
    "realms_update",
    "reconcilers_run",
];

#[tokio::test]
async fn another_tenants_ids_are_not_there() {
    let platform = owner();
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let other_plan = platform.plan(None).await;
    // Resellers own one of everything; and a customer is nothing to its neighbour either.
    let victim = platform.tenant_below("reseller", &plan).await;
    let victim = Estate::of(victim, "reseller", &node, &plan).await;
    let (seller, customer) = tokio::join!(
        platform.tenant_below("reseller", &other_plan),
        platform.tenant_below("customer", &other_plan)
    );
    for (kind, attacker) in [("reseller", seller), ("customer", customer)] {
        let estate = Estate::of(attacker, kind, &node, &other_plan).await;
        attack(&estate, &victim).await;
    }
    // Nothing of it came to harm.
    let api = &victim.owner.api;
    for path in [
        "sites/{site_id}",
        "sites/{site_id}/releases/{release_id}",
        "zones/{zone_id}",
        "plans/{plan_id}",
    ] {
        let (_, name) = path.rsplit_once('{').unwrap();
        let path = path.replace("{site_id}", &victim.id("site_id"));
        let name = name.trim_end_matches('}');
        let path = path.replace(&format!("{{{name}}}"), &victim.id(name));
        api.get(&format!("/{path}")).await.expect(200);
    }
}

async fn attack(attacker: &Estate, victim: &Estate) {
    let api = &attacker.owner.api;
    let mut problems = Vec::new();
    for (operation, how) in operations(api).await {
        // Every mixture of own and foreign ids with at least one foreign.
        let count = operation.ids.len();
        for foreign in 1..(1_u32 << count) {
            let mine = |index: usize| foreign & (1 << index) == 0;
            if (0..count).any(|index| mine(index) && !attacker.has(&operation.ids[index])) {
                continue;
            }
            let mut index = 0;
            let path = operation.path_with(|name| {
                let id = if mine(index) {
                    attacker.id(name)
                } else {
                    victim.id(name)
                };
                index += 1;
                id
            });
            let answer = call(api, &operation, &how, &path, attacker).await;
            let platforms = OF_PLATFORM.contains(&operation.id.as_str());
            let hidden = answer.status == 404 || (platforms && answer.status == 403);
            if !hidden {
                problems.push(format!("{}: {answer}", operation.id));
            }
        }
        // Its own lists, and anything else it may read, tell nothing of the other.
        if operation.method == "GET" && operation.ids.iter().all(|name| attacker.has(name)) {
            let mut path = operation.path_with(|name| attacker.id(name));
            // What one asks for in vain stands in one's own log, in one's own words.
            if ["audit_list", "audit_export"].contains(&operation.id.as_str()) {
                path.push_str("?filter[outcome]=done");
            }
            let answer = call(api, &operation, &how, &path, attacker).await;
            let text = String::from_utf8_lossy(&answer.bytes).into_owned();
            if let Some(id) = victim.own_ids().find(|id| text.contains(id.as_str())) {
                problems.push(format!("{} tells of {id}: {answer}", operation.id));
            }
        }
        // Acting for the other tenant is acting for nobody.
        if operation.ids.iter().all(|name| victim.has(name)) {
            let path = operation.path_with(|name| victim.id(name));
            let there = api.acting_for(&victim.owner.tenant);
            let answer = call(&there, &operation, &how, &path, victim).await;
            if answer.status != 404 {
                problems.push(format!("{} for another tenant: {answer}", operation.id));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn ids_in_bodies_are_looked_up_in_the_own_tenant() {
    use serde_json::json;
    let platform = owner();
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let victim = platform.tenant_below("reseller", &plan).await;
    let victim = Estate::of(victim, "reseller", &node, &plan).await;
    let attacker = platform.tenant_below("reseller", &plan).await;
    let site = attacker
        .site(&format!("bodies{}.example", crate::harness::accounts::unique()))
        .await;

    // Another's finished upload.
    let body = json!({"upload_id": victim.id("finished_upload")});
    let answer = attacker.api.post(&format!("/sites/{site}/releases"), body).await;
    assert!([404, 422].contains(&answer.status), "{answer}");
    // Another's plan, for a customer of one's own.
    let body = json!({"kind": "customer", "name": "Mine", "plan_id": victim.id("plan_id")});
    attacker.api.post("/tenants", body).await.expect(422);
    let mine = attacker
        .api
        .post("/tenants", json!({"kind": "customer", "name": "Mine"}))
        .await
        .expect(201);
    let path = format!("/tenants/{}/subscription", mine.text("/tenant/id"));
    attacker
        .api
        .put(&path, json!({"plan_id": victim.id("plan_id")}))
        .await
        .expect(422);
    // A list below another's tenant.
    let path = format!("/tenants?filter[parent]={}", victim.owner.tenant);
    assert!(attacker.api.list(&path).await.is_empty());
    // The victim's upload is still its own.
    let path = format!(
        "/sites/{}/uploads/{}",
        victim.id("site_id"),
        victim.id("finished_upload")
    );
    assert_eq!(victim.owner.api.get(&path).await.expect(200).text("/state"), "finished");
}
