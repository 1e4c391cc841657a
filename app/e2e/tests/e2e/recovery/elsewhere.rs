use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::json;

use super::world::{World, backed_up, restored, run, sign_in, text, told};
use crate::harness::{System, website};

/// Uploads, publishes and makes records, over and over.
async fn keep_writing(world: &World, stop: &AtomicBool, rounds: &AtomicU32) {
    let apex = world.domain.trim_start_matches("www.");
    let zones = world.customer.api.list("/zones").await;
    let zone = zones.iter().find(|zone| zone["apex"] == apex).unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    while !stop.load(Ordering::Relaxed) {
        let round = rounds.fetch_add(1, Ordering::Relaxed);
        let body =
            json!({"name": format!("n{round}.{apex}"), "type": "TXT", "ttl": 300, "data": format!("\"{round}\"")});
        world
            .customer
            .api
            .post(&format!("/zones/{zone}/records"), body)
            .await
            .expect(201);
        world
            .customer
            .publish(&world.site, &website::page(&format!("{} {round}", super::world::TEXT)))
            .await;
    }
}

#[tokio::test]
async fn an_installation_is_restored_as_it_was_at_one_moment_while_it_was_written_to() {
    let world = World::new().await;
    // One release is kept: what a backup holds is being removed while it is made.
    let body = json!({"settings": {"keep_releases": 1}});
    let path = format!("/sites/{}", world.site);
    world
        .customer
        .api
        .request("PATCH", &path)
        .json(&body)
        .send()
        .await
        .expect(200);
    let (stop, rounds) = (AtomicBool::new(false), Arc::new(AtomicU32::new(0)));
    let file = world.system.scratch().join("busy.tar.zst");
    let backing_up = async {
        let (data, to, rounds) = (text(&world.system.data()), text(&file), rounds.clone());
        let answer = tokio::task::spawn_blocking(move || {
            // Not before something is written.
            while rounds.load(Ordering::Relaxed) < 2 {
                std::thread::yield_now();
            }
            told(&["backup", "self", "--data", &data, "--to", &to])
        });
        let answer = answer.await.unwrap();
        stop.store(true, Ordering::Relaxed);
        answer
    };
    let ((), answer) = tokio::join!(keep_writing(&world, &stop, &rounds), backing_up);
    assert_eq!(answer["keys"], true);
    let verified = told(&["backup", "verify", &text(&file), "--deep"]);
    assert_eq!(verified["head"]["rows"]["sites.sites"], 1, "{verified}");

    let system = restored(&file, &[]).await;
    world.assert_in(&system).await;
    // What was in use goes on where it was; what was signed in is not.
    let old = system.api().with(world.owner.api.credential.clone());
    old.get("/me").await.expect(401);
    let owner = sign_in(&system, &world.owner.email).await;
    let audit = owner
        .get("/audit?filter[action]=recovery.restore.finished")
        .await
        .expect(200);
    assert_eq!(audit.body["items"].as_array().unwrap().len(), 1, "{audit}");
    // And work goes on: the site takes another release.
    let mut customer = world.customer.clone();
    customer.api = sign_in(&system, &customer.email).await;
    customer
        .publish(&world.site, &website::page("published after the restore"))
        .await;
    let browser = system.browser(&[&world.domain]).await;
    browser.shows(&world.domain, "/", "published after the restore").await;
}

#[tokio::test]
async fn who_made_a_backup_is_in_the_audit_log_and_the_archive_opens_with_common_tools() {
    let world = World::new().await;
    let folder = world.system.scratch().join("backups");
    std::fs::create_dir(&folder).unwrap();
    let configuration = world.system.data().join("config.toml");
    std::fs::write(
        &configuration,
        "metrics_token = \"hidden-0123456789abcdef\"\n[releases]\nkeep = 9\n",
    )
    .unwrap();
    let answer = backed_up(&world.system, &folder, &["--without-keys"]);
    let file = answer["file"].as_str().unwrap().to_owned();
    assert!(
        file.starts_with(&text(&folder)) && file.ends_with(".tar.zst"),
        "{answer}"
    );
    let audit = world
        .owner
        .api
        .get("/audit?filter[action]=recovery.backup.made")
        .await
        .expect(200);
    let after = &audit.body["items"][0]["after"];
    assert_eq!(
        (&after["keys"], &after["sha256"]),
        (&json!(false), &answer["sha256"]),
        "{audit}"
    );
    assert_eq!(after["by_uid"], u64::from(mpanel_process::account::effective_uid()));
    let metrics = world
        .system
        .api()
        .request("GET", "/metrics")
        .send_unchecked()
        .await
        .unwrap();
    let bytes = format!("mpanel_backup_last_bytes {}\n", answer["bytes"]);
    assert!(String::from_utf8_lossy(&metrics.bytes).contains(&bytes), "{metrics}");
    // Without keys it is without passwords too, and says which are missing.
    let tar = zstd::decode_all(std::fs::File::open(&file).unwrap()).unwrap();
    let has = |text: &str| tar.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("keep = 9") && has("\"metrics_token\": \"[redacted]\"") && !has("hidden-0123456789abcdef"));
    // Only its file is left, and only its owner reads it.
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
    assert_eq!(names.len(), 1);
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(names[0].metadata().unwrap().mode() & 0o777, 0o600);
    assert!(!world.system.data().join("backup/links").exists());
}

#[tokio::test]
async fn a_stopped_installation_is_backed_up_and_restored_with_other_ports() {
    let mut world = World::new().await;
    world.system.power_cut().await;
    let (file, _) = world.backup("stopped.tar.zst", &[]);
    // The same installation starts again: nothing of the backup's PostgreSQL is left in its way.
    world.system.up().await;
    let passphrase = world.system.scratch().join("passphrase");
    std::fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    let passphrase = text(&passphrase);
    let (sealed, _) = world.backup("sealed.age", &["--passphrase-file", &passphrase]);
    let refusal = super::world::refused(&["backup", "verify", &text(&sealed)]);
    assert!(refusal.contains("passphrase"), "{refusal}");
    told(&["backup", "verify", &text(&sealed), "--passphrase-file", &passphrase]);

    let system = restored(&sealed, &["--passphrase-file", &passphrase, "--set", "releases.keep=7"]).await;
    let configuration = std::fs::read_to_string(system.data().join("config.toml")).unwrap();
    assert!(configuration.contains("keep = 7"), "{configuration}");
    world.assert_in(&system).await;
    drop(system);
    let system = restored(&file, &[]).await;
    world.assert_in(&system).await;
}

#[tokio::test]
async fn nothing_is_done_before_somebody_agreed() {
    let world = World::new().await;
    let (file, _) = world.backup("asked.tar.zst", &[]);
    let system = System::prepare(&[]);
    let data = text(&system.data());
    let (code, _, err) = run(&["restore", &text(&file), "--data", &data]);
    assert_ne!(code, 0);
    for part in [
        "1 sites",
        "mPanel 0.1.0",
        "every session",
        "give --revoke-tokens",
        "give --yes",
    ] {
        assert!(err.contains(part), "{part} is not in:\n{err}");
    }
    assert!(!system.data().exists(), "something was made");
}
