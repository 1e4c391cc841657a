use std::time::Duration;

use super::assert_nothing_orphaned;
use crate::harness::accounts::claim;
use crate::harness::{Account, System, website};

/// Each process, killed at some moment of a deploy of a large site. Whatever the moment is, the outcome must be whole; the delays
/// only spread the moments over the deploy.
#[tokio::test]
async fn deploys_survive_any_process_at_any_time() {
    let mut system = System::start().await;
    let owner = claim(&system).await;
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let site = customer.site("times.example").await;
    let archive = website::zip(&website::manual());
    for (number, process) in ["serve", "agent", "postgres", "edge", "dns-1", "up"].iter().enumerate() {
        let (operation, release) = customer.release(&site, "manual.zip", &archive).await;
        tokio::time::sleep(Duration::from_millis(60 * number as u64)).await;
        let customer = if *process == "up" {
            system.kill_supervisor().await;
            system.up().await;
            Account {
                api: system.api().with(customer.api.credential.clone()),
                ..customer.clone()
            }
        } else {
            let before = system.kill(process).await;
            system.wait_restarted(process, before).await;
            customer.clone()
        };
        let ended = customer.ended(&operation).await;
        assert_eq!(ended["state"], "succeeded", "after {process} was killed: {ended:#}");
        let shown = customer.api.get(&format!("/sites/{site}")).await.expect(200);
        assert_eq!(shown.text("/active_release_id"), release);
        system
            .browser(&["times.example"])
            .await
            .shows("times.example", "/", "PostgreSQL")
            .await;
        assert_nothing_orphaned(&system, &customer).await;
    }
}
