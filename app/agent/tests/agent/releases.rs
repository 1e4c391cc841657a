//! What a release is, and how it comes and goes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use mpanel_agent_protocol::fake::FakeAgent;
use mpanel_agent_protocol::protocol::BLOCK;
use mpanel_agent_protocol::{
    Agent, ArchiveFault, ArchiveFormat, Failure, Rejection, ReleaseEntry, ReleaseState, SiteUid, Usage, no_progress,
};
use mpanel_kernel::ids::ReleaseId;

use crate::archives::{deflated, pax, stored, tar_entry, tar_file, tar_gz, with_mode, zip};
use crate::node::{Node, UID, blob, failure, is_root, listing, request, root_or_excused};

#[tokio::test]
async fn a_zip_becomes_a_release_with_the_agents_modes() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    let setuid = with_mode("assets/tool", 0o104_755);
    let archive = zip(&[
        stored("index.html", b"<h1>hello</h1>"),
        deflated("assets/app.css", &[b'a'; 5000]),
        setuid,
    ]);
    let unpacked = node.unpack(unpack, &archive).await.unwrap();
    assert_eq!(
        (unpacked.files, unpacked.bytes, unpacked.has_index, unpacked.has_404),
        (3, 14 + 5000 + 11, true, false)
    );
    // Two folders, and of the files one takes two blocks.
    assert_eq!(unpacked.charged_bytes, (2 + 1 + 2 + 1) * BLOCK);
    let dir = node.release_dir(&unpack);
    assert_eq!(listing(&dir), ["assets", "assets/app.css", "assets/tool", "index.html"]);
    assert_eq!(fs::read(dir.join("assets/app.css")).unwrap(), [b'a'; 5000]);
    for (path, mode) in [
        ("", 0o2750),
        ("assets", 0o2750),
        ("assets/tool", 0o640),
        ("index.html", 0o640),
    ] {
        let metadata = fs::metadata(dir.join(path)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
    }
}

#[tokio::test]
async fn a_tar_becomes_the_same_release_as_a_zip_of_the_same_files() {
    let node = Node::start();
    let long = format!("{}/page.html", "folder".repeat(40));
    let zipped = zip(&[
        stored("index.html", b"i"),
        stored("404.html", b"n"),
        stored(&long, b"p"),
    ]);
    let mut gnu = tar_entry(b'L', b"././@LongLink", format!("{long}\0").as_bytes());
    gnu.extend(tar_file("ignored", b"p"));
    let by_gnu = tar_gz(&[
        tar_entry(b'5', b"./", b""),
        tar_file("./404.html", b"n"),
        tar_file("./index.html", b"i"),
        gnu,
    ]);
    let by_pax = tar_gz(&[
        pax(b'g', "comment", "0123456789abcdef"),
        tar_file("index.html", b"i"),
        pax(b'x', "path", &long),
        tar_file("ignored", b"p"),
        tar_file("404.html", b"n"),
    ]);
    let first = node.unpack(request(ArchiveFormat::Zip), &zipped).await.unwrap();
    assert!(first.has_index && first.has_404);
    for archive in [by_gnu, by_pax] {
        assert_eq!(
            node.unpack(request(ArchiveFormat::TarGz), &archive).await.unwrap(),
            first
        );
    }
}

#[tokio::test]
async fn one_folder_around_the_site_is_taken_off() {
    let node = Node::start();
    let cases: [(&str, &[&str], &[&str]); 5] = [
        (
            "around all",
            &["my-site/index.html", "my-site/a/b.css"],
            &["a", "a/b.css", "index.html"],
        ),
        (
            "beside clutter",
            &["s/index.html", "__MACOSX/s/._index.html", "._s", "s/.DS_Store"],
            &["index.html"],
        ),
        (
            "once",
            &["a/index.html", "a/a/index.html"],
            &["a", "a/index.html", "index.html"],
        ),
        ("not without an index", &["images/a.png"], &["images", "images/a.png"]),
        (
            "not beside others",
            &["s/index.html", "readme.txt"],
            &["readme.txt", "s", "s/index.html"],
        ),
    ];
    for (title, names, expected) in cases {
        let entries: Vec<_> = names.iter().map(|name| stored(name, b"x")).collect();
        let unpack = request(ArchiveFormat::Zip);
        let unpacked = node.unpack(unpack, &zip(&entries)).await.unwrap();
        assert_eq!(listing(&node.release_dir(&unpack)), expected, "{title}");
        assert_eq!(unpacked.has_index, expected.contains(&"index.html"), "{title}");
        assert_eq!(unpacked.charged_bytes, (1 + expected.len() as u64) * BLOCK, "{title}");
        let fake = FakeAgent::new();
        let pretended = fake
            .unpack_release(unpack, blob(&zip(&entries)), &no_progress)
            .await
            .unwrap();
        assert_eq!(pretended, unpacked, "{title}");
        let releases = node.release_dir(&unpack).parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(releases).unwrap().count(), 1, "{title}: a partial is left");
    }
}

#[tokio::test]
async fn files_without_content_and_folders_are_charged_and_bounded() {
    let node = Node::start();
    let names: Vec<_> = (0..400)
        .map(|number| format!("d{}/{number}.html", number % 4))
        .collect();
    let zipped: Vec<_> = names.iter().map(|name| stored(name, b"")).collect();
    let tarred: Vec<_> = names.iter().map(|name| tar_file(name, b"")).collect();
    let blocks = 400 + 4 + 1;
    for (format, archive) in [
        (ArchiveFormat::Zip, zip(&zipped)),
        (ArchiveFormat::TarGz, tar_gz(&tarred)),
    ] {
        let mut unpack = request(format);
        unpack.limits.max_bytes = blocks * BLOCK;
        let unpacked = node.unpack(unpack, &archive).await.unwrap();
        assert_eq!(
            (unpacked.files, unpacked.bytes, unpacked.charged_bytes),
            (400, 0, blocks * BLOCK)
        );
        // A byte less, and its own folder is too much; much less, and one of the first files is.
        for (limit, entry) in [(blocks * BLOCK - 1, None), (6 * BLOCK, Some("d3/3.html"))] {
            unpack.release = ReleaseId::generate();
            unpack.limits.max_bytes = limit;
            let refused = failure(node.unpack(unpack, &archive).await);
            let wanted = Rejection {
                entry: entry.map(str::to_owned),
                fault: ArchiveFault::TooManyBytes { limit },
            };
            assert_eq!(refused, Failure::Archive(wanted), "{format:?}");
            assert!(!node.release_dir(&unpack).exists());
        }
    }
}

#[tokio::test]
async fn names_that_differ_in_case_are_different_files() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(unpack, &zip(&[stored("A.html", b"1"), stored("a.html", b"2")]))
        .await
        .unwrap();
    assert_eq!(listing(&node.release_dir(&unpack)), ["A.html", "a.html"]);
}

#[tokio::test]
async fn unpacking_again_answers_the_same_without_the_blob() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    let first = node.unpack(unpack, &zip(&[stored("index.html", b"x")])).await.unwrap();
    let inode = fs::metadata(node.release_dir(&unpack)).unwrap().ino();
    assert_eq!(node.unpack(unpack, b"something else").await.unwrap(), first);
    assert_eq!(fs::metadata(node.release_dir(&unpack)).unwrap().ino(), inode);
}

#[tokio::test]
async fn releases_and_sites_are_listed_and_removed() {
    let node = Node::start();
    let mut unpack = request(ArchiveFormat::Zip);
    let (site, uid) = (unpack.site, unpack.uid);
    assert_eq!(node.agent.list_releases(site, uid).await.unwrap(), []);
    assert_eq!(node.agent.measure_site(site, uid).await.unwrap(), Usage::default());
    let mut expected = Vec::new();
    for _ in 0..2 {
        unpack.release = ReleaseId::generate();
        node.unpack(unpack, &zip(&[stored("index.html", b"x")])).await.unwrap();
        expected.push(ReleaseEntry {
            release: unpack.release,
            state: ReleaseState::Finished,
        });
    }
    expected.sort_by_key(|entry| entry.release);
    assert_eq!(node.agent.list_releases(site, uid).await.unwrap(), expected);
    let sites = node.agent.list_sites().await.unwrap();
    assert_eq!(sites.len(), 1);
    assert_eq!((sites[0].site, sites[0].uid), (site, is_root().then_some(uid)));
    // Twice: what is gone already is gone.
    for _ in 0..2 {
        node.agent.delete_release(site, unpack.release, uid).await.unwrap();
        assert_eq!(node.agent.list_releases(site, uid).await.unwrap().len(), 1);
    }
    for _ in 0..2 {
        node.agent.delete_site(site, uid).await.unwrap();
        assert_eq!(node.agent.list_sites().await.unwrap(), []);
    }
    assert_eq!(fs::read_dir(node.sites()).unwrap().count(), 0);
}

#[tokio::test]
async fn usage_counts_blocks_and_sizes() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(
        unpack,
        &zip(&[stored("index.html", &[1; 10_000]), stored("a/b.html", b"x")]),
    )
    .await
    .unwrap();
    let usage = node.agent.measure_site(unpack.site, unpack.uid).await.unwrap();
    let site = node.sites().join(unpack.site.to_string());
    let (mut blocks, mut apparent) = (fs::metadata(&site).unwrap().blocks() * 512, 0);
    for path in listing(&site) {
        let metadata = fs::metadata(site.join(path)).unwrap();
        blocks += metadata.blocks() * 512;
        apparent += if metadata.is_file() { metadata.len() } else { 0 };
    }
    assert_eq!(
        usage,
        Usage {
            bytes: blocks,
            apparent_bytes: apparent,
            files: 3,
            directories: 5
        }
    );
}

#[tokio::test]
async fn a_tree_deeper_than_descriptors_is_removed() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(unpack, &zip(&[stored("index.html", b"x")])).await.unwrap();
    // As a tenant's own process might: 900 folders deep, one of them closed to its owner.
    let mut path = node.release_dir(&unpack);
    for depth in 0..900 {
        path.push("d");
        fs::create_dir(&path).unwrap();
        if is_root() {
            std::os::unix::fs::chown(&path, Some(UID), None).unwrap();
        }
        if depth == 40 {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o500)).unwrap();
            if !is_root() {
                break;
            }
        }
    }
    node.agent
        .delete_release(unpack.site, unpack.release, unpack.uid)
        .await
        .unwrap();
    assert_eq!(node.agent.list_releases(unpack.site, unpack.uid).await.unwrap(), []);
    node.agent.delete_site(unpack.site, unpack.uid).await.unwrap();
}

#[tokio::test]
async fn another_sites_uid_is_refused() {
    if !root_or_excused("without root all sites are one user") {
        return;
    }
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(unpack, &zip(&[stored("index.html", b"x")])).await.unwrap();
    let other = SiteUid::new(UID + 1).unwrap();
    let wrong = Failure::WrongOwner { actual: UID };
    assert_eq!(failure(node.agent.delete_site(unpack.site, other).await), wrong);
    assert_eq!(
        failure(node.agent.delete_release(unpack.site, unpack.release, other).await),
        wrong
    );
    assert_eq!(failure(node.agent.measure_site(unpack.site, other).await), wrong);
    assert!(node.release_dir(&unpack).join("index.html").exists());
}

#[tokio::test]
async fn a_full_disk_is_reported_and_nothing_stays() {
    if !root_or_excused("an ordinary user cannot mount a small disk") {
        return;
    }
    let mut node = Node::start();
    node.agent.version().await.unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m,mode=711", "tmpfs"])
        .arg(node.sites())
        .status()
        .unwrap();
    assert!(mounted.success());
    // Again, because the first one keeps the folder that is covered now.
    node.kill();
    node.restart();
    let agent = &node.agent;
    let unpack = request(ArchiveFormat::Zip);
    let archive = zip(&[stored("index.html", b"x"), stored("big.bin", &[7; 3 << 20])]);
    let full = failure(agent.unpack_release(unpack, blob(&archive), &no_progress).await);
    let left = agent.list_releases(unpack.site, unpack.uid).await;
    let fits = agent
        .unpack_release(unpack, blob(&zip(&[stored("index.html", b"x")])), &no_progress)
        .await;
    node.kill();
    assert!(Command::new("umount").arg(node.sites()).status().unwrap().success());
    assert_eq!(full, Failure::NoSpace {});
    assert_eq!(left.unwrap(), []);
    assert_eq!(fits.unwrap().files, 1);
}
