use super::world::World;

/// In the order in which a version takes over.
const STEPS: [&str; 9] = [
    "begin", "migrate", "serve", "agent", "gate", "edge", "ask", "dns-2", "accept",
];

#[tokio::test]
async fn whenever_the_supervisor_is_killed_one_of_two_versions_runs_completely() {
    let mut world = World::new().await;
    for (number, step) in (1..).zip(STEPS) {
        let before = world.settled().await;
        let version = format!("9.{number}.0");
        world.install(&version, "");
        let hold = world.system.hold(&format!("upgrade,{step}"));
        let ((), first) = world
            .under_load(async {
                world.reload();
                hold.reached().await;
            })
            .await;
        // Nobody is asked before: a panel that was told to end is started again by nobody else.
        world.system.kill_supervisor().await;
        hold.go_on();
        world.system.spawn();
        let (runs, second) = world.under_load(world.settled()).await;
        assert!(runs == version || runs == before, "killed at {step}: {runs}");
        world.assert_kept(&first).await;
        world.assert_kept(&second).await;
    }
}

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
