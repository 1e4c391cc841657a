//! A running agent in a data folder of its own.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mpanel_agent_protocol::{
    Agent, ArchiveFormat, Error, Failure, SiteUid, TenantGid, UnixAgent, UnpackLimits, UnpackRelease, no_progress,
};
use mpanel_kernel::ids::{ReleaseId, SiteId};
use rustix::process::geteuid;
use tempfile::TempDir;

/// No account has these.
pub const EDGE_GID: u32 = 210_999;
pub const UID: u32 = 212_345;
pub const GID: u32 = 213_456;

pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Whether this process is root. To be asked first by a test that only root can run; `why` is told where it is skipped.
///
/// # Panics
/// As an ordinary user, unless `MPANEL_TEST_UNPRIVILEGED=1` says that this is meant: a test that silently tests nothing is worse than
/// one that fails. (As `mpanel_testkit::root`, which brings more than the agent's tests may have.)
pub fn root_or_excused(why: &str) -> bool {
    if is_root() {
        return true;
    }
    let excused = std::env::var_os("MPANEL_TEST_UNPRIVILEGED").is_some_and(|value| value == "1");
    assert!(
        excused,
        "only root can run this test ({why}): run it as root, or set MPANEL_TEST_UNPRIVILEGED=1 to skip it"
    );
    eprintln!("skipped, since this is not root: {why}");
    false
}

pub struct Node {
    pub data: TempDir,
    pub agent: UnixAgent,
    child: Child,
}

impl Node {
    /// As the current user: root keeps its walls, anybody else is rootless.
    pub fn start() -> Self {
        Self::start_as(None)
    }

    /// `uid`: as root, run the agent rootless as this uid.
    pub fn start_as(uid: Option<u32>) -> Self {
        let data = tempfile::tempdir().unwrap();
        if let Some(uid) = uid {
            std::os::unix::fs::chown(data.path(), Some(uid), Some(uid)).unwrap();
        }
        let child = start(&mut command(data.path(), uid));
        let agent = UnixAgent::new(data.path().join("agent.sock"));
        Self { data, agent, child }
    }

    /// As root with fewer capabilities, in setpriv(1)'s words.
    pub fn start_without(capabilities: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let agent = command(data.path(), None);
        let mut bounded = Command::new("setpriv");
        bounded
            .args(["--bounding-set", capabilities])
            .arg(agent.get_program())
            .args(agent.get_args());
        let child = start(&mut bounded);
        let agent = UnixAgent::new(data.path().join("agent.sock"));
        Self { data, agent, child }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.child = start(&mut command(self.data.path(), None));
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn sites(&self) -> PathBuf {
        self.data.path().join("sites")
    }

    pub fn release_dir(&self, unpack: &UnpackRelease) -> PathBuf {
        self.sites()
            .join(unpack.site.to_string())
            .join("releases")
            .join(unpack.release.to_string())
    }

    pub async fn unpack(
        &self,
        unpack: UnpackRelease,
        archive: &[u8],
    ) -> Result<mpanel_agent_protocol::Unpacked, Error> {
        self.agent.unpack_release(unpack, blob(archive), &no_progress).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(command: &mut Command) -> Child {
    command.env_clear().stderr(Stdio::null()).spawn().unwrap()
}

fn command(data: &Path, uid: Option<u32>) -> Command {
    let mut binary = PathBuf::from(env!("CARGO_BIN_EXE_mpanel-agent"));
    if uid.is_some() {
        // Where we build may be closed to others.
        let copy = data.join("mpanel-agent");
        std::fs::copy(&binary, &copy).unwrap();
        binary = copy;
    }
    let mut command = Command::new(binary);
    command
        .arg("--data")
        .arg(data)
        .arg("--socket")
        .arg(data.join("agent.sock"));
    command.args(["--allow-uid", &geteuid().as_raw().to_string()]);
    if let Some(uid) = uid {
        command.uid(uid).gid(uid).arg("--rootless");
    } else if is_root() {
        command.args(["--edge-gid", &EDGE_GID.to_string()]);
    } else {
        command.arg("--rootless");
    }
    command
}

/// A request for a new release of a new site.
pub fn request(format: ArchiveFormat) -> UnpackRelease {
    UnpackRelease {
        site: SiteId::generate(),
        release: ReleaseId::generate(),
        uid: SiteUid::new(UID).unwrap(),
        gid: TenantGid::new(GID).unwrap(),
        format,
        limits: UnpackLimits::default(),
    }
}

pub fn blob(archive: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    file.rewind().unwrap();
    file
}

pub fn failure(result: Result<impl std::fmt::Debug, Error>) -> Failure {
    match result {
        Err(Error::Failed(failure)) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// Everything below a folder, relative, sorted.
pub fn listing(dir: &Path) -> Vec<String> {
    fn walk(root: &Path, dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            found.push(entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned());
            if entry.file_type().unwrap().is_dir() {
                walk(root, &entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, dir, &mut found);
    found.sort();
    found
}

/// Polls until the condition holds; panics after 20 s.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(20), "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
