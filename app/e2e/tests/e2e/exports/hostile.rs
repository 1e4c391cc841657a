//! What must not come of an archive.

use std::os::unix::fs::symlink;
use std::time::Duration;

use mpanel_testkit::root;
use serde_json::json;

use super::{Member, asked, downloaded, ended, made, on_disk, opened, released};
use crate::harness::accounts::claim;
use crate::harness::{System, eventually, website};

#[tokio::test]
async fn links_in_a_release_lead_nowhere_and_nothing_outside_of_it_is_in_the_archive() {
    let system = System::start().await;
    let owner = claim(&system).await;
    let site = owner.site("www.links.example").await;
    let release = owner.publish(&site, &website::page("links")).await;
    let secret = system.data().join("keys/master.key");
    let tree = system.data().join("sites").join(&site).join("releases").join(&release);
    symlink(&secret, tree.join("key")).unwrap();
    symlink(system.data(), tree.join("folder")).unwrap();
    symlink("../../../..", tree.join("above")).unwrap();
    let found = opened(&downloaded(&owner.api, &made(&owner).await).await);
    let files = released(&found, &owner.tenant, &site, &release);
    assert_eq!(files["key"], Member::Link(secret.display().to_string()));
    assert_eq!(files["above"], Member::Link("../../../..".to_owned()));
    let names: Vec<&String> = files.keys().collect();
    assert_eq!(names, ["above", "folder", "index.html", "key"]);
    let key = std::fs::read(&secret).unwrap();
    for member in found.values() {
        assert!(!member.bytes().windows(key.len()).any(|bytes| bytes == key));
    }
}

#[tokio::test]
async fn others_viewers_and_those_above_without_a_reason_get_none() {
    let system = System::start().await;
    let platform = claim(&system).await;
    let plan = platform.plan(None).await;
    let (customer, stranger) = (
        platform.tenant_below("customer", &plan).await,
        platform.tenant_below("customer", &plan).await,
    );
    let export = made(&customer).await;
    let download = format!("{export}/download");
    for path in [&export, &download] {
        stranger.api.get(path).await.expect(404);
    }
    let borrowed = export.replace(&customer.tenant, &stranger.tenant);
    stranger.api.get(&format!("{borrowed}/download")).await.expect(404);
    let exports = format!("/tenants/{}/exports", customer.tenant);
    stranger.api.post(&exports, json!({})).await.expect(404);
    for role in ["viewer", "developer"] {
        let member = customer.member(role).await;
        member.api.get(&download).await.expect(403);
        member.api.post(&exports, json!({})).await.expect(403);
        member.api.delete(&export).await.expect(403);
    }
    let refused = platform.api.get(&download).await.expect(403);
    assert_eq!(refused.text("/code"), "tenancy.export.of_others");
    let refused = platform.api.post(&exports, json!({})).await.expect(422);
    assert!(refused.to_string().contains("/reason"), "{refused}");
    // Who says why has it, and the customer reads so.
    let reason = "they lost their password";
    let theirs = asked(&platform.api, &customer.tenant, json!({"reason": reason})).await;
    assert_eq!(ended(&platform.api, &theirs).await["state"], "ready");
    downloaded(&platform.api, &theirs).await;
    let id = theirs.rsplit('/').next().unwrap();
    for api in [&customer.api, &platform.api] {
        let log = api.list(&format!("/audit?filter[subject]={id}")).await;
        let actions: Vec<&str> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["tenancy.export.downloaded", "tenancy.export.asked"]);
        assert!(log[1].to_string().contains(reason), "{}", log[1]);
    }
    // Everything of the one, and nothing of the other.
    let all = opened(&downloaded(&customer.api, &export).await);
    assert!(all.values().all(|member| {
        let text = String::from_utf8_lossy(member.bytes()).into_owned();
        !text.contains(&stranger.tenant) && !text.contains(&stranger.email)
    }));
}

#[tokio::test]
async fn an_archive_is_gone_when_its_time_is_over_and_with_its_tenant() {
    let system = System::start().await;
    let platform = claim(&system).await;
    let plan = platform.plan(None).await;
    let customer = platform.tenant_below("customer", &plan).await;
    let (export, own) = (made(&customer).await, made(&platform).await);
    let file = |export: &str, tenant: &str| {
        let id = export.rsplit('/').next().unwrap().to_owned();
        system
            .data()
            .join("blobs/exports")
            .join(tenant)
            .join(format!("{id}.tar.zst"))
    };
    let theirs = file(&own, &platform.tenant);
    let old = theirs.metadata().unwrap().modified().unwrap() - Duration::from_secs(8 * 24 * 3600);
    std::fs::File::options()
        .append(true)
        .open(&theirs)
        .unwrap()
        .set_modified(old)
        .unwrap();
    platform
        .api
        .request("POST", "/reconcilers/tenancy.exports/run")
        .send()
        .await
        .expect(204);
    eventually("it is gone", async || (!theirs.exists()).then_some(())).await;
    assert_eq!(platform.api.get(&own).await.expect(200).text("/state"), "removed");
    let gone = platform.api.get(&format!("{own}/download")).await.expect(409);
    assert_eq!(gone.text("/code"), "tenancy.export.not_ready");
    assert!(file(&export, &customer.tenant).exists());

    // A tenant that ends takes what it has, until it is gone with everything.
    let name = platform
        .api
        .get(&format!("/tenants/{}", customer.tenant))
        .await
        .expect(200)
        .text("/name");
    let path = format!("/tenants/{}", customer.tenant);
    let end = |days: u32| json!({"name": name, "grace_days": days, "tenants_below": 0});
    platform
        .api
        .request("DELETE", &path)
        .json(&end(1))
        .send()
        .await
        .expect(200);
    downloaded(&customer.api, &made(&customer).await).await;
    platform
        .api
        .request("POST", &format!("{path}/restore"))
        .send()
        .await
        .expect(200);
    platform
        .api
        .request("DELETE", &path)
        .json(&end(0))
        .send()
        .await
        .expect(200);
    eventually("nothing is left of it", async || {
        on_disk(&system).is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_refuses_an_archive_in_plain_words_and_leaves_nothing() {
    if !root::here_or_excused("an ordinary user cannot mount a small disk") {
        return;
    }
    let mut system = System::prepare(&[]);
    system.mount("blobs/exports", 700);
    system.up().await;
    let owner = claim(&system).await;
    let site = owner.site("www.full.example").await;
    let noise = ("noise.bin".to_owned(), website::noise(40 << 20));
    let release = owner.publish(&site, &website::zip_of([noise.clone()])).await;
    let disk = system.disk("blobs/exports");

    disk.leave(500 * 1024);
    let exports = format!("/tenants/{}/exports", owner.tenant);
    let refused = owner.api.post(&exports, json!({})).await.expect(503);
    assert_eq!(refused.text("/code"), "tenancy.export.no_space", "{refused}");
    assert!(!refused.header("retry-after").is_empty());
    // There is room for something, and not for all of it.
    disk.leave(540 * 1024);
    let export = asked(&owner.api, &owner.tenant, json!({})).await;
    let failed = ended(&owner.api, &export).await;
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert!(failed["problem"].as_str().unwrap().contains("disk space"), "{failed:#}");
    assert_eq!(on_disk(&system), Vec::<String>::new());
    disk.restore();
    let found = opened(&downloaded(&owner.api, &made(&owner).await).await);
    let files = released(&found, &owner.tenant, &site, &release);
    assert!(files["noise.bin"] == Member::File(noise.1));
}
