use std::path::Path;

use jiff::Timestamp;

use super::judge;
use crate::checks::State;
use crate::up::programs::Version;
use crate::up::upgrade::Record;

fn version(name: &str) -> Version {
    Version {
        name: name.to_owned(),
        id: format!("{name}-id"),
    }
}

#[test]
fn a_version_that_somebody_went_back_from_is_no_version_that_did_not_work() {
    let mut record = Record::default();
    record.accept(&version("1"), Timestamp::UNIX_EPOCH);
    record.accept(&version("2"), Timestamp::UNIX_EPOCH);
    let mut failed = record.clone();
    record.go_back("somebody asked for it", Timestamp::UNIX_EPOCH).unwrap();
    let check = judge(&record, Path::new("/nowhere")).unwrap();
    assert_eq!(check.state, State::Warning);
    assert_eq!(
        check.detail,
        "1 runs: 2 worked, and was taken back on purpose at 1970-01-01T00:00:00Z (somebody asked for it)"
    );
    assert!(check.fix.unwrap().contains("mpanel upgrade --again"));

    failed.refuse(&version("3"), "it hangs", Timestamp::UNIX_EPOCH);
    let check = judge(&failed, Path::new("/nowhere")).unwrap();
    assert_eq!(check.state, State::Failure);
    assert!(
        check.detail.contains("3 was tried at") && check.detail.contains("did not work (it hangs)"),
        "{}",
        check.detail
    );
}
