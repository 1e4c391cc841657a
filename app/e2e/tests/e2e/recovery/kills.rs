use std::time::Duration;

use super::world::{World, backed_up, refused, started, text, told};
use crate::harness::system::tree;
use crate::harness::{System, eventually, website};

/// Kills a command after this part of the time that it takes, at several of them.
const PARTS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

#[tokio::test]
async fn a_backup_that_is_killed_leaves_nothing_under_its_name() {
    let world = World::new().await;
    // Enough for it to take a while.
    let site = world.customer.site("large.example").await;
    let archive = website::zip_of([
        ("index.html".to_owned(), b"large".to_vec()),
        ("noise".to_owned(), website::noise(40_000_000)),
    ]);
    world.customer.publish(&site, &archive).await;
    let (_, answer) = world.backup("first.tar.zst", &[]);
    let whole = answer["seconds"].as_f64().unwrap();
    let folder = world.system.scratch().join("killed");
    std::fs::create_dir(&folder).unwrap();
    let (data, file) = (text(&world.system.data()), folder.join("backup.tar.zst"));
    for part in PARTS {
        let mut child = started(&["backup", "self", "--data", &data, "--to", &text(&file)]);
        std::thread::sleep(Duration::from_secs_f64(whole * part));
        // It may have been quicker this time.
        let done = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        if file.exists() {
            told(&["backup", "verify", &text(&file)]);
            std::fs::remove_file(&file).unwrap();
        } else {
            assert!(!done, "it ended by itself and left no archive");
        }
    }
    backed_up(&world.system, &file, &[]);
    told(&["backup", "verify", &text(&file)]);
    let names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(names, ["backup.tar.zst"], "killed ones are left");
    for links in ["sites/.backup", "blobs/.backup"] {
        assert!(!world.system.data().join(links).exists(), "{links}");
    }
}

#[tokio::test]
async fn a_restore_that_is_killed_keeps_the_folder_from_starting_and_begins_anew() {
    let world = World::new().await;
    let (file, _) = world.backup("whole.tar.zst", &[]);
    let file = text(&file);
    let measured = System::prepare(&[]);
    let whole = told(&["restore", &file, "--data", &text(&measured.data()), "--yes"])["seconds"]
        .as_f64()
        .unwrap();
    drop(measured);
    let mut system = System::prepare(&[]);
    let data = text(&system.data());
    let mut halves = 0;
    for part in PARTS {
        let mut child = started(&["restore", &file, "--data", &data, "--yes"]);
        eventually("it has begun", async || {
            system.data().join("restore.json").exists().then_some(())
        })
        .await;
        std::thread::sleep(Duration::from_secs_f64(whole * part));
        child.kill().unwrap();
        child.wait().unwrap();
        if !system.data().join("restore.json").exists() {
            break;
        }
        halves += 1;
        let refusal = refused(&["up", "--data", &data]);
        assert!(
            refusal.contains("half a restore") && refusal.contains("--abandon"),
            "{refusal}"
        );
        refused(&["backup", "self", "--data", &data, "--to", "/nonexistent/x"]);
    }
    assert!(halves > 0, "none was cut short");
    if system.data().join("restore.json").exists() {
        told(&["restore", &file, "--data", &data, "--yes"]);
    }
    system.up().await;
    world.assert_in(&system).await;
}

#[tokio::test]
async fn half_a_restore_is_removed_when_it_is_not_wanted() {
    let world = World::new().await;
    let (file, _) = world.backup("whole.tar.zst", &[]);
    let system = System::prepare(&[]);
    let data = text(&system.data());
    // While PostgreSQL is being set up, while it starts, and while it is filled.
    for made in ["logs/postgres.log", "postgres", "run/pg/.s.PGSQL.5432"] {
        let mut child = started(&["restore", &text(&file), "--data", &data, "--yes"]);
        eventually(&format!("there is {made}"), async || {
            system.data().join(made).exists().then_some(())
        })
        .await;
        child.kill().unwrap();
        child.wait().unwrap();
        let (code, out, err) = super::world::run(&["restore", "--abandon", "--data", &data]);
        assert_eq!(code, 0, "{out}{err}");
        assert_eq!(tree(&system.data()), Vec::<String>::new(), "killed with {made}");
        let refusal = refused(&["restore", "--abandon", "--data", &data]);
        assert!(refusal.contains("no half of a restore"), "{refusal}");
    }
}
