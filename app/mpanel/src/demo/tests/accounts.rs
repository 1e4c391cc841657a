use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;

use crate::demo::accounts::{Accounts, password};
use crate::demo::report::{Shown, address, table};
use crate::demo::world;

#[test]
fn passwords_are_long_random_and_easy_to_type() {
    let drawn: HashSet<String> = (0..100).map(|_| password()).collect();
    assert_eq!(drawn.len(), 100);
    for password in drawn {
        assert_eq!(password.len(), 24, "{password}");
        assert!(
            password
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        );
    }
}

#[test]
fn accounts_come_back_as_they_were_saved_and_only_their_owner_reads_them() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("run")).unwrap();
    assert!(Accounts::load(data.path()).unwrap().is_none());
    let mut drawn = Accounts::draw(data.path());
    drawn.save().unwrap();
    drawn.activated("nora@northwind-demo.example");
    drawn.save().unwrap();
    let mode = std::fs::metadata(Accounts::path(data.path()))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let loaded = Accounts::load(data.path()).unwrap().unwrap();
    assert!(!loaded.finished && !loaded.shown);
    assert_eq!(loaded.owner().email, world::OWNER.email);
    assert_eq!(loaded.owner().password, drawn.owner().password);
    let active: Vec<_> = loaded
        .account
        .iter()
        .filter(|account| account.active)
        .map(|account| account.email.as_str())
        .collect();
    assert_eq!(active, ["nora@northwind-demo.example"]);
}

#[test]
fn a_damaged_file_is_reported_and_not_replaced() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("run")).unwrap();
    std::fs::write(Accounts::path(data.path()), "account = 1").unwrap();
    let error = format!("{:#}", Accounts::load(data.path()).unwrap_err());
    assert!(error.contains("demo-credentials"), "{error}");
}

#[test]
fn the_password_is_printed_the_first_time_only() {
    let data = tempfile::tempdir().unwrap();
    let accounts = Accounts::draw(data.path());
    let shown = Shown {
        panel: "http://127.0.0.1:7080/".to_owned(),
        https_port: 443,
        data: data.path().to_owned(),
        program: "/opt/mpanel".into(),
    };
    let (first, later) = (table(&shown, &accounts, true), table(&shown, &accounts, false));
    assert!(first.contains(&accounts.owner().password));
    assert!(!later.contains(&accounts.owner().password));
    assert!(later.contains("https://bakery.localhost/ "), "{later}");
    assert!(later.contains("/opt/mpanel trust --data "));
    for account in &accounts.account[1..] {
        assert!(!first.contains(&account.password));
    }
    assert_eq!(address("a.localhost", 8443), "https://a.localhost:8443/");
}
