use std::io::Write as _;
use std::path::Path;

use super::world::{World, refused, text};
use crate::harness::System;
use crate::harness::system::tree;

/// The tar file in an archive.
fn unpacked(file: &Path) -> Vec<u8> {
    zstd::decode_all(std::fs::File::open(file).unwrap()).unwrap()
}

fn packed(file: &Path, tar: &[u8]) {
    let packed = zstd::encode_all(tar, 1).unwrap();
    std::fs::File::create(file).unwrap().write_all(&packed).unwrap();
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

/// Where the listing of sums begins: what comes before it are members.
fn sums(tar: &[u8]) -> usize {
    find(tar, b"SHA256SUMS\0")
}

#[tokio::test]
async fn damaged_and_hostile_archives_are_refused_by_name_and_leave_nothing() {
    let world = World::new().await;
    let (good, _) = world.backup("good.tar.zst", &[]);
    let tar = unpacked(&good);
    let bad = world.system.scratch().join("bad.tar.zst");
    let victim = world.system.scratch().join("victim");
    std::fs::write(&victim, "untouched").unwrap();

    let mut changed = tar.clone();
    let at = find(&changed, super::world::TEXT.as_bytes());
    changed[at] ^= 1;
    let evil = |build: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        let blocks = builder.into_inner().unwrap();
        // Without the end that the builder adds.
        let at = sums(&tar);
        [&tar[..at], &blocks[..blocks.len() - 1024], &tar[at..]].concat()
    };
    let entry = |kind: tar::EntryType, path: &str, link: &str| {
        let (path, link) = (path.to_owned(), link.to_owned());
        evil(&move |builder| {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(0);
            header.set_mode(0o640);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            if !link.is_empty() {
                header.set_link_name(&link).unwrap();
            }
            header.set_cksum();
            builder.append(&header, std::io::empty()).unwrap();
        })
    };
    let site = format!("sites/{}", world.site);
    let (regular, link) = (tar::EntryType::Regular, tar::EntryType::Symlink);
    let up = format!("{site}/../../../victim");
    let page = format!("{site}/escape");
    for (what, archive, says) in [
        ("another content", changed, "index.html"),
        ("a path that leads out", entry(regular, &up, ""), "leads elsewhere"),
        (
            "an absolute path",
            entry(regular, "/etc/mpanel-victim", ""),
            "/etc/mpanel-victim",
        ),
        ("a link", entry(link, &page, "/etc"), "symbolic link"),
        ("a device", entry(tar::EntryType::Char, &page, ""), "device"),
        ("what no installation has", entry(regular, "run/claim", ""), "run/claim"),
        ("a member that nothing lists", entry(regular, &page, ""), "escape"),
        ("half of one", tar[..tar.len() / 2].to_vec(), "ends"),
    ] {
        packed(&bad, &archive);
        let system = System::prepare(&[]);
        let data = text(&system.data());
        for refusal in [
            refused(&["backup", "verify", &text(&bad)]),
            refused(&["restore", &text(&bad), "--data", &data, "--yes"]),
        ] {
            assert!(refusal.contains(says), "{what}: {refusal}");
        }
        assert!(!system.data().exists(), "{what}: something was made");
    }
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
    assert!(!Path::new("/etc/mpanel-victim").exists());
}

#[tokio::test]
async fn a_folder_that_is_used_and_an_archive_of_a_newer_version_are_refused() {
    let world = World::new().await;
    let (good, _) = world.backup("good.tar.zst", &[]);
    let data = text(&world.system.data());
    let before = tree(&world.system.data().join("sites"));
    let refusal = refused(&["restore", &text(&good), "--data", &data, "--yes"]);
    assert!(refusal.contains("is not empty"), "{refusal}");
    assert_eq!(tree(&world.system.data().join("sites")), before);
    let refusal = refused(&["backup", "self", "--data", &data, "--to", &text(&good)]);
    assert!(refusal.contains("is there already"), "{refusal}");

    // As a later version would say it, with the same length.
    let mut tar = unpacked(&good);
    let at = find(&tar, b"0001_sites");
    tar[at..at + 4].copy_from_slice(b"0991");
    let bad = world.system.scratch().join("newer.tar.zst");
    packed(&bad, &tar);
    let system = System::prepare(&[]);
    let refusal = refused(&["restore", &text(&bad), "--data", &text(&system.data()), "--yes"]);
    // Its sums say first that it was tampered with.
    assert!(refusal.contains("mpanel-backup.json"), "{refusal}");
}
