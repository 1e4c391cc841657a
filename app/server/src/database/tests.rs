use super::{BASELINE, MIGRATIONS, newest};

#[test]
fn the_last_migration_of_each_schema_is_what_the_release_before_knew() {
    let list = "dns 0001_dns aa\nsites 0001_sites bb\nsites 0002_traffic cc\n";
    assert_eq!(newest(list), [("dns", 1), ("sites", 2)]);
    assert_eq!(newest(""), []);
}

#[test]
fn every_schema_of_the_release_before_is_still_there() {
    let known: Vec<&str> = MIGRATIONS.iter().map(|module| module.schema).collect();
    let before = newest(BASELINE);
    assert!(!before.is_empty(), "the baseline is empty");
    for (schema, _) in before {
        assert!(
            known.contains(&schema),
            "{schema} is gone: the release before cannot work any more"
        );
    }
}
