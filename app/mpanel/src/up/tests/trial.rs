use std::time::Duration;

use crate::up::upgrade::trial::{Action, Input, Limits, Trial};

const LIMITS: Limits = Limits {
    step: Duration::from_secs(60),
    data: Duration::from_secs(900),
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn well() -> Input {
    Input::StepEnded(Ok(()))
}

fn failed(name: &'static str) -> Input {
    Input::Failed {
        name,
        how: "exit status: 1".to_owned(),
    }
}

fn reason(actions: &[Action]) -> &str {
    match actions {
        [Action::GoBack(reason)] => reason,
        other => panic!("{other:?}"),
    }
}

/// 0 panel, 1 agent, 2 edge, 3 a name server; all of it happens in the first second.
fn reached(inputs: &[Input]) -> Trial {
    let mut trial = Trial::new(vec![0, 1], vec![2, 3], LIMITS);
    for input in inputs {
        trial.step(seconds(0), input.clone());
    }
    trial
}

#[test]
fn a_version_takes_over_in_order_and_stays() {
    let mut trial = Trial::new(vec![0, 1], vec![2, 3], LIMITS);
    let mut step = |at, input| trial.step(seconds(at), input);
    assert_eq!(step(0, Input::Started(4)), []);
    assert_eq!(step(1, Input::DatabaseUp), [Action::Migrate]);
    assert_eq!(step(1, Input::DatabaseUp), []);
    assert_eq!(step(500, well()), [Action::Note]);
    assert_eq!(step(501, well()), [Action::Replace(0), Action::Replace(1)]);
    assert_eq!(step(502, Input::Started(1)), []);
    assert_eq!(step(503, Input::Started(0)), [Action::Gate]);
    assert_eq!(step(559, Input::Tick), []);
    assert_eq!(step(559, well()), [Action::Replace(2)]);
    assert_eq!(step(600, Input::Tick), []);
    assert_eq!(step(600, Input::Started(2)), []);
    assert_eq!(step(600, Input::Tick), []);
    assert_eq!(step(601, Input::Tick), [Action::Ask]);
    assert_eq!(step(602, well()), [Action::Replace(3)]);
    assert_eq!(step(602, Input::Started(3)), []);
    assert_eq!(step(603, Input::Tick), [Action::Ask]);
    assert_eq!(step(604, well()), [Action::Accept]);
    for _ in 0..5 {
        assert_eq!(step(605, failed("edge")), [], "it has been decided");
    }
}

#[test]
fn where_nothing_runs_from_the_programs_before_the_data_planes_are_asked_all_the_same() {
    let mut trial = Trial::new(Vec::new(), Vec::new(), LIMITS);
    trial.step(seconds(0), Input::DatabaseUp);
    assert_eq!(trial.step(seconds(1), well()), [Action::Note]);
    assert_eq!(trial.step(seconds(1), well()), [Action::Gate]);
    assert_eq!(trial.deadline(), Some(seconds(61)));
    assert_eq!(trial.step(seconds(2), well()), [Action::Ask]);
    assert_eq!(trial.step(seconds(2), well()), [Action::Accept]);
    assert_eq!(trial.deadline(), None);
}

#[test]
fn every_phase_has_its_time_and_says_which_one_was_over() {
    let up = [Input::DatabaseUp];
    let migrated = [&up[..], &[well()]].concat();
    let noted = [&migrated[..], &[well()]].concat();
    let panel = [&noted[..], &[Input::Started(0), Input::Started(1)]].concat();
    let gated = [&panel[..], &[well()]].concat();
    let asked = [&gated[..], &[Input::Started(2)]].concat();
    for (inputs, limit, said) in [
        (&[][..], 900, "the database was not up within 900 s"),
        (&up[..], 900, "the migrations did not end within 900 s"),
        (&migrated[..], 60, "could not be noted within 60 s"),
        (&noted[..], 60, "not healthy within 60 s"),
        (&panel[..], 60, "not healthy within 60 s"),
        (&gated[..], 60, "did not start within 60 s"),
    ] {
        let mut trial = reached(inputs);
        assert_eq!(trial.deadline(), Some(seconds(limit)), "{said}");
        assert_eq!(trial.step(seconds(limit - 1), Input::Tick), []);
        assert!(
            reason(&trial.step(seconds(limit), Input::Tick)).contains(said),
            "{said}"
        );
        assert_eq!(trial.deadline(), None);
    }
    let mut asking = reached(&asked);
    assert_eq!(asking.step(seconds(1), Input::Tick), [Action::Ask]);
    assert_eq!(asking.deadline(), Some(seconds(61)));
    assert!(reason(&asking.step(seconds(61), Input::Tick)).contains("did not answer within 60 s"));
}

#[test]
fn a_step_that_fails_leads_back_with_its_reason_whichever_it_is() {
    let wrong = || Input::StepEnded(Err("what was wrong".to_owned()));
    let mut inputs = vec![Input::DatabaseUp];
    for _ in 0..2 {
        assert_eq!(reason(&reached(&inputs).step(seconds(1), wrong())), "what was wrong");
        inputs.push(well());
    }
    inputs.extend([Input::Started(0), Input::Started(1)]);
    assert_eq!(reason(&reached(&inputs).step(seconds(1), wrong())), "what was wrong");
    inputs.extend([well(), Input::Started(2)]);
    let mut asking = reached(&inputs);
    asking.step(seconds(1), Input::Tick);
    assert_eq!(reason(&asking.step(seconds(1), wrong())), "what was wrong");
}

#[test]
fn what_ends_or_does_not_start_three_times_leads_back_in_every_phase() {
    let mut inputs = Vec::new();
    for next in [
        Input::DatabaseUp,
        well(),
        well(),
        Input::Started(0),
        Input::Started(1),
        well(),
    ] {
        let mut trial = reached(&inputs);
        assert_eq!(trial.step(seconds(1), failed("serve")), []);
        assert_eq!(trial.step(seconds(1), failed("postgres")), []);
        let said = trial.step(seconds(1), failed("serve"));
        assert!(reason(&said).contains("serve the last (exit status: 1)"), "{said:?}");
        inputs.push(next);
    }
}

#[test]
fn a_process_that_crashes_in_its_turn_has_to_settle_anew() {
    let mut trial = Trial::new(Vec::new(), vec![2], LIMITS);
    for input in [Input::DatabaseUp, well(), well()] {
        trial.step(seconds(0), input);
    }
    assert_eq!(trial.step(seconds(0), well()), [Action::Replace(2)]);
    trial.step(seconds(1), Input::Started(2));
    trial.step(seconds(1), failed("edge"));
    assert_eq!(trial.step(seconds(3), Input::Tick), []);
    trial.step(seconds(3), Input::Started(2));
    assert_eq!(trial.step(seconds(4), Input::Tick), [Action::Ask]);
    assert_eq!(trial.step(seconds(4), failed("edge")), [], "who asks waits for it");
    assert_eq!(trial.step(seconds(5), well()), [Action::Accept]);
}

#[test]
fn a_whole_trial_takes_no_longer_than_it_says() {
    let mut trial = Trial::new(Vec::new(), vec![2, 3], LIMITS);
    let (mut now, mut actions, mut input) = (seconds(0), Vec::new(), Input::DatabaseUp);
    while let Some(deadline) = trial.deadline() {
        now = match input {
            Input::Tick => deadline,
            _ => deadline - seconds(1),
        };
        actions = trial.step(now, input);
        input = match actions.last() {
            None => Input::Tick,
            Some(Action::Replace(index)) => Input::Started(*index),
            Some(_) => well(),
        };
    }
    assert_eq!(actions, [Action::Accept]);
    assert!(now <= LIMITS.whole(2), "{now:?}");
}
