use super::components::{Origin, base64, crates, npm};
use super::{check, control, licences, sbom, workspace_version};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

fn root() -> std::path::PathBuf {
    crate::workspace::find_root().unwrap()
}

fn metadata() -> serde_json::Value {
    let package = |name: &str, source: Option<&str>| {
        json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0", "source": source,
            "manifest_path": format!("/crates/{name}/Cargo.toml")})
    };
    let normal = |name: &str| json!({"pkg": name, "dep_kinds": [{"kind": null}]});
    let dev = |name: &str| json!({"pkg": name, "dep_kinds": [{"kind": "dev"}, {"kind": "build"}]});
    json!({
        "packages": [package("mpanel", None), package("serde", Some("r")), package("syn", Some("r")), package("tempfile", Some("r")), package("xtask", None)],
        "resolve": {"nodes": [
            {"id": "mpanel", "deps": [normal("serde"), dev("tempfile")]},
            {"id": "serde", "deps": [normal("syn")]},
            {"id": "syn", "deps": []},
            {"id": "tempfile", "deps": []},
            {"id": "xtask", "deps": [normal("tempfile")]},
        ]},
    })
}

#[test]
fn only_crates_that_end_up_in_the_programs_are_listed() {
    let locked = "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nchecksum = \"abcd\"\n"
        .parse()
        .unwrap();
    let found = crates(&metadata(), &locked).unwrap();
    let names: Vec<&str> = found.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["mpanel", "serde", "syn"]);
    assert_eq!(found[1].licence, "MIT OR Apache-2.0");
    assert_eq!(found[1].hash, Some(("SHA-256", "abcd".to_owned())));
    assert_eq!(found[1].reference(), "pkg:cargo/serde@1.0.0");
    assert_eq!(found[0].needs, BTreeSet::from(["pkg:cargo/serde@1.0.0".to_owned()]));
}

#[test]
fn only_packages_that_the_browser_gets_are_listed() {
    let lock = json!({"packages": {
        "": {"name": "web"},
        "node_modules/@mantine/core": {"version": "9.0.0", "license": "MIT", "integrity": "sha512-AAEC", "dependencies": {"react": "^19"}},
        "node_modules/react": {"version": "18.0.0", "license": "MIT"},
        "node_modules/@mantine/core/node_modules/react": {"version": "19.0.0", "license": "MIT"},
        "node_modules/vite": {"version": "8.0.0", "license": "MIT", "dev": true},
    }});
    let found = npm(&lock, Path::new("web"));
    let core = found
        .iter()
        .find(|component| component.name == "@mantine/core")
        .unwrap();
    assert_eq!(core.reference(), "pkg:npm/%40mantine/core@9.0.0");
    assert_eq!(core.hash, Some(("SHA-512", "000102".to_owned())));
    assert_eq!(
        core.needs,
        BTreeSet::from(["pkg:npm/react@19.0.0".to_owned()]),
        "the one below it"
    );
    assert_eq!(core.origin, Origin::Npm);
    assert!(found.iter().all(|component| component.name != "vite"));
    assert_eq!(found.len(), 3);
}

#[test]
fn base64_is_read_as_npm_writes_it() {
    assert_eq!(base64("aGVsbG8=").as_deref(), Some(b"hello".as_slice()));
    assert_eq!(base64("//79").as_deref(), Some([0xff, 0xfe, 0xfd].as_slice()));
    assert_eq!(base64("a*"), None);
}

#[test]
fn a_licence_expression_has_to_be_satisfied_by_allowed_ones() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"]
        .map(str::to_owned)
        .into();
    let is = |expression| licences::is_allowed(expression, &allowed);
    assert!(is("MIT") && is("GPL-3.0 OR MIT") && is("MIT AND ISC") && is("(MIT OR GPL-3.0) AND ISC"));
    assert!(is("Apache-2.0 WITH LLVM-exception") && !is("MIT WITH LLVM-exception"));
    assert!(!is("GPL-3.0") && !is("MIT AND GPL-3.0") && !is("MIT AND (GPL-3.0 OR AGPL-3.0)"));
    assert!(
        is("GPL-3.0 AND MIT OR ISC") && !is("MIT OR ISC AND"),
        "AND binds closer, and nonsense is refused"
    );
    assert!(!is(""), "no licence is none that is allowed");
}

#[test]
fn every_library_of_this_workspace_has_an_allowed_licence() {
    let components = super::components::all(&root()).unwrap();
    licences::refuse_others(&components, &licences::allowed(&root()).unwrap()).unwrap();
    for (origin, name) in [
        (Origin::Own, "mpanel-sites"),
        (Origin::Crate, "rustls"),
        (Origin::Npm, "react"),
    ] {
        assert!(
            components
                .iter()
                .any(|component| component.origin == origin && component.name == name),
            "{name}"
        );
    }
    assert!(
        components
            .iter()
            .all(|component| !["proptest", "vitest", "xtask"].contains(&component.name.as_str()))
    );
}

#[test]
fn the_list_of_contents_refers_to_nothing_that_is_not_in_it() {
    let components = super::components::all(&root()).unwrap();
    let list = sbom::document(&components, "1.2.3", "2026-11-23T04:10:20Z");
    let references: Vec<&str> = list["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| component["bom-ref"].as_str().unwrap())
        .chain([list["metadata"]["component"]["bom-ref"].as_str().unwrap()])
        .collect();
    let unique: BTreeSet<&str> = references.iter().copied().collect();
    assert_eq!(unique.len(), references.len(), "each once");
    for dependency in list["dependencies"].as_array().unwrap() {
        let needs = dependency["dependsOn"].as_array().unwrap().iter();
        for name in needs.chain([&dependency["ref"]]) {
            assert!(unique.contains(name.as_str().unwrap()), "{name}");
        }
    }
    for component in list["components"].as_array().unwrap() {
        if let Some(hash) = component.pointer("/hashes/0/content") {
            assert!([64, 128].contains(&hash.as_str().unwrap().len()), "{component}");
        }
    }
}

#[test]
fn the_library_that_a_program_needs_is_the_newest_that_its_symbols_name() {
    assert_eq!(
        control::newest_libc(b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0"),
        (2, 34)
    );
    assert_eq!(control::newest_libc(b"static"), (0, 0));
}

#[test]
fn a_package_that_is_not_as_it_should_be_is_refused() {
    let line = |mode: &str, owner: &str, name: &str| format!("{mode} {owner} 10 2026-11-23 04:10 {name}\n");
    let listing = line("-rwsr-xr-x", "root/root", "./usr/bin/mpanel")
        + &line("-rw-r--r--", "ada/ada", "./usr/bin/mpanel-agent")
        + &line("-rw-rw-rw-", "root/root", "./usr/local/thing");
    let faults = check::faults(&listing, "Package: mpanel\nDepends: libc6 (>= @libc@)\n");
    for expected in [
        "./usr/bin/mpanel has the mode -rwsr-xr-x",
        "./usr/bin/mpanel-agent belongs to ada/ada",
        "./usr/local/thing has the mode -rw-rw-rw-",
        "./usr/local/thing is no place for a package",
        "./usr/share/doc/mpanel/copyright is missing",
        "the field Version is missing",
        "the field Depends is not filled in: libc6 (>= @libc@)",
    ] {
        assert!(faults.iter().any(|fault| fault == expected), "{expected}: {faults:#?}");
    }
}

#[test]
fn the_package_has_the_version_of_the_workspace() {
    let version = workspace_version(&root()).unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}
