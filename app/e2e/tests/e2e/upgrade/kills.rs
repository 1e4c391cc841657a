use super::world::World;

#[tokio::test]
async fn a_supervisor_that_is_killed_while_it_goes_back_has_gone_back() {
    let mut world = World::new().await;
    let before = world.settled().await;
    world.install("9.1.0", "crash");
    let hold = world.system.hold("upgrade,back");
    world.reload();
    hold.reached().await;
    world.system.kill_supervisor().await;
    hold.go_on();
    world.system.up().await;
    assert_eq!(world.settled().await, before);
    world.assert_serves().await;
    world.told("rolled_back", 1).await;
}
