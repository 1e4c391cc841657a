use mpanel_archive::Missing;

use super::told_missing;

#[test]
fn releases_without_files_are_named_and_the_rest_is_counted() {
    assert_eq!(told_missing(&Missing::default()), None);
    let missing = Missing {
        count: 1200,
        releases: (0..1000).map(|n| format!("site_{n}/rel_{n}")).collect(),
    };
    let told = told_missing(&missing).unwrap();
    assert!(told.starts_with("1200 releases have lost their files"), "{told}");
    assert!(told.contains("  site_19/rel_19\n  and 1180 more\n"), "{told}");
    assert!(!told.contains("site_20/"), "{told}");
}
