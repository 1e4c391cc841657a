use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::world::World;

#[tokio::test]
async fn a_version_that_works_takes_over_while_people_work_and_visit() {
    let world = World::new().await;
    let before = world.record();
    let postmaster = world.system.pid("postgres");
    world.install("9.1.0", "");
    let (upgraded, load) = world.under_load(async { world.upgrade(&[]).await.unwrap() }).await;
    assert_eq!(upgraded.code, 0, "{}", upgraded.text);
    assert!(upgraded.text.contains("version 9.1.0 runs"), "{}", upgraded.text);
    assert_eq!(world.settled().await, "9.1.0");
    world.assert_kept(&load).await;
    world.assert_serves().await;
    assert_eq!(world.system.pid("postgres"), postmaster, "the database runs on");

    let row = world.told("finished", 1).await;
    assert_eq!(row["after"]["from"], before["running"]["name"], "{row}");
    assert_eq!(row["after"]["to"], "9.1.0", "{row}");
    world.told("tried", 1).await;
    assert!(world.examined().contains("9.1.0"), "{}", world.examined());
    let again = world.upgrade(&[]).await.unwrap();
    assert_eq!((again.code, again.text.trim()), (0, "version 9.1.0 runs already"));

    // Nobody but who runs the supervisor may put programs where it takes them from, and old ones do not pile up: the version
    // before is kept beside this one.
    world.install("9.2.0", "");
    assert_eq!(world.upgrade(&[]).await.unwrap().code, 0);
    assert_eq!(world.settled().await, "9.2.0");
    let folder = world.system.data().join("programs");
    let mut kept = 0;
    for entry in walk(&folder) {
        let metadata = std::fs::symlink_metadata(&entry).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o022, 0, "{}", entry.display());
        assert_eq!(
            metadata.uid(),
            mpanel_process::account::effective_uid(),
            "{}",
            entry.display()
        );
        kept += u32::from(entry.ends_with("mpanel-agent"));
    }
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn somebody_goes_back_from_a_version_that_works_and_takes_it_again() {
    let world = World::new().await;
    let before = world.settled().await;
    let none = world.upgrade(&["--back"]).await.unwrap();
    assert_eq!(none.code, 1, "{}", none.text);
    assert!(none.text.contains("no version is known"), "{}", none.text);
    world.install("9.1.0", "");
    assert_eq!(world.upgrade(&[]).await.unwrap().code, 0);
    assert_eq!(world.settled().await, "9.1.0");
    let (back, load) = world
        .under_load(async { world.upgrade(&["--back"]).await.unwrap() })
        .await;
    assert_eq!(back.code, 0, "{}", back.text);
    assert_eq!(world.settled().await, before);
    world.assert_kept(&load).await;
    world.assert_serves().await;
    let row = world.told("rolled_back", 1).await;
    assert!(row["after"]["reason"].as_str().unwrap().contains("--back"), "{row}");
    // It is not tried again by itself, and is when somebody asks.
    let asked = world.upgrade(&[]).await.unwrap();
    assert_eq!(asked.code, 1, "{}", asked.text);
    let again = world.upgrade(&["--again"]).await.unwrap();
    assert_eq!(again.code, 0, "{}", again.text);
    assert_eq!(world.settled().await, "9.1.0");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![folder.to_owned()];
    for name in crate::harness::system::tree(folder) {
        found.push(folder.join(name));
    }
    found
}
