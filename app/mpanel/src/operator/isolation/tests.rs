use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use super::{Finding, folders, processes, sites, told};

fn uids(pairs: &[(&str, u32)]) -> BTreeMap<String, u32> {
    pairs.iter().map(|(name, uid)| ((*name).to_owned(), *uid)).collect()
}

fn faults(findings: &[super::Finding]) -> Vec<String> {
    findings.iter().filter_map(|finding| finding.fault.clone()).collect()
}

#[test]
fn processes_of_one_role_may_share_a_user_and_others_may_not() {
    let fine = uids(&[("agent", 0), ("serve", 10), ("edge", 11), ("dns-1", 12), ("dns-2", 12)]);
    assert_eq!(faults(&processes(&fine)), Vec::<String>::new());
    let shared = uids(&[("agent", 0), ("edge", 10), ("serve", 10)]);
    assert_eq!(faults(&processes(&shared)), ["it is the same user as edge"]);
    let root = uids(&[("agent", 0), ("serve", 0)]);
    assert_eq!(faults(&processes(&root)), ["it runs as root"]);
}

#[test]
fn a_folder_that_others_may_enter_is_named_with_its_mode() {
    let data = tempfile::tempdir().unwrap();
    let me = mpanel_process::account::effective_uid();
    let open = |folder: &str, mode: u32| {
        let path = data.path().join(folder);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for folder in ["keys", "blobs/uploads", "blobs/exports", "edge", "dns"] {
        open(folder, 0o700);
    }
    let mine = uids(&[("serve", me), ("edge", me), ("dns-1", me)]);
    assert_eq!(faults(&folders(data.path(), &mine).unwrap()), Vec::<String>::new());
    open("edge", 0o755);
    assert_eq!(
        faults(&folders(data.path(), &mine).unwrap()),
        ["others may enter it (mode 755)"]
    );
}

#[test]
fn a_site_that_is_no_user_of_its_own_is_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("site_1")).unwrap();
    // The test's own user is below the numbers of sites.
    assert_eq!(faults(&sites(folder.path()).unwrap()).len(), 1);
}

#[test]
fn walls_are_told_to_people_and_to_programs() {
    let findings = [
        Finding::new("process edge has a user of its own", None),
        Finding::new(
            "process dns-1 has a user of its own",
            Some("it runs as root".to_owned()),
        ),
    ];
    assert_eq!(
        told(&findings, false),
        "ok      process edge has a user of its own\nBROKEN  process dns-1 has a user of its own: it runs as root"
    );
    let document: serde_json::Value = serde_json::from_str(&told(&findings, true)).unwrap();
    assert_eq!(document["walls"][0]["fault"], serde_json::Value::Null);
    assert_eq!(document["walls"][1]["fault"], "it runs as root");
}
