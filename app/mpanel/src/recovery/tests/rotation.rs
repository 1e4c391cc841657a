//! Which archives are old.

use mpanel_archive::{Missing, Protection};
use mpanel_kernel::ids::TenantId;

use super::decisions::head;
use crate::recovery::rotation::{delete_old, name};

#[test]
fn the_newest_archives_of_this_installation_stay_and_everything_else_that_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (TenantId::generate(), TenantId::generate());
    let named = |installation: TenantId, day: i64, protection: &Protection| {
        let mut head = head();
        head.origin.installation = installation.to_string();
        head.created_at += jiff::SignedDuration::from_hours(24 * day);
        name(&head, protection)
    };
    let sealed = Protection::Recipients(vec!["age1x".to_owned()]);
    let archives = [
        named(own, 1, &Protection::None),
        named(own, 3, &sealed),
        named(own, 2, &sealed),
        named(own, 4, &Protection::None),
        named(other, 1, &Protection::None),
        named(own, 1, &Protection::None).replace(".tar.zst", ".tar.zst.kept"),
        named(own, 1, &Protection::None).replace("mpanel-", "mpanel-before-"),
        "notes".to_owned(),
    ];
    for archive in &archives {
        std::fs::write(folder.path().join(archive), "").unwrap();
    }
    // Of what the newest is without, an older one may have the last copy.
    let lost = Missing {
        count: 1,
        releases: vec!["site_1/rel_1".to_owned()],
    };
    assert_eq!(delete_old(folder.path(), own, 2, &lost).unwrap(), 0);
    assert!(archives.iter().all(|name| folder.path().join(name).exists()));
    let none = Missing::default();
    assert_eq!(delete_old(folder.path(), own, 2, &none).unwrap(), 2);
    let stays: Vec<bool> = archives.iter().map(|name| folder.path().join(name).exists()).collect();
    assert_eq!(stays, [false, true, false, true, true, true, true, true]);
    assert_eq!(delete_old(folder.path(), own, 2, &none).unwrap(), 0);
}
