use std::path::PathBuf;

use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::stores::{Authority, Browsers, System};
use crate::cli::trust;

fn authority() -> (Authority, String) {
    let made = rcgen::generate_simple_self_signed(["mPanel test".to_owned()]).unwrap();
    (Authority::new(made.cert.pem()).unwrap(), made.cert.pem())
}

#[test]
fn the_machines_store_is_changed_once_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let system = System {
        folder: folder.path().to_owned(),
        refresh: PathBuf::from("/bin/true"),
    };
    let (authority, pem) = authority();
    assert!(system.add(&authority).unwrap().contains("trusts it now"));
    let files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::read_to_string(&files[0]).unwrap(), pem);
    assert_eq!(system.add(&authority).unwrap(), "trusts it already");

    // By its fingerprint alone, when the panel is gone.
    let known = Authority::known(crate::cli::authority::normal(&authority.shown()));
    assert_eq!(system.remove(&known).unwrap(), "trusts it no longer");
    assert_eq!(system.remove(&known).unwrap(), "does not trust it");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn browsers_are_changed_once_and_back_or_told_what_they_need() {
    let home = tempfile::tempdir().unwrap();
    let (authority, _) = authority();
    let browsers = Browsers::find(home.path());
    let said = |results: Vec<(String, Result<String, crate::cli::failure::Failure>)>| {
        results
            .into_iter()
            .map(|(_, result)| result.unwrap())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let first = said(browsers.add(&authority));
    if first.contains("libnss3-tools") {
        return;
    }
    assert!(first.contains("trusts it now"), "{first}");
    assert_eq!(said(browsers.add(&authority)), "trusts it already");
    assert!(said(browsers.remove(&authority)).contains("no longer"));
    assert_eq!(said(browsers.remove(&authority)), "does not trust it");
}

#[test]
fn as_json_every_store_says_what_became_of_it() {
    let (authority, _) = authority();
    let stores = [
        ("this machine".to_owned(), Ok("trusts it now".to_owned())),
        ("Firefox".to_owned(), Err(Failure::Usage("no rights".to_owned()))),
    ];
    assert_eq!(
        trust::document(&authority, &stores),
        json!({"sha256": authority.shown(), "stores": [
            {"store": "this machine", "result": "trusts it now", "error": null},
            {"store": "Firefox", "result": null, "error": "no rights"},
        ]})
    );
}
