use mpanel_testkit::root;

use super::world::{World, backed_up, restored};
use crate::harness::System;

/// With sites and uploads on disks of their own, as on most hosting machines.
#[tokio::test]
async fn what_lies_on_other_disks_is_backed_up_and_comes_back() {
    if !root::here_or_excused("an ordinary user cannot mount a disk") {
        return;
    }
    let mut system = System::prepare(&[]);
    system.mount("sites", 100);
    system.mount("blobs", 100);
    system.up().await;
    let world = World::on(system).await;
    let file = world.system.scratch().join("mounted.tar.zst");
    backed_up(&world.system, &file, &[]);
    for links in ["sites/.backup", "blobs/.backup"] {
        assert!(!world.system.data().join(links).exists(), "{links}");
    }
    let other = restored(&file, &[]).await;
    world.assert_in(&other).await;
}
