//! An archive of a release: what is in it, and what never is.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use flate2::read::GzDecoder;
use mpanel_agent_protocol::fake::FakeAgent;
use mpanel_agent_protocol::{Agent, ArchiveFormat, Failure, PackRelease, Packed, SiteUid, UnpackRelease, no_progress};
use mpanel_kernel::ids::ReleaseId;
use tar::EntryType;

use crate::archives::{stored, zip};
use crate::node::{Node, UID, blob, failure, is_root, request};

const MOST: u64 = 1 << 20;

fn packing(unpack: &UnpackRelease) -> PackRelease {
    PackRelease {
        site: unpack.site,
        release: unpack.release,
        uid: unpack.uid,
        max_bytes: MOST,
    }
}

/// Path, kind, and content or target of each member.
fn members(archive: &mut File) -> Vec<(Vec<u8>, EntryType, Vec<u8>)> {
    archive.rewind().unwrap();
    let mut tar = tar::Archive::new(GzDecoder::new(archive));
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if let Some(target) = entry.link_name_bytes() {
            content = target.into_owned();
        }
        (entry.path_bytes().into_owned(), entry.header().entry_type(), content)
    });
    entries.collect()
}

async fn packed(node: &Node, request: PackRelease) -> (Packed, File) {
    let file = tempfile::tempfile().unwrap();
    let packed = node
        .agent
        .pack_release(request, file.try_clone().unwrap())
        .await
        .unwrap();
    assert_eq!(packed.archive_bytes, file.metadata().unwrap().len());
    (packed, file)
}

#[tokio::test]
async fn an_archive_of_a_release_makes_the_same_release_again() {
    let node = Node::start();
    let long = format!("{}/page.html", "folder".repeat(40));
    let unpack = request(ArchiveFormat::Zip);
    let archive = zip(&[
        stored("index.html", b"<h1>hello</h1>"),
        stored(&long, &[b'a'; 5000]),
        stored("empty", b""),
    ]);
    let first = node.unpack(unpack, &archive).await.unwrap();
    let (packed_as, mut file) = packed(&node, packing(&unpack)).await;
    assert_eq!((packed_as.files, packed_as.bytes, packed_as.links), (3, 14 + 5000, 0));
    file.rewind().unwrap();
    let again = UnpackRelease {
        release: ReleaseId::generate(),
        format: ArchiveFormat::TarGz,
        ..unpack
    };
    let second = node.agent.unpack_release(again, file, &no_progress).await.unwrap();
    assert_eq!(second.listing_sha256, first.listing_sha256);
    let (_, mut one) = packed(&node, packing(&unpack)).await;
    let (_, mut two) = packed(&node, packing(&unpack)).await;
    assert_eq!(members(&mut one), members(&mut two));
}

#[tokio::test]
async fn links_are_packed_as_links_and_nothing_outside_the_release_is_read() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(unpack, &zip(&[stored("index.html", b"i")])).await.unwrap();
    let dir = node.release_dir(&unpack);
    symlink("/etc/passwd", dir.join("file")).unwrap();
    symlink("/etc", dir.join("folder")).unwrap();
    symlink("..", dir.join("above")).unwrap();
    let bell = Path::new(std::ffi::OsStr::from_bytes(b"-rf \n\x07\xff"));
    fs::write(dir.join(bell), "odd").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    if is_root() {
        for name in [bell, Path::new("pipe")] {
            std::os::unix::fs::chown(dir.join(name), Some(UID), None).unwrap();
        }
    }
    let (result, mut file) = packed(&node, packing(&unpack)).await;
    assert_eq!((result.files, result.links), (2, 3));
    let text = |text: &str| text.as_bytes().to_vec();
    let link = |name: &str, target: &str| (text(name), EntryType::Symlink, text(target));
    let expected = vec![
        (bell.as_os_str().as_bytes().to_vec(), EntryType::Regular, text("odd")),
        link("above", ".."),
        link("file", "/etc/passwd"),
        link("folder", "/etc"),
        (text("index.html"), EntryType::Regular, text("i")),
    ];
    assert_eq!(members(&mut file), expected);
}

#[tokio::test]
async fn an_archive_that_would_be_too_large_is_broken_off() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    let mut noise = vec![0_u8; 200_000];
    let mut state = 1_u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    node.unpack(unpack, &zip(&[stored("noise", &noise)])).await.unwrap();
    let small = PackRelease {
        max_bytes: 100_000,
        ..packing(&unpack)
    };
    let file = tempfile::tempfile().unwrap();
    let refused = node.agent.pack_release(small, file.try_clone().unwrap()).await;
    assert_eq!(failure(refused), Failure::NoSpace {});
    assert!(file.metadata().unwrap().len() <= 100_000);
}

#[tokio::test]
async fn what_is_packed_is_a_finished_release_of_that_site_into_an_empty_file() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    let file = || tempfile::tempfile().unwrap();
    let none = node.agent.pack_release(packing(&unpack), file()).await;
    assert_eq!(failure(none), Failure::NoRelease {});
    node.unpack(unpack, &zip(&[stored("index.html", b"i")])).await.unwrap();
    let other = PackRelease {
        release: ReleaseId::generate(),
        ..packing(&unpack)
    };
    assert_eq!(
        failure(node.agent.pack_release(other, file()).await),
        Failure::NoRelease {}
    );
    let full = node.agent.pack_release(packing(&unpack), blob(b"full")).await;
    assert!(matches!(failure(full), Failure::BadRequest { .. }));
    let read_only = tempfile::NamedTempFile::new().unwrap();
    let read_only = File::open(read_only.path()).unwrap();
    let refused = node.agent.pack_release(packing(&unpack), read_only).await;
    assert!(matches!(failure(refused), Failure::BadRequest { .. }));
    if is_root() {
        let foreign = PackRelease {
            uid: SiteUid::new(UID + 1).unwrap(),
            ..packing(&unpack)
        };
        let refused = node.agent.pack_release(foreign, file()).await;
        assert_eq!(failure(refused), Failure::WrongOwner { actual: UID });
    }
}

#[tokio::test]
async fn the_fake_packs_what_the_agent_packs() {
    let (node, fake) = (Node::start(), FakeAgent::new());
    let unpack = request(ArchiveFormat::Zip);
    let archive = zip(&[stored("b.html", b"b"), stored("index.html", b"<h1>hello</h1>")]);
    node.unpack(unpack, &archive).await.unwrap();
    fake.unpack_release(unpack, blob(&archive), &no_progress).await.unwrap();
    let (real, mut one) = packed(&node, packing(&unpack)).await;
    let mut two = tempfile::tempfile().unwrap();
    let same = fake
        .pack_release(packing(&unpack), two.try_clone().unwrap())
        .await
        .unwrap();
    assert_eq!((real.files, real.bytes), (same.files, same.bytes));
    assert_eq!(members(&mut one), members(&mut two));
}
