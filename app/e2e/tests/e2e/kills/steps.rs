use std::os::unix::fs::PermissionsExt;

use super::assert_nothing_orphaned;
use crate::harness::accounts::claim;
use crate::harness::{Account, System, website};

/// A customer of a fresh installation.
async fn customer(system: &System) -> Account {
    let owner = claim(system).await;
    let plan = owner.plan(None).await;
    owner.tenant_below("customer", &plan).await
}

/// Lets the next server die once at `point`. The supervisor is killed too: its successor adopts everything but the server.
async fn die_at(system: &mut System, point: &str, number: usize) -> std::path::PathBuf {
    let folder = system.scratch();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let marker = folder.join(format!("died-{number}"));
    system.set("MPANEL_CRASH_AT", Some(point));
    system.set("MPANEL_CRASH_MARKER", Some(&marker.display().to_string()));
    system.kill_supervisor().await;
    system.up().await;
    marker
}

/// The same account through the panel's present address.
fn again(system: &System, account: &Account) -> Account {
    Account {
        api: system.api().with(account.api.credential.clone()),
        ..account.clone()
    }
}

#[tokio::test]
async fn a_deploy_survives_the_server_at_every_step() {
    let mut system = System::start().await;
    let customer = customer(&system).await;
    let site = customer.site("steps.example").await;
    let steps = ["check", "unpack", "account", "activate", "served", "tidy"];
    for (number, step) in steps.iter().enumerate() {
        let moment = if number % 2 == 0 { "after" } else { "before" };
        let marker = die_at(&mut system, &format!("sites.release.deploy/{step}/{moment}"), number).await;
        let customer = again(&system, &customer);
        let text = format!("release {number}");
        let (operation, release) = customer.release(&site, "site.zip", &website::page(&text)).await;
        customer.succeeded(&operation).await;
        assert!(marker.exists(), "the server did not die at {step}/{moment}");
        system
            .browser(&["steps.example"])
            .await
            .shows("steps.example", "/", &text)
            .await;
        let shown = customer.api.get(&format!("/sites/{site}")).await.expect(200);
        assert_eq!(shown.text("/active_release_id"), release);
        assert_nothing_orphaned(&system, &customer).await;
    }
}

#[tokio::test]
async fn a_deletion_survives_the_server_at_every_step() {
    let mut system = System::start().await;
    let customer = customer(&system).await;
    for (number, step) in ["withdraw", "served", "names", "files", "rows"].iter().enumerate() {
        let site = again(&system, &customer).site("gone.example").await;
        again(&system, &customer).publish(&site, &website::page("going")).await;
        let moment = if number % 2 == 0 { "after" } else { "before" };
        let marker = die_at(&mut system, &format!("sites.site.delete/{step}/{moment}"), number).await;
        let customer = again(&system, &customer);
        let deleted = customer.api.delete(&format!("/sites/{site}")).await.expect(202);
        customer.succeeded(&deleted.text("/operation_id")).await;
        assert!(marker.exists(), "the server did not die at {step}/{moment}");
        customer.api.get(&format!("/sites/{site}")).await.expect(404);
        assert_nothing_orphaned(&system, &customer).await;
    }
}
