//! Whatever the bytes, unpacking neither panics nor leaves its folder.

use std::fs::File;
use std::os::fd::OwnedFd;

use mpanel_agent::helper::unpack::unpack;
use mpanel_agent_protocol::{ArchiveFormat, Failure, UnpackLimits};
use mpanel_kernel::ids::ReleaseId;
use proptest::prelude::*;

use crate::archives::{deflated, gzip, pax, stored, tar_entry, tar_file, zip};
use crate::node::{blob, listing};

fn stays_inside(format: ArchiveFormat, archive: &[u8]) {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("site")).unwrap();
    let site = OwnedFd::from(File::open(data.path().join("site")).unwrap());
    let release = ReleaseId::generate();
    let limits = UnpackLimits {
        max_bytes: 1 << 20,
        max_files: 100,
        ..UnpackLimits::default()
    };
    let outcome = unpack(&site, release, format, &limits, &blob(archive), &mut |_| Ok(()));
    let found = listing(data.path());
    let allowed = ["site", "site/manifests", "site/releases"];
    let tree = format!("site/releases/{release}");
    match outcome {
        Ok(unpacked) => {
            assert!(found.contains(&tree) && unpacked.files > 0);
            assert!(found.iter().all(|path| path.starts_with(&tree)
                || path.starts_with("site/manifests")
                || allowed.contains(&path.as_str())));
        }
        Err(Failure::Archive(_)) => assert_eq!(found, allowed),
        Err(other) => panic!("{other:?}"),
    }
}

fn mutate(mut bytes: Vec<u8>, changes: &[(usize, u8)], cut: usize) -> Vec<u8> {
    for (at, value) in changes {
        let at = at % bytes.len();
        bytes[at] = *value;
    }
    let len = bytes.len();
    bytes.truncate(len - cut.min(len / 4));
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((any::<usize>(), any::<u8>()), 0..6)
}

fn cut() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 1 => 0usize..200]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c/.]{0,12}", "(\\.\\./|/|a/|\\./){0,4}[a-z]{0,3}", "\\PC{0,8}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000), tar in any::<bool>()) {
        stays_inside(if tar { ArchiveFormat::TarGz } else { ArchiveFormat::Zip }, &bytes);
    }

    #[test]
    fn damaged_zips(changes in changes(), cut in cut()) {
        let whole = zip(&[stored("index.html", b"hello"), deflated("a/b.css", &[b'x'; 300]), stored("a/", b"")]);
        stays_inside(ArchiveFormat::Zip, &mutate(whole, &changes, cut));
    }

    #[test]
    fn damaged_tars(changes in changes(), cut in cut()) {
        let mut tar = [tar_entry(b'5', b"a/", b""), tar_file("a/b", b"hello"), pax(b'x', "path", "long/name"), tar_file("x", b"y")].concat();
        tar.resize(tar.len() + 1024, 0);
        stays_inside(ArchiveFormat::TarGz, &gzip(&mutate(tar, &changes, cut)));
    }

    #[test]
    fn arbitrary_names(names in prop::collection::vec(name(), 1..6)) {
        let entries: Vec<_> = names.iter().map(|name| stored(name, b"x")).collect();
        stays_inside(ArchiveFormat::Zip, &zip(&entries));
    }
}
