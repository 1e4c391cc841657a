//! Killed in the middle: nothing half-made is ever served, and the next run cleans up.

use std::fs;
use std::sync::Mutex;

use mpanel_agent_protocol::{Agent, ArchiveFormat, Error, Failure, ReleaseEntry, ReleaseState};
use rustix::process::{Pid, Signal, kill_process};

use flate2::Compression;

use crate::archives::{gzip_at, tar_file, tar_gz};
use crate::node::{Node, blob, eventually, failure, request};

/// Takes the helper far longer than the 100 ms after which it first reports.
pub fn slow_archive() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let content: Vec<u8> = (0..1 << 20).map(&mut noise).collect();
    let files: Vec<_> = (0..96).map(|i| tar_file(&format!("noise/{i}.bin"), &content)).collect();
    let entries = [vec![tar_file("index.html", b"x")], files, vec![vec![0; 1024]]].concat();
    gzip_at(Compression::none(), &entries.concat())
}

/// The helper that works for the agent, if one does.
pub fn helper_of(agent: u32) -> Option<u32> {
    let tasks = fs::read_dir(format!("/proc/{agent}/task")).ok()?;
    let children = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .collect::<String>();
    children.split_whitespace().next()?.parse().ok()
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid as i32).unwrap();
    let _ = kill_process(pid, Signal::KILL);
}

#[tokio::test]
async fn a_killed_helper_leaves_nothing_and_the_rerun_succeeds() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::TarGz);
    let archive = slow_archive();
    let killed = Mutex::new(false);
    let kill_once = |_| {
        let mut killed = killed.lock().unwrap();
        if let (false, Some(helper)) = (*killed, helper_of(node.pid())) {
            *killed = true;
            kill(helper);
        }
    };
    let died = failure(node.agent.unpack_release(unpack, blob(&archive), &kill_once).await);
    assert_eq!(
        died,
        Failure::HelperDied {
            detail: "signal 9".to_owned()
        }
    );
    assert_eq!(node.agent.list_releases(unpack.site, unpack.uid).await.unwrap(), []);
    assert!(!node.release_dir(&unpack).exists());
    assert_eq!(node.unpack(unpack, &archive).await.unwrap().files, 97);
}

#[tokio::test]
async fn a_killed_agent_leaves_a_partial_that_the_rerun_replaces() {
    let mut node = Node::start();
    let unpack = request(ArchiveFormat::TarGz);
    let archive = slow_archive();
    let pid = node.pid();
    let helper = Mutex::new(None);
    let kill_agent = |_| {
        let mut helper = helper.lock().unwrap();
        if let (None, Some(found)) = (*helper, helper_of(pid)) {
            *helper = Some(found);
            kill(pid);
        }
    };
    let broken = node.agent.unpack_release(unpack, blob(&archive), &kill_agent).await;
    assert!(matches!(broken, Err(Error::Unreachable(_))), "{broken:?}");
    let helper = helper.into_inner().unwrap().unwrap();
    eventually("the helper dies with its agent", || !is_alive(helper)).await;
    node.kill();
    node.restart();
    let partial = ReleaseEntry {
        release: unpack.release,
        state: ReleaseState::Partial,
    };
    assert_eq!(
        node.agent.list_releases(unpack.site, unpack.uid).await.unwrap(),
        [partial]
    );
    assert_eq!(node.unpack(unpack, &archive).await.unwrap().files, 97);
    let finished = ReleaseEntry {
        state: ReleaseState::Finished,
        ..partial
    };
    assert_eq!(
        node.agent.list_releases(unpack.site, unpack.uid).await.unwrap(),
        [finished]
    );
}

/// Neither gone nor waiting to be reaped.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_the_unpacking() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::TarGz);
    let started = tokio::sync::Notify::new();
    let notify = |_| started.notify_one();
    let archive = slow_archive();
    tokio::select! {
        done = node.agent.unpack_release(unpack, blob(&archive), &notify) => panic!("too quick: {done:?}"),
        () = started.notified() => {}
    }
    let releases = node.sites().join(unpack.site.to_string()).join("releases");
    eventually("the partial is removed", || {
        fs::read_dir(&releases).unwrap().count() == 0 && helper_of(node.pid()).is_none()
    })
    .await;
    assert_eq!(node.unpack(unpack, &archive).await.unwrap().files, 97);
}

#[tokio::test]
async fn an_interrupted_removal_is_never_taken_for_a_release() {
    let node = Node::start();
    let unpack = request(ArchiveFormat::TarGz);
    let archive = tar_gz(&[tar_file("index.html", b"x"), tar_file("a.html", b"y")]);
    node.unpack(unpack, &archive).await.unwrap();
    // As a kill leaves it: renamed, and half taken apart.
    let dir = node.release_dir(&unpack);
    let deleting = dir.with_file_name(format!(".{}.deleting", unpack.release));
    fs::rename(&dir, &deleting).unwrap();
    fs::remove_file(deleting.join("a.html")).unwrap();
    let entry = ReleaseEntry {
        release: unpack.release,
        state: ReleaseState::Deleting,
    };
    assert_eq!(
        node.agent.list_releases(unpack.site, unpack.uid).await.unwrap(),
        [entry]
    );
    assert_eq!(node.unpack(unpack, &archive).await.unwrap().files, 2);
    assert!(!deleting.exists() && dir.join("a.html").exists());
    node.agent
        .delete_release(unpack.site, unpack.release, unpack.uid)
        .await
        .unwrap();
    assert_eq!(node.agent.list_releases(unpack.site, unpack.uid).await.unwrap(), []);
}
