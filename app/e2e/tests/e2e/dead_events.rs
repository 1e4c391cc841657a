//! An event that what is found across the tree cannot take on, and having all of that built anew.

use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::harness::accounts::{claim, unique};
use crate::harness::{Account, System, eventually, queue};

async fn is_found(owner: &Account, host: &str) -> bool {
    let list = owner.api.get(&format!("/subtree?q={host}")).await.expect(200);
    !list.body["items"].as_array().unwrap().is_empty()
}

async fn consumer(owner: &Account) -> Value {
    owner.api.list("/event-consumers").await.remove(0)
}

#[tokio::test]
async fn an_event_that_was_given_up_is_retried_and_what_is_lost_is_built_anew_also_through_a_crash() {
    let system = System::start().await;
    let owner = claim(&system).await;
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let mut database = queue::database(&owner.api).await;
    let (known, host) = (
        format!("known{}.example", unique()),
        format!("refused{}.example", unique()),
    );
    customer.site(&known).await;
    eventually("a site is found", async || is_found(&owner, &known).await.then_some(())).await;

    // Something in the database is not as it should be.
    sqlx::query(
        "alter table tenancy.subtree_resources add constraint wrong check (name not like 'refused%') not valid",
    )
    .execute(&mut database)
    .await
    .unwrap();
    let site = customer.site(&host).await;
    eventually("its event waits", async || {
        (consumer(&owner).await["waiting"].as_u64() > Some(0)).then_some(())
    })
    .await;
    let dead = eventually("it is given up", async || {
        // As after a quarter of an hour.
        sqlx::query("update spine.set_aside set attempts = 11, due_at = now() where not dead and not behind")
            .execute(&mut database)
            .await
            .unwrap();
        let all = owner.api.list("/dead-events").await;
        all.into_iter().find(|event| event["resource"] == site.as_str())
    })
    .await;
    assert_eq!(
        (&dead["consumer"], &dead["attempts"]),
        (&json!("tenancy.subtree"), &json!(12))
    );
    assert!(dead["error"].as_str().unwrap().contains("wrong"), "{dead}");
    assert!(!is_found(&owner, &host).await);

    sqlx::query("alter table tenancy.subtree_resources drop constraint wrong")
        .execute(&mut database)
        .await
        .unwrap();
    let path = format!("/dead-events/{}/retry", dead["id"].as_str().unwrap());
    owner.api.post(&path, json!({})).await.expect(204);
    let all = json!({"consumer": "tenancy.subtree"});
    owner.api.post("/dead-events/retry", all).await.expect(200);
    eventually("it is taken on", async || {
        let nothing_is_dead = owner.api.list("/dead-events").await.is_empty();
        (nothing_is_dead && is_found(&owner, &host).await).then_some(())
    })
    .await;

    // Word of what the site has become meanwhile may still be on its way, and bring it back.
    eventually("it is lost", async || {
        sqlx::query("delete from tenancy.subtree_resources where name like 'refused%'")
            .execute(&mut database)
            .await
            .unwrap();
        (!is_found(&owner, &host).await).then_some(())
    })
    .await;
    // Whoever writes there waits, and whoever reads does not.
    let mut held = database.begin().await.unwrap();
    sqlx::query("lock table tenancy.subtree_resources in exclusive mode")
        .execute(&mut *held)
        .await
        .unwrap();
    let path = "/event-consumers/tenancy.subtree/rebuild";
    owner.api.post(path, json!({})).await.expect(202);
    assert!(is_found(&owner, &known).await, "what is known is found meanwhile");
    let before = system.kill("serve").await;
    system.wait_restarted("serve", before).await;
    eventually("the server answers again", async || {
        let asked = owner.api.request("GET", "/event-consumers").send_unchecked().await;
        asked.ok().filter(|answer| answer.status == 200)
    })
    .await;
    assert_eq!(consumer(&owner).await["rebuilding"], true);
    held.rollback().await.unwrap();
    eventually("it is built anew", async || {
        let built = consumer(&owner).await["rebuilding"] == false;
        (built && is_found(&owner, &host).await).then_some(())
    })
    .await;
    assert!(is_found(&owner, &known).await);
}
