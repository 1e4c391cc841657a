//! What an archive has in it.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{Files, Member, asked, downloaded, ended, made, on_disk, opened, parsed, released};
use crate::harness::accounts::{PASSWORD, claim};
use crate::harness::{System, website};
use crate::main_job::person::Person;

const DOMAIN: &str = "www.leaving.example";

/// A site as people have them: folders, a long path, an empty file, bytes that are no text.
fn website() -> BTreeMap<String, Vec<u8>> {
    let long = format!("{}/{}.html", ["a-folder-with-a-name"; 9].join("/"), "page".repeat(20));
    BTreeMap::from([
        ("index.html".to_owned(), b"<h1>leaving</h1>".to_vec()),
        ("empty.txt".to_owned(), Vec::new()),
        ("images/noise.bin".to_owned(), website::noise(3 << 20)),
        (
            "Stra\u{df}e \u{2603}/l'\u{e9}t\u{e9}.html".to_owned(),
            b"summer".to_vec(),
        ),
        (long, b"deep".to_vec()),
    ])
}

fn files(of: &BTreeMap<String, Vec<u8>>) -> Files {
    let files = of.iter();
    files
        .map(|(name, bytes)| (name.clone(), Member::File(bytes.clone())))
        .collect()
}

/// Checks the list of sums in an archive against what is in it.
fn assert_summed(files: &Files) {
    let sums = String::from_utf8(files["SHA256SUMS"].bytes().to_vec()).unwrap();
    let mut summed = 0;
    for line in sums.lines() {
        let (sum, path) = line.split_once("  ").unwrap();
        let found = digest(&SHA256, files[path].bytes());
        let found: String = found.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum, "{path}");
        summed += 1;
    }
    assert_eq!(summed, files.len() - 2, "all but the list itself and the end: {sums}");
}

#[tokio::test]
async fn what_was_uploaded_comes_back_byte_for_byte_and_makes_the_same_site_again() {
    let system = System::start().await;
    let platform = claim(&system).await;
    let plan = platform.plan(None).await;
    let customer = platform.tenant_below("customer", &plan).await;
    let tenant = customer.tenant.clone();
    let api = &customer.api;
    let site = customer.site(DOMAIN).await;
    let old = customer.publish(&site, &website::page("the old one")).await;
    let uploaded = website();
    let release = customer.publish(&site, &website::zip_of(uploaded.clone())).await;
    let zone = api
        .post("/zones", json!({"apex": "names.example"}))
        .await
        .expect(201)
        .id();
    let record = json!({"name": "@", "type": "MX", "ttl": 600, "data": "10 mail.names.example"});
    api.post(&format!("/zones/{zone}/records"), record).await.expect(201);
    system.browser(&[DOMAIN]).await.shows(DOMAIN, "/", "leaving").await;

    let export = made(&customer).await;
    let archive = downloaded(api, &export).await;
    let found = opened(&archive);
    assert_summed(&found);
    assert_eq!(released(&found, &tenant, &site, &release), files(&uploaded));
    let folder = format!("tenants/{tenant}");
    let at = |path: &str| format!("{folder}/{path}");
    assert!(!found.contains_key(&at(&format!("sites/{site}/releases/{old}.tar.gz"))));

    let about = parsed(&found, &at(&format!("sites/{site}/site.json")));
    assert_eq!(
        (&about["active_release"], &about["primary_host"]),
        (&json!(release), &json!(DOMAIN))
    );
    assert_eq!(about["releases"].as_array().unwrap().len(), 2);
    let members = parsed(&found, &at("members.json"));
    assert_eq!(members[0]["email"], customer.email);
    assert_eq!(parsed(&found, &at("tenant.json"))["id"], tenant);
    let zone_file = String::from_utf8_lossy(found[&at("zones/names.example.zone")].bytes()).into_owned();
    assert!(
        zone_file.contains("\nnames.example. 600 IN MX 10 mail.names.example.\n"),
        "{zone_file}"
    );
    let log = String::from_utf8_lossy(found[&at("audit.ndjson")].bytes()).into_owned();
    let actions: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        actions.iter().any(|entry| entry["action"] == "tenancy.export.asked"),
        "{log}"
    );
    let chains: Vec<&String> = found.keys().filter(|path| path.ends_with(".pem")).collect();
    assert!(!chains.is_empty(), "{:?}", found.keys());
    for (path, member) in &found {
        let text = String::from_utf8_lossy(member.bytes());
        assert!(
            !text.contains("PRIVATE KEY") && !text.contains(&platform.email),
            "{path}"
        );
    }

    // What came back goes up again as it is.
    let path = at(&format!("sites/{site}/releases/{release}.tar.gz"));
    let again = customer.site("www.arrived.example").await;
    let (operation, second) = customer.release(&again, "site.tar.gz", found[&path].bytes()).await;
    customer.succeeded(&operation).await;
    let sites = system.data().join("sites");
    for (name, bytes) in &uploaded {
        let file = sites.join(&again).join("releases").join(&second).join(name);
        assert_eq!(&std::fs::read(file).unwrap(), bytes, "{name}");
    }

    let asked = json!({"all_releases": true});
    let everything = super::asked(api, &tenant, asked).await;
    assert_eq!(ended(api, &everything).await["state"], "ready");
    let found = opened(&downloaded(api, &everything).await);
    assert_eq!(released(&found, &tenant, &site, &old).len(), 1);
}

#[tokio::test]
async fn an_archive_is_downloaded_in_parts_and_by_command_line() {
    let system = System::start().await;
    let owner = claim(&system).await;
    let site = owner.site(DOMAIN).await;
    owner.publish(&site, &website::zip_of(website())).await;
    let export = made(&owner).await;
    let path = format!("{export}/download");
    let whole = downloaded(&owner.api, &export).await;
    let part = async |range: &str, if_range: &str| {
        let request = owner.api.request("GET", &path).header("range", range);
        let request = match if_range {
            "" => request,
            tag => request.header("if-range", tag),
        };
        request.send().await
    };
    let half = whole.len() / 2;
    let first = part(&format!("bytes=0-{}", half - 1), "").await.expect(206);
    let tag = first.header("etag");
    let second = part(&format!("bytes={half}-"), &tag).await.expect(206);
    assert_eq!(
        second.header("content-range"),
        format!("bytes {half}-{}/{}", whole.len() - 1, whole.len())
    );
    assert!([first.bytes, second.bytes].concat() == whole);
    assert!(part(&format!("bytes={half}-"), "\"another\"").await.expect(200).bytes == whole);
    let behind = part(&format!("bytes={}-", whole.len()), "").await.expect(416);
    assert_eq!(behind.header("content-range"), format!("bytes */{}", whole.len()));
    let head = owner.api.request("HEAD", &path).send_unchecked().await.unwrap();
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, whole.len().to_string())
    );
    let log = owner.api.list("/audit?filter[action]=tenancy.export.downloaded").await;
    assert_eq!(log.len(), 4, "each part that was given, and nothing else: {log:#?}");

    let person = Person::new(&system, "olga");
    let url = format!("http://{}", system.address("panel"));
    let login = ["login", &url, "--email", &owner.email, "--password-stdin"];
    person.tells(&login, &format!("{PASSWORD}\n"));
    let to = system.scratch().join("archive.tar.zst");
    let (id, to) = (export.rsplit('/').next().unwrap(), to.display().to_string());
    // A transfer that was cut short before.
    std::fs::write(format!("{to}.{id}.part"), &whole[..half]).unwrap();
    person.tells(&["tenant", "exports", "download", &owner.tenant, id, "--to", &to], "");
    assert!(std::fs::read(&to).unwrap() == whole);
    person.tells(&["tenant", "exports", "remove", &owner.tenant, id], "");
    assert_eq!(on_disk(&system), Vec::<String>::new());
    person.tells(&["tenant", "export", &owner.tenant, "--to", &to], "");
    assert!(opened(&std::fs::read(&to).unwrap()).contains_key("manifest.json"));
    let list = person.json(&["tenant", "exports", "list", &owner.tenant]);
    let states: Vec<&Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["ready", "removed"], "{list}");
}

#[tokio::test]
async fn an_archive_is_made_whole_after_the_death_of_each_process_at_each_step() {
    let mut system = System::start().await;
    let owner = claim(&system).await;
    let site = owner.site(DOMAIN).await;
    let uploaded = website();
    let release = owner.publish(&site, &website::zip_of(uploaded.clone())).await;
    for (point, process) in [
        ("write,before", "serve"),
        ("write,after", "agent"),
        ("publish,before", "serve"),
        ("publish,after", "postgres"),
    ] {
        let hold = system.hold(&format!("tenancy.tenant.export,{point}"));
        let export = asked(&owner.api, &owner.tenant, json!({})).await;
        hold.reached().await;
        let before = system.pid(process).unwrap();
        system.kill(process).await;
        hold.go_on();
        system.wait_restarted(process, before).await;
        let ended = ended(&owner.api, &export).await;
        assert_eq!(ended["state"], "ready", "{point}: {ended:#}");
        system.wait_complete().await;
        let found = opened(&downloaded(&owner.api, &export).await);
        assert_eq!(released(&found, &owner.tenant, &site, &release), files(&uploaded));
        owner.api.delete(&export).await.expect(204);
        assert_eq!(on_disk(&system), Vec::<String>::new(), "{point}");
    }
    // And one that is there survives a restart of everything.
    let export = made(&owner).await;
    system.power_cut().await;
    system.up().await;
    let api = system.api().with(owner.api.credential.clone());
    assert!(opened(&downloaded(&api, &export).await).contains_key("manifest.json"));
}
