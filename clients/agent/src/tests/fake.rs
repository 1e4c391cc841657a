use std::fs::File;
use std::io::{Seek as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use mpanel_kernel::ids::{ReleaseId, SiteId};

use crate::fake::FakeAgent;
use crate::protocol::{ArchiveFault, ArchiveFormat, Failure, SiteUid, TenantGid, UnpackLimits, UnpackRelease};
use crate::{Agent, Error, no_progress};

fn archive(files: &[(&str, &[u8])]) -> File {
    let mut builder = tar::Builder::new(GzEncoder::new(tempfile::tempfile().unwrap(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    let mut file = builder.into_inner().unwrap().finish().unwrap();
    file.rewind().unwrap();
    file
}

fn request() -> UnpackRelease {
    UnpackRelease {
        site: SiteId::generate(),
        release: ReleaseId::generate(),
        uid: SiteUid::new(200_005).unwrap(),
        gid: TenantGid::new(200_006).unwrap(),
        format: ArchiveFormat::TarGz,
        limits: UnpackLimits::default(),
    }
}

#[tokio::test]
async fn releases_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeAgent::in_dir(dir.path());
    let unpack = request();
    let blob = archive(&[("site/index.html", b"hello"), ("site/a/b.css", b"x")]);
    let unpacked = fake.unpack_release(unpack, blob, &no_progress).await.unwrap();
    assert_eq!((unpacked.files, unpacked.bytes, unpacked.has_index), (2, 6, true));
    // Its folder, one in it and two files of a block each.
    assert_eq!(unpacked.charged_bytes, 4 * 4096);
    assert_eq!(fake.files(unpack.site, unpack.release).unwrap()["index.html"], b"hello");
    let page = dir
        .path()
        .join(format!("{}/releases/{}/index.html", unpack.site, unpack.release));
    assert_eq!(std::fs::read(&page).unwrap(), b"hello");
    let usage = fake.measure_site(unpack.site, unpack.uid).await.unwrap();
    assert_eq!((usage.files, usage.apparent_bytes, usage.directories), (2, 6, 4));
    assert_eq!(fake.list_releases(unpack.site, unpack.uid).await.unwrap().len(), 1);
    fake.delete_release(unpack.site, unpack.release, unpack.uid)
        .await
        .unwrap();
    assert!(!page.exists());
    fake.delete_site(unpack.site, unpack.uid).await.unwrap();
    assert_eq!(fake.list_sites().await.unwrap(), []);
    assert_eq!(fake.calls().len(), 6);
}

#[tokio::test]
async fn it_refuses_what_the_agent_refuses() {
    let fake = FakeAgent::new();
    let unpack = request();
    let mut text = tempfile::tempfile().unwrap();
    text.write_all(b"no archive").unwrap();
    let refused = fake.unpack_release(unpack, text, &no_progress).await;
    let wrong = ArchiveFault::WrongFormat {}.whole();
    assert!(matches!(refused, Err(Error::Failed(Failure::Archive(found))) if found == wrong));
    fake.unpack_release(unpack, archive(&[("index.html", b"x")]), &no_progress)
        .await
        .unwrap();
    let other = SiteUid::new(200_007).unwrap();
    let refused = fake.delete_site(unpack.site, other).await;
    assert!(matches!(
        refused,
        Err(Error::Failed(Failure::WrongOwner { actual: 200_005 }))
    ));
    let folder = File::open("/").unwrap();
    assert!(matches!(
        fake.unpack_release(request(), folder, &no_progress).await,
        Err(Error::Failed(Failure::BadRequest { .. }))
    ));
}

#[tokio::test]
async fn a_planned_failure_happens_once() {
    let fake = FakeAgent::new();
    fake.fail_next(Failure::NoSpace {});
    let unpack = request();
    let first = fake
        .unpack_release(unpack, archive(&[("index.html", b"x")]), &no_progress)
        .await;
    assert!(matches!(first, Err(Error::Failed(Failure::NoSpace {}))));
    assert!(fake.files(unpack.site, unpack.release).is_none());
    fake.unpack_release(unpack, archive(&[("index.html", b"x")]), &no_progress)
        .await
        .unwrap();
}
