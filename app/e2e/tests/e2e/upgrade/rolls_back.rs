use super::world::{Upgraded, World};

/// Upgrades to a version that fails so, and finds the one before serving, with the reason wherever people look.
async fn rolled_back(failure: &str, reason: &str) -> World {
    let world = World::new().await;
    let before = world.settled().await;
    world.install("9.1.0", failure);
    let (upgraded, load) = world.under_load(async { world.upgrade(&[]).await.unwrap() }).await;
    world.assert_kept(&load).await;
    assert_rolled_back(&world, &before, &upgraded, reason).await;
    world
}

async fn assert_rolled_back(world: &World, before: &str, upgraded: &Upgraded, reason: &str) {
    assert_eq!(upgraded.code, 1, "{}", upgraded.text);
    assert!(upgraded.text.contains(reason), "{}", upgraded.text);
    assert_eq!(world.settled().await, before);
    world.assert_serves().await;
    let row = world.told("rolled_back", 1).await;
    assert_eq!(row["after"]["to"], "9.1.0", "{row}");
    assert!(row["after"]["reason"].as_str().unwrap().contains(reason), "{row}");
    assert!(
        world.system.output().contains("this version does not work, going back"),
        "{}",
        world.system.output()
    );
    let examined = world.examined();
    assert!(examined.contains(reason) && examined.contains("9.1.0"), "{examined}");
}

#[tokio::test]
async fn a_version_whose_panel_crashes_gives_way_and_is_not_tried_again_until_it_changes() {
    let mut world = rolled_back("crash", "serve the last").await;
    let before = world.settled().await;
    // Neither asked nor started again is it tried once more.
    let asked = world.upgrade(&[]).await.unwrap();
    assert_eq!(asked.code, 1, "{}", asked.text);
    assert!(asked.text.contains("mpanel upgrade --again"), "{}", asked.text);
    world.system.kill_supervisor().await;
    world.system.up().await;
    assert_eq!(world.settled().await, before);
    world.assert_untold("tried").await;
    // Another one is.
    world.install("9.2.0", "");
    let upgraded = world.upgrade(&[]).await.unwrap();
    assert_eq!(upgraded.code, 0, "{}", upgraded.text);
    assert_eq!(world.settled().await, "9.2.0");
    world.assert_serves().await;
}

#[tokio::test]
async fn a_version_whose_panel_hangs_gives_way_and_is_tried_again_when_somebody_asks() {
    let world = rolled_back("hang", "not healthy within 20 s").await;
    let again = world.upgrade(&["--again"]).await.unwrap();
    assert_eq!(again.code, 1, "{}", again.text);
    assert!(again.text.contains("not healthy within 20 s"), "{}", again.text);
    world.told("rolled_back", 2).await;
}

#[tokio::test]
async fn a_version_whose_migration_fails_changes_nothing() {
    let world = rolled_back("migration", "9999").await;
    // Its first migration was good, and is not there either: the next version that brings it applies it.
    world.install("9.2.0", "");
    assert_eq!(world.upgrade(&[]).await.unwrap().code, 0);
    assert_eq!(world.settled().await, "9.2.0");
}

#[tokio::test]
async fn a_version_whose_edge_crashes_gives_way_before_anybody_notices() {
    rolled_back("edge", "edge the last").await;
}

#[tokio::test]
async fn a_version_whose_migrations_never_end_gives_way() {
    let world = rolled_back("endless", "the migrations did not end within 15 s").await;
    world.assert_untold("tried").await;
}

/// Visitors notice these: what runs and does not serve is known only once it stands in the place of what did.
#[tokio::test]
async fn a_version_whose_data_planes_run_and_do_not_serve_gives_way() {
    for (failure, reason) in [
        ("edge-hang", "the edge does not pass the panel on"),
        ("dns-hang", "the name servers do not answer for upgraded.example over"),
    ] {
        let world = World::new().await;
        let before = world.settled().await;
        world.install("9.1.0", failure);
        let upgraded = world.upgrade(&[]).await.unwrap();
        assert_rolled_back(&world, &before, &upgraded, reason).await;
    }
}

#[tokio::test]
async fn a_version_whose_supervisor_crashes_gives_way_after_a_few_starts() {
    let mut world = World::new().await;
    let before = world.settled().await;
    world.install("9.1.0", "supervisor");
    world.reload();
    crate::harness::eventually("it has crashed", async || (!world.system.is_supervised()).then_some(())).await;
    world.restart_until_ready().await;
    assert_eq!(world.settled().await, before);
    world.assert_serves().await;
    let row = world.told("rolled_back", 1).await;
    let reason = row["after"]["reason"].as_str().unwrap();
    assert!(reason.contains("its supervisor ended"), "{row}");
}
