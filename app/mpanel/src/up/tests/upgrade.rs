use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::up::programs::{FOLDER, Version, forget_others, keep};
use crate::up::upgrade::Record;
use crate::up::upgrade::launch::{Decision, decide};
use crate::up::upgrade::trial::{Action, Input, Trial};

const LIMIT: Duration = Duration::from_secs(60);

fn version(name: &str) -> Version {
    Version {
        name: name.to_owned(),
        id: format!("{name}-id"),
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_first_version_has_nothing_to_prove_and_another_one_has() {
    let (old, new) = (version("1"), version("2"));
    let mut record = Record::default();
    assert_eq!(decide(&mut record, &old, false), Decision::Run);
    assert_eq!(decide(&mut record, &old, true), Decision::Run);
    assert_eq!(decide(&mut record, &new, true), Decision::Try);
    record.accept(&new, Timestamp::UNIX_EPOCH);
    assert_eq!(record.outcome.as_ref().unwrap().from, "1");
    assert_eq!(decide(&mut record, &new, true), Decision::Run);
    assert_eq!(record.running, Some(new));
}

#[test]
fn a_refused_version_is_not_tried_again_and_another_one_is() {
    let (old, new, newer) = (version("1"), version("2"), version("3"));
    let mut record = Record::default();
    decide(&mut record, &old, false);
    decide(&mut record, &new, true);
    record.refuse(&new, "it hangs", Timestamp::UNIX_EPOCH);
    assert_eq!(decide(&mut record, &new, true), Decision::GoBack(None));
    assert_eq!(decide(&mut record, &new, true), Decision::GoBack(None));
    let mut with_old = record.clone();
    assert_eq!(decide(&mut with_old, &old, true), Decision::Run);
    assert_eq!(with_old.refused, None, "the one that works is installed again");
    assert_eq!(decide(&mut record, &newer, true), Decision::Try);
    assert_eq!(record.refused, None);
}

#[test]
fn a_supervisor_that_ends_again_and_again_is_given_up_unless_there_is_no_way_back() {
    let (old, new) = (version("1"), version("2"));
    let mut record = Record::default();
    decide(&mut record, &old, false);
    for start in 1..=3 {
        assert_eq!(decide(&mut record, &new, true), Decision::Try, "start {start}");
    }
    let mut without = record.clone();
    assert_eq!(decide(&mut without, &new, false), Decision::Try);
    let Decision::GoBack(Some(reason)) = decide(&mut record, &new, true) else {
        panic!("{record:?}");
    };
    assert!(reason.contains("ended 3 times"), "{reason}");
}

#[test]
fn a_version_takes_over_in_order_and_stays() {
    // 0 panel, 1 agent, 2 edge, 3 and 4 name servers.
    let mut trial = Trial::new(vec![0, 1], vec![2, 3], LIMIT);
    let mut step = |at, input| trial.step(seconds(at), input);
    assert_eq!(step(0, Input::Started(4)), []);
    assert_eq!(step(1, Input::DatabaseUp), [Action::Migrate]);
    assert_eq!(step(1, Input::DatabaseUp), []);
    assert_eq!(
        step(500, Input::StepEnded(Ok(()))),
        [Action::Replace(0), Action::Replace(1)]
    );
    assert_eq!(step(501, Input::Started(1)), []);
    assert_eq!(step(502, Input::Started(0)), [Action::Gate]);
    assert_eq!(step(559, Input::Tick), []);
    assert_eq!(step(559, Input::StepEnded(Ok(()))), [Action::Replace(2)]);
    assert_eq!(step(600, Input::Tick), [], "it may take as long as it wants to end");
    assert_eq!(step(600, Input::Started(2)), []);
    assert_eq!(step(600, Input::Tick), []);
    assert_eq!(step(601, Input::Tick), [Action::Replace(3)]);
    assert_eq!(step(601, Input::Started(3)), []);
    assert_eq!(step(602, Input::Tick), [Action::Accept]);
    let crash = || Input::Crashed {
        name: "edge",
        exit: "1".to_owned(),
    };
    for _ in 0..5 {
        assert_eq!(step(603, crash()), [], "it has been decided");
    }
}

#[test]
fn where_nothing_runs_from_the_programs_before_the_gate_is_all() {
    let mut trial = Trial::new(Vec::new(), Vec::new(), LIMIT);
    trial.step(seconds(0), Input::DatabaseUp);
    assert_eq!(trial.step(seconds(1), Input::StepEnded(Ok(()))), [Action::Gate]);
    assert_eq!(trial.deadline(), Some(seconds(61)));
    assert_eq!(trial.step(seconds(2), Input::StepEnded(Ok(()))), [Action::Accept]);
    assert_eq!(trial.deadline(), None);
}

#[test]
fn a_failed_step_a_late_gate_and_repeated_crashes_lead_back() {
    let begun = || {
        let mut trial = Trial::new(vec![0], vec![2], LIMIT);
        trial.step(seconds(0), Input::DatabaseUp);
        trial
    };
    let reason = |actions: Vec<Action>| match actions.as_slice() {
        [Action::GoBack(reason)] => reason.clone(),
        other => panic!("{other:?}"),
    };
    let failed = Input::StepEnded(Err("migrate: it is wrong".to_owned()));
    assert_eq!(reason(begun().step(seconds(1), failed)), "migrate: it is wrong");

    let mut late = begun();
    late.step(seconds(1), Input::StepEnded(Ok(())));
    assert_eq!(late.deadline(), Some(seconds(61)));
    assert!(reason(late.step(seconds(61), Input::Tick)).contains("within 60 s"));

    let mut crashing = begun();
    let crash = || Input::Crashed {
        name: "serve",
        exit: "exit status: 1".to_owned(),
    };
    assert_eq!(crashing.step(seconds(1), crash()), []);
    assert_eq!(crashing.step(seconds(1), crash()), []);
    assert!(reason(crashing.step(seconds(1), crash())).contains("serve the last (exit status: 1)"));
}

#[test]
fn a_process_that_crashes_in_its_turn_has_to_settle_anew() {
    let mut trial = Trial::new(Vec::new(), vec![2], LIMIT);
    trial.step(seconds(0), Input::DatabaseUp);
    trial.step(seconds(0), Input::StepEnded(Ok(())));
    assert_eq!(trial.step(seconds(0), Input::StepEnded(Ok(()))), [Action::Replace(2)]);
    trial.step(seconds(1), Input::Started(2));
    let crash = Input::Crashed {
        name: "edge",
        exit: "signal".to_owned(),
    };
    trial.step(seconds(1), crash);
    assert_eq!(trial.step(seconds(3), Input::Tick), []);
    trial.step(seconds(3), Input::Started(2));
    assert_eq!(trial.step(seconds(4), Input::Tick), [Action::Accept]);
}

fn programs(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder).unwrap();
    for name in ["mpanel", "mpanel-agent"] {
        std::fs::write(folder.join(name), text).unwrap();
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn kept_programs_outlive_the_installed_ones_and_nobody_else_can_change_them() {
    let dir = tempfile::tempdir().unwrap();
    let (data, bin) = (dir.path().join("data"), dir.path().join("bin"));
    std::fs::create_dir_all(data.join(FOLDER)).unwrap();
    programs(&bin, "one");
    let one = Version::of(&bin).unwrap();
    let kept = keep(&data, &one, &bin).unwrap();
    assert!(one.is_kept(&data));
    assert_eq!(keep(&data, &one, &bin).unwrap(), kept);

    // Another version, of which the group may write to a program: it is copied.
    for name in ["mpanel", "mpanel-agent"] {
        std::fs::remove_file(bin.join(name)).unwrap();
    }
    programs(&bin, "another");
    std::fs::set_permissions(bin.join("mpanel"), std::fs::Permissions::from_mode(0o775)).unwrap();
    let two = Version::of(&bin).unwrap();
    assert_ne!(one.id, two.id);
    let folder = keep(&data, &two, &bin).unwrap();
    assert!(two.is_kept(&data), "the time is kept with the copy");
    let copy = std::fs::metadata(folder.join("mpanel")).unwrap();
    assert_eq!(copy.mode() & 0o777, 0o755);
    assert_ne!(copy.ino(), std::fs::metadata(bin.join("mpanel")).unwrap().ino());
    assert_eq!(std::fs::read_to_string(kept.join("mpanel")).unwrap(), "one");

    // One that was tampered with, or is half gone, is no way back.
    std::fs::remove_file(kept.join("mpanel-agent")).unwrap();
    assert!(!one.is_kept(&data));
    forget_others(&data, &[&two]);
    assert!(!kept.exists() && two.is_kept(&data));
}

#[test]
fn the_record_survives_and_a_broken_one_is_none() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join(FOLDER)).unwrap();
    assert_eq!(Record::load(dir.path()), Record::default());
    let mut record = Record::default();
    decide(&mut record, &version("1"), false);
    decide(&mut record, &version("2"), true);
    record.refuse(&version("2"), "it hangs", Timestamp::UNIX_EPOCH);
    record.save(dir.path()).unwrap();
    assert_eq!(Record::load(dir.path()), record);
    std::fs::write(dir.path().join(FOLDER).join("upgrade.json"), "{").unwrap();
    assert_eq!(Record::load(dir.path()), Record::default());
}
