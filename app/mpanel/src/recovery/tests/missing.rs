//! When a release without files counts as one that has lost them.

use std::collections::BTreeSet;

use mpanel_archive::Missing;

use crate::recovery::backup::lost;

fn releases(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn only_what_is_missing_twice_in_a_row_is_lost() {
    let none = releases(&[]);
    assert_eq!(lost(0, &none, &none).unwrap(), Some(Missing::default()));
    assert_eq!(lost(3, &none, &releases(&["s/a"])).unwrap(), Some(Missing::default()));
    assert_eq!(lost(3, &releases(&["s/a"]), &none).unwrap(), None);
    assert_eq!(lost(3, &releases(&["s/a", "s/b"]), &releases(&["s/a"])).unwrap(), None);
    let found = lost(3, &releases(&["s/a"]), &releases(&["s/a", "s/b"])).unwrap();
    let missing = Missing {
        count: 1,
        releases: vec!["s/a".to_owned()],
    };
    assert_eq!(found, Some(missing));
}

#[test]
fn a_folder_of_sites_without_any_files_is_no_backup() {
    for all in [releases(&["s/a"]), releases(&["s/a", "s/b", "t/c"])] {
        assert_eq!(lost(all.len(), &all, &releases(&[])).unwrap(), None, "only once yet");
        let error = lost(all.len(), &all, &all).unwrap_err().to_string();
        assert!(
            error.contains("looks empty") && error.contains("not mounted"),
            "{error}"
        );
    }
}
