use super::{TEMPLATES, check_name, render, with_dependencies, write};
use std::fs;

const MANIFEST: &str = "[workspace]\nmembers = [\"contexts/*\"]\n\n[workspace.dependencies]\n\
    mpanel-authz = { path = \"lib/authz\" }\nmpanel-dns = { path = \"contexts/dns\" }\n\nserde = \"1\"\n";

#[test]
fn the_crates_join_the_root_manifest_in_order() {
    let text = with_dependencies(MANIFEST, "billing").expect("has the section");
    let ours: Vec<&str> = text.lines().filter(|line| line.starts_with("mpanel-")).collect();
    assert_eq!(
        ours,
        [
            "mpanel-authz = { path = \"lib/authz\" }",
            "mpanel-billing = { path = \"contexts/billing\" }",
            "mpanel-billing-contract = { path = \"contexts/billing/contract\" }",
            "mpanel-dns = { path = \"contexts/dns\" }",
        ]
    );
    let first = with_dependencies("[workspace.dependencies]\nserde = \"1\"\n", "billing").expect("has the section");
    assert!(first.parse::<toml::Table>().is_ok(), "{first}");
}

#[test]
fn a_context_is_written_once() {
    let dir = tempfile::tempdir().expect("temp dir");
    fs::write(dir.path().join("Cargo.toml"), MANIFEST).expect("manifest");
    write(dir.path(), "billing").expect("written");
    for (path, _) in TEMPLATES {
        let text = fs::read_to_string(dir.path().join("contexts/billing").join(path)).expect(path);
        assert!(!text.contains("{{"), "{path} keeps a placeholder");
    }
    let error = write(dir.path(), "billing").expect_err("exists");
    assert!(error.to_string().contains("exists"));
}

#[test]
fn a_name_that_is_no_schema_is_refused() {
    for name in ["", "a", "Billing", "my-context", "1st", "../etc", "a_b"] {
        assert!(check_name(name).is_err(), "{name}");
    }
}

#[test]
fn what_is_written_keeps_the_invariants() {
    let mut files = vec![(
        "Cargo.toml".to_owned(),
        with_dependencies("[workspace.dependencies]\n", "billing").expect("section"),
    )];
    files.extend(
        render("billing")
            .into_iter()
            .map(|(path, text)| (format!("contexts/billing/{path}"), text)),
    );
    let borrowed: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let found = crate::tidy::all_findings(&borrowed);
    // Nobody uses the crate yet, and there are no others here: ours may be asked for features.
    let elsewhere = ["no member uses mpanel-billing:", "`features` of mpanel-http"];
    let found: Vec<_> = found
        .into_iter()
        .filter(|text| !elsewhere.iter().any(|known| text.contains(known)))
        .collect();
    assert_eq!(found, Vec::<String>::new());
}
