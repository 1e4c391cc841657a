use std::time::Duration;

use crate::up::machine::Action::{Finished, Kill, Start, Terminate};
use crate::up::machine::{Action, Input, Machine, Plan};

const POSTGRES: usize = 0;
const SERVE: usize = 1;
const EDGE: usize = 2;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn machine(running: &[usize]) -> Machine {
    let plan = |name, needs, stop_order| Plan {
        name,
        needs,
        stop_order,
        stop_limit: seconds(5),
    };
    Machine::new(
        &[
            plan("postgres", None, 2),
            plan("serve", Some(POSTGRES), 0),
            plan("edge", None, 1),
        ],
        running,
    )
}

fn all_running() -> Machine {
    let mut machine = machine(&[]);
    assert_eq!(machine.step(seconds(0), Input::Tick), [Start(POSTGRES), Start(EDGE)]);
    assert_eq!(machine.step(seconds(0), Input::Started(EDGE)), []);
    assert_eq!(machine.step(seconds(0), Input::Started(POSTGRES)), [Start(SERVE)]);
    assert_eq!(machine.step(seconds(0), Input::Started(SERVE)), []);
    machine
}

#[test]
fn the_edge_starts_at_once_and_the_panel_after_its_database() {
    all_running();
}

#[test]
fn adopted_processes_are_not_started_again() {
    let mut machine = machine(&[EDGE, SERVE]);
    assert_eq!(machine.step(seconds(0), Input::Tick), [Start(POSTGRES)]);
    assert_eq!(machine.step(seconds(1), Input::Started(POSTGRES)), []);
}

#[test]
fn a_crash_is_restarted_at_once_and_a_crash_loop_ever_more_slowly() {
    let mut machine = all_running();
    let mut now = seconds(60);
    assert_eq!(machine.step(now, Input::Exited(EDGE)), [Start(EDGE)]);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        assert_eq!(machine.step(now, Input::Started(EDGE)), []);
        assert_eq!(machine.step(now, Input::Exited(EDGE)), []);
        let pause = machine.pause(EDGE, now).unwrap();
        assert_eq!(machine.deadline(), Some(now + pause));
        assert_eq!(machine.step(now + pause - Duration::from_millis(1), Input::Tick), []);
        now += pause;
        assert_eq!(machine.step(now, Input::Tick), [Start(EDGE)]);
        pauses.push(pause);
    }
    assert_eq!(pauses[..3], [100, 200, 400].map(Duration::from_millis));
    assert_eq!(pauses[11], seconds(30));
    machine.step(now, Input::Started(EDGE));
    assert_eq!(machine.step(now + seconds(11), Input::Exited(EDGE)), [Start(EDGE)]);
}

#[test]
fn the_panel_stays_up_without_its_database_but_is_restarted_only_with_it() {
    let mut machine = all_running();
    assert_eq!(machine.step(seconds(60), Input::Exited(POSTGRES)), [Start(POSTGRES)]);
    assert_eq!(machine.step(seconds(60), Input::Exited(SERVE)), []);
    assert_eq!(machine.step(seconds(61), Input::StartFailed(POSTGRES)), []);
    assert_eq!(machine.step(seconds(62), Input::Tick), [Start(POSTGRES)]);
    assert_eq!(machine.step(seconds(63), Input::Started(POSTGRES)), [Start(SERVE)]);
}

#[test]
fn stopping_goes_in_order_and_waits_for_each() {
    let mut machine = all_running();
    assert_eq!(machine.step(seconds(60), Input::Stop), [Terminate(SERVE)]);
    assert_eq!(machine.step(seconds(60), Input::Stop), []);
    assert_eq!(machine.step(seconds(61), Input::Exited(SERVE)), [Terminate(EDGE)]);
    assert_eq!(machine.step(seconds(62), Input::Exited(EDGE)), [Terminate(POSTGRES)]);
    assert_eq!(machine.step(seconds(63), Input::Exited(POSTGRES)), [Finished]);
    assert_eq!(machine.step(seconds(64), Input::Tick), []);
}

#[test]
fn what_does_not_stop_in_time_is_killed() {
    let mut machine = all_running();
    machine.step(seconds(60), Input::Stop);
    assert_eq!(machine.deadline(), Some(seconds(65)));
    assert_eq!(machine.step(seconds(64), Input::Tick), []);
    assert_eq!(machine.step(seconds(65), Input::Tick), [Kill(SERVE)]);
    assert_eq!(machine.step(seconds(66), Input::Tick), []);
    assert_eq!(machine.step(seconds(66), Input::Exited(SERVE)), [Terminate(EDGE)]);
}

#[test]
fn what_crashes_while_stopping_stays_down() {
    let mut machine = all_running();
    machine.step(seconds(60), Input::Stop);
    assert_eq!(machine.step(seconds(60), Input::Exited(EDGE)), []);
    assert_eq!(machine.step(seconds(61), Input::Exited(SERVE)), [Terminate(POSTGRES)]);
}

#[test]
fn a_second_signal_kills_everything_at_once() {
    let mut machine = all_running();
    machine.step(seconds(60), Input::Stop);
    let killed: Vec<Action> = machine.step(seconds(61), Input::Hurry);
    assert_eq!(killed, [Kill(POSTGRES), Kill(SERVE), Kill(EDGE)]);
    for index in [SERVE, POSTGRES] {
        assert_eq!(machine.step(seconds(61), Input::Exited(index)), []);
    }
    assert_eq!(machine.step(seconds(61), Input::Exited(EDGE)), [Finished]);
}

#[test]
fn stopping_before_the_database_is_up_does_not_wait_for_what_never_started() {
    let mut machine = machine(&[]);
    machine.step(seconds(0), Input::Tick);
    machine.step(seconds(0), Input::Started(EDGE));
    assert_eq!(machine.step(seconds(1), Input::Stop), [Terminate(EDGE)]);
    assert_eq!(machine.step(seconds(1), Input::Exited(EDGE)), [Terminate(POSTGRES)]);
    // The start that was under way ends either way.
    assert_eq!(machine.step(seconds(2), Input::Started(POSTGRES)), []);
    assert_eq!(machine.step(seconds(2), Input::Exited(POSTGRES)), [Finished]);
}

#[test]
fn a_replaced_process_starts_again_at_once_and_what_needs_it_is_left_alone() {
    let mut machine = all_running();
    assert_eq!(machine.step(seconds(1), Input::Replace(EDGE)), [Terminate(EDGE)]);
    assert!(machine.is_replacing(EDGE));
    assert_eq!(machine.step(seconds(1), Input::Replace(EDGE)), [], "it is under way");
    assert_eq!(machine.step(seconds(2), Input::Exited(EDGE)), [Start(EDGE)]);
    assert!(!machine.is_replacing(EDGE));
    // It was asked to end: its own next end is the first.
    machine.step(seconds(2), Input::Started(EDGE));
    assert_eq!(machine.step(seconds(3), Input::Exited(EDGE)), [Start(EDGE)]);
}

#[test]
fn a_replaced_process_that_does_not_end_is_killed_once() {
    let mut machine = all_running();
    machine.step(seconds(1), Input::Replace(EDGE));
    assert_eq!(machine.deadline(), Some(seconds(6)));
    assert_eq!(machine.step(seconds(6), Input::Tick), [Kill(EDGE)]);
    assert_eq!(machine.deadline(), None);
    assert_eq!(machine.step(seconds(7), Input::Tick), []);
    assert_eq!(machine.step(seconds(8), Input::Exited(EDGE)), [Start(EDGE)]);
}

#[test]
fn stopping_takes_over_what_is_being_replaced() {
    let mut machine = all_running();
    machine.step(seconds(1), Input::Replace(SERVE));
    assert_eq!(machine.step(seconds(2), Input::Stop), []);
    assert_eq!(machine.step(seconds(6), Input::Tick), [Kill(SERVE)]);
    assert_eq!(machine.step(seconds(6), Input::Exited(SERVE)), [Terminate(EDGE)]);
}
