use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use jiff::Timestamp;

use crate::up::programs::{FOLDER, Version, forget_others, keep};
use crate::up::upgrade::Record;
use crate::up::upgrade::launch::{Decision, decide};

fn version(name: &str) -> Version {
    Version {
        name: name.to_owned(),
        id: format!("{name}-id"),
    }
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

#[test]
fn what_the_audit_log_has_not_heard_waits_for_it_behind_what_came_later() {
    let mut record = Record::default();
    decide(&mut record, &version("1"), false);
    record.refuse(&version("2"), "it hangs", Timestamp::UNIX_EPOCH);
    record.refuse(&version("3"), "it crashes", Timestamp::UNIX_EPOCH);
    record.accept(&version("4"), Timestamp::UNIX_EPOCH);
    for to in ["2", "3", "4"] {
        assert_eq!(record.untold().unwrap().to, to);
        record.told();
    }
    assert_eq!(record.untold(), None);
    record.accept(&version("5"), Timestamp::UNIX_EPOCH);
    assert_eq!(record.untold().unwrap().from, "4", "what was told is not told again");
}

#[test]
fn somebody_may_go_back_to_the_version_before_once() {
    let (old, new) = (version("1"), version("2"));
    let mut record = Record::default();
    decide(&mut record, &old, false);
    assert_eq!(record.go_back("why not", Timestamp::UNIX_EPOCH), None);
    decide(&mut record, &new, true);
    record.accept(&new, Timestamp::UNIX_EPOCH);
    assert_eq!(record.wanted(), [&new, &old]);
    let gone = record.go_back("why not", Timestamp::UNIX_EPOCH);
    assert_eq!(gone, Some((new.clone(), old.clone())));
    assert_eq!(record.wanted(), [&old]);
    assert_eq!(decide(&mut record, &new, true), Decision::GoBack(None));
    assert_eq!(record.go_back("why not", Timestamp::UNIX_EPOCH), None);
}

#[test]
fn the_record_of_a_version_that_knew_less_is_read() {
    let text = r#"{"running": {"name": "1", "id": "1-id"}, "refused": null, "outcome": null,
                   "trial": {"version": {"name": "2", "id": "2-id"}, "starts": 1}}"#;
    let record: Record = serde_json::from_str(text).unwrap();
    assert_eq!(record.before, None);
    assert_eq!(record.trial.unwrap().until, None);
}
