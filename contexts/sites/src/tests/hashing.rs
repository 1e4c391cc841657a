//! The hash of an upload is taken as it comes in, across requests, processes and lost connections.

use mpanel_jobs::OperationState;
use mpanel_kernel::error::{Kind, PublicError};

use super::support::{World, archive};
use crate::blobs::Hashing;
use crate::domain::{ReleaseState, UploadState};
use crate::service::NewRelease;

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    let mut hashing = Hashing::default();
    hashing.update(bytes);
    hashing.finish()
}

#[test]
fn a_hash_goes_on_from_its_state_wherever_it_was_cut() {
    // FIPS 180-4: one block, two blocks and the boundaries between.
    let bytes = noise(200);
    for cut in 0..=bytes.len() {
        let mut first = Hashing::default();
        first.update(&bytes[..cut]);
        let mut second = Hashing::resume(&first.state()).unwrap();
        second.update(&bytes[cut..]);
        assert_eq!(second.finish(), sha256(&bytes), "cut at {cut}");
    }
    assert!(Hashing::resume(b"").is_none());
    assert!(Hashing::resume(&[0xff; 105]).is_none());
}

#[tokio::test]
async fn the_hash_is_right_after_restarts_and_broken_connections() {
    let mut world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let bytes = noise((3 << 20) + 17);
    let upload = world.open_upload(site, "site.zip", bytes.len()).await.unwrap();
    let at = (site, upload.id);
    let mut offset = 0;
    for len in [1, 63, 64, 65, 1 << 20, (1 << 20) + 1] {
        let pieces = bytes[offset..offset + len].chunks(100_000).map(Some).chain([None]);
        let broken = world.send(at, offset as i64, pieces.collect()).await.unwrap_err();
        assert_eq!(broken.code(), "sites.upload.interrupted");
        offset += len;
        // Another process goes on with what the row says.
        world.sites = world.again(|_| {});
    }
    let done = world
        .send(at, offset as i64, vec![Some(&bytes[offset..])])
        .await
        .unwrap();
    assert_eq!((done.state, done.sha256), (UploadState::Finished, Some(sha256(&bytes))));
}

#[tokio::test]
async fn nothing_that_has_arrived_is_read_again_before_the_operation_compares_it() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let bytes = archive(&[("index.html", "hello")]);
    let upload = world.open_upload(site, "site.tar.gz", bytes.len()).await.unwrap();
    let at = (site, upload.id);
    world.send(at, 0, vec![Some(&bytes[..20]), None]).await.unwrap_err();
    // A disk that loses a byte.
    let file = world.folder.path().join("uploads").join(upload.id.to_string());
    let mut damaged = std::fs::read(&file).unwrap();
    damaged[3] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let done = world.send(at, 20, vec![Some(&bytes[20..])]).await.unwrap();
    assert_eq!(done.sha256, Some(sha256(&bytes)), "the hash is of what arrived");

    let new = NewRelease {
        upload: upload.id,
        activate: true,
        note: None,
        own_upload: false,
    };
    let begun = world.sites.create_release(&world.owner(), site, new).await.unwrap();
    let ended = world.ended(begun.operation).await;
    assert_eq!(ended.state, OperationState::Failed);
    assert_eq!(ended.error.unwrap().code, "sites.release.upload_damaged");
    assert_eq!(world.release(site, begun.release).await.state, ReleaseState::Failed);
    assert!(world.blobs().is_empty(), "it would be as damaged the next time");
}

#[tokio::test]
async fn an_upload_whose_bytes_are_lost_is_gone() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    for whole in [true, false] {
        let upload = world.open_upload(site, "site.zip", 10).await.unwrap();
        let at = (site, upload.id);
        world.send(at, 0, vec![Some(b"hello"), None]).await.unwrap_err();
        let file = world.folder.path().join("uploads").join(upload.id.to_string());
        match whole {
            true => std::fs::remove_file(file).unwrap(),
            false => std::fs::write(file, b"hell").unwrap(),
        }
        let lost = world.send(at, 5, vec![Some(b"world")]).await.unwrap_err();
        assert_eq!((lost.kind(), lost.code()), (Kind::Gone, "sites.upload.lost"));
        let gone = world
            .sites
            .get_upload(&world.owner(), site, upload.id)
            .await
            .unwrap_err();
        assert_eq!(gone.kind(), Kind::NotFound);
        assert!(world.blobs().is_empty());
    }
}
