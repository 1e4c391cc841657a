//! Full disks: what does not fit is refused in plain words, nothing is lost, sites are served on, and with space again it works.

use mpanel_testkit::root;
use serde_json::{Value, json};

use crate::harness::accounts::{claim, unique};
use crate::harness::{Account, Answer, System, eventually, website};

const DOMAIN: &str = "www.full.example";

/// A system with `folder` on a disk of its own, its owner and a site that shows "the first".
///
/// # Panics
/// As root where mounting is forbidden.
async fn with_disk(folder: &str, mebibytes: u64) -> Option<(System, Account, String)> {
    if !root::here_or_excused("an ordinary user cannot mount a small disk") {
        return None;
    }
    let mut system = System::prepare(&[]);
    system.mount(folder, mebibytes);
    system.up().await;
    let owner = claim(&system).await;
    let site = owner.site(DOMAIN).await;
    owner.publish(&site, &website::page("the first")).await;
    system.browser(&[DOMAIN]).await.shows(DOMAIN, "/", "the first").await;
    Some((system, owner, site))
}

async fn still_shows(system: &System, text: &str) {
    let answer = system.browser(&[DOMAIN]).await.get(DOMAIN, "/").await.unwrap();
    assert!(answer.status == 200 && answer.to_string().contains(text), "{answer}");
}

/// An archive of a page that says `text` and so many bytes that do not pack.
fn archive(text: &str, bytes: usize) -> Vec<u8> {
    let page = ("index.html".to_owned(), format!("<h1>{text}</h1>").into_bytes());
    website::zip_of([page, ("noise.bin".to_owned(), website::noise(bytes))])
}

async fn disk_bytes(owner: &Account) -> Value {
    let path = format!("/tenants/{}/usage", owner.tenant);
    let usage = owner.api.get(&path).await.expect(200).body;
    let items = usage["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["key"] == "disk_bytes");
    item.expect("disk space is counted")["used"].clone()
}

/// Refused for want of space, for now.
fn assert_full(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer}");
    assert_eq!(answer.text("/code"), "sites.upload.no_space", "{answer}");
    assert!(answer.text("/detail").contains("no disk space left"), "{answer}");
    assert!(!answer.header("retry-after").is_empty(), "{answer}");
}

#[tokio::test]
async fn uploads_onto_a_full_disk_are_refused_and_go_on_when_there_is_space() {
    let Some((system, owner, site)) = with_disk("blobs/uploads", 96).await else {
        return;
    };
    let disk = system.disk("blobs/uploads");
    let archive = archive("the second", 6 << 20);
    let (api, uploads) = (&owner.api, format!("/sites/{site}/uploads"));
    let body = json!({"filename": "site.zip", "size": archive.len()});
    let before = disk_bytes(&owner).await;

    // None is begun that cannot end, and nothing is counted for it; neither the other way to send one.
    disk.leave(60 * 1024);
    assert_full(&api.post(&uploads, body.clone()).await);
    let direct = api.request("POST", &format!("/sites/{site}/releases"));
    let direct = direct.body("application/zip", archive.clone()).send().await;
    assert_full(&direct);
    assert_eq!(disk_bytes(&owner).await, before);
    still_shows(&system, "the first").await;
    disk.restore();

    // One that is under way when the disk becomes full keeps what has arrived.
    let upload = api.post(&uploads, body).await.expect(201).id();
    let path = format!("{uploads}/{upload}");
    disk.leave(2 * 1024);
    let append = async |at: usize| {
        let request = api
            .request("PATCH", &path)
            .body("application/octet-stream", &archive[at..]);
        request.header("upload-offset", &at.to_string()).send().await
    };
    assert_full(&append(0).await);
    let known = api.get(&path).await.expect(200).body;
    let arrived = usize::try_from(known["offset"].as_u64().unwrap()).unwrap();
    assert!(arrived > 0 && arrived < archive.len(), "{known}");
    assert_full(&append(arrived).await);
    still_shows(&system, "the first").await;
    disk.restore();
    append(arrived).await.expect(204);
    let body = json!({"upload_id": upload, "activate": true});
    let begun = api.post(&format!("/sites/{site}/releases"), body).await.expect(202);
    owner.succeeded(&begun.text("/operation_id")).await;
    system.browser(&[DOMAIN]).await.shows(DOMAIN, "/", "the second").await;
    assert_eq!(std::fs::read_dir(disk.at()).unwrap().count(), 0, "an upload is left");
}

#[tokio::test]
async fn a_release_that_does_not_fit_leaves_the_one_before_and_can_be_tried_again() {
    let Some((system, owner, site)) = with_disk("sites", 8).await else {
        return;
    };
    let (api, before) = (&owner.api, disk_bytes(&owner).await);
    let upload = owner.upload(&site, "site.zip", &archive("the second", 12 << 20)).await;
    let release = json!({"upload_id": upload, "activate": true});
    let releases = format!("/sites/{site}/releases");
    for _ in 0..2 {
        let begun = api.post(&releases, release.clone()).await.expect(202);
        let ended = owner.ended(&begun.text("/operation_id")).await;
        assert_eq!(ended["state"], "failed", "{ended:#}");
        assert_eq!(ended["error"]["code"], "sites.release.no_space", "{ended:#}");
        let failed = api
            .get(&format!("{releases}/{}", begun.text("/release_id")))
            .await
            .expect(200);
        assert_eq!(failed.text("/state"), "failed");
        assert!(failed.text("/problem").contains("no disk space left"), "{failed}");
        still_shows(&system, "the first").await;
        let on_disk = std::fs::read_dir(system.data().join("sites").join(&site).join("releases"));
        let on_disk: Vec<_> = on_disk.unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let shown = api.get(&format!("/sites/{site}")).await.expect(200);
        assert_eq!(on_disk, [shown.text("/active_release_id").as_str()], "files are left");
    }
    // The upload is still there, and all that is counted.
    assert_eq!(
        api.get(&format!("/sites/{site}/uploads/{upload}"))
            .await
            .expect(200)
            .text("/state"),
        "finished"
    );
    let size = i64::try_from(archive("the second", 12 << 20).len()).unwrap();
    assert_eq!(disk_bytes(&owner).await, before.as_i64().unwrap() + size);

    // A new site finds no room for its folder.
    system.disk("sites").leave(0);
    let other = owner.site("other.full.example").await;
    let (operation, _) = owner.release(&other, "site.zip", &website::page("other")).await;
    let ended = owner.ended(&operation).await;
    assert_eq!(ended["error"]["code"], "sites.release.no_space", "{ended:#}");
    still_shows(&system, "the first").await;

    system.disk("sites").grow(64);
    let begun = api.post(&releases, release).await.expect(202);
    owner.succeeded(&begun.text("/operation_id")).await;
    system.browser(&[DOMAIN]).await.shows(DOMAIN, "/", "the second").await;
}

#[tokio::test]
async fn a_full_disk_under_everything_refuses_changes_and_loses_none() {
    let Some((system, owner, site)) = with_disk("", 600).await else {
        return;
    };
    let disk = system.disk("");
    disk.leave(0);
    // There is some room in what PostgreSQL has already taken.
    let mut made = Vec::new();
    let refused = loop {
        let body = json!({"name": format!("plan {} {}", unique(), "x".repeat(60)), "entitlements": {"sites": 1}});
        let answer = owner.api.post("/plans", body).await;
        if answer.status != 201 {
            break answer;
        }
        made.push(answer.id());
        assert!(made.len() < 5000, "the disk does not become full");
    };
    assert_eq!(refused.status, 503, "{refused}");
    assert!(!refused.header("retry-after").is_empty(), "{refused}");
    still_shows(&system, "the first").await;

    disk.restore();
    // PostgreSQL may have ended over it, and comes back by itself.
    let body = json!({"name": "with space again", "entitlements": {"sites": 1}});
    let made_again = async || {
        let request = owner.api.request("POST", "/plans").json(&body);
        let answer = request.send_unchecked().await.ok()?;
        (answer.status == 201).then_some(answer.id())
    };
    made.push(eventually("changes are taken again", made_again).await);
    let plans = owner.api.list("/plans?limit=200").await;
    let plans: Vec<&str> = plans.iter().map(|plan| plan["id"].as_str().unwrap()).collect();
    for plan in &made {
        assert!(plans.contains(&plan.as_str()), "{plan} was confirmed and is lost");
    }
    assert_eq!(plans.len(), made.len(), "a refused plan was made");
    owner.publish(&site, &website::page("the second")).await;
    system.browser(&[DOMAIN]).await.shows(DOMAIN, "/", "the second").await;
}
