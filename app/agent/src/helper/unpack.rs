//! Making a release of an archive.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use mpanel_agent_protocol::archive::{self, OnProgress, UnpackError};
use mpanel_agent_protocol::protocol::{ArchiveFormat, Failure, UnpackLimits, Unpacked};
use mpanel_kernel::ids::ReleaseId;
use rustix::fs::{AtFlags, FlockOperation, RenameFlags, flock, fsync, renameat, renameat_with, syncfs, unlinkat};
use rustix::io::Errno;

use super::names::{MANIFESTS, RELEASES};
use super::tree::TreeOnDisk;
use super::{at, failed, names, remove};

/// Longest manifest that is read back.
const MAX_MANIFEST: u64 = 16 << 10;

/// Unpacks into the site's folder: `releases/<release>` appears complete and on disk, or not at all. One that
/// is there already is answered from its manifest.
///
/// # Errors
/// [`Failure::Archive`], [`Failure::NoSpace`], [`Failure::Busy`], [`Failure::Internal`]; nothing is left then.
pub fn unpack(
    site: &OwnedFd,
    release: ReleaseId,
    format: ArchiveFormat,
    limits: &UnpackLimits,
    blob: &File,
    progress: OnProgress<'_>,
) -> Result<Unpacked, Failure> {
    let place = Place::open(site)?;
    let (partial, finished) = (names::partial(release), names::finished(release));
    let fail = |what: &'static str| move |error: Errno| failed(what, &error.into());
    for leftover in [&partial, &names::deleting(release)] {
        remove::tree(&place.releases, leftover).map_err(fail("remove leftovers"))?;
    }
    match at::directory(&place.releases, &finished) {
        Ok(_) => return place.read_manifest(release),
        Err(Errno::NOENT) => {}
        Err(error) => return Err(fail("open the release")(error)),
    }
    let result = place.build(release, &partial, format, limits, blob, progress);
    if result.is_err() {
        // Best effort: the failure to report is the first one, and the next run removes it too.
        let _ = remove::tree(&place.releases, &partial);
    }
    result
}

/// The folders of a site, locked against other helpers.
pub(super) struct Place {
    pub(super) releases: OwnedFd,
    pub(super) manifests: OwnedFd,
}

impl Place {
    /// # Errors
    /// [`Failure::Busy`] when another helper keeps the lock.
    pub(super) fn open(site: &OwnedFd) -> Result<Self, Failure> {
        let folder = |name| {
            at::make_directory(site, name)
                .map(|(dir, _)| dir)
                .map_err(|error| failed(name, &error.into()))
        };
        let place = Self {
            releases: folder(RELEASES)?,
            manifests: folder(MANIFESTS)?,
        };
        lock(&place.releases)?;
        Ok(place)
    }

    fn build(
        &self,
        release: ReleaseId,
        partial: &str,
        format: ArchiveFormat,
        limits: &UnpackLimits,
        blob: &File,
        progress: OnProgress<'_>,
    ) -> Result<Unpacked, Failure> {
        let (root, _) =
            at::make_directory(&self.releases, partial).map_err(|error| failed("make the release", &error.into()))?;
        let mut tree = TreeOnDisk::new(root);
        let outcome = archive::unpack(blob, format, limits, &mut tree, progress).map_err(|error| match error {
            UnpackError::Rejected(rejected) => Failure::Archive(rejected.0),
            UnpackError::Io(error) => failed("unpack", &error),
        })?;
        self.finish(release, partial, &tree, outcome.strip.as_deref(), &outcome.summary)
            .map_err(|error| failed("finish the release", &error))?;
        Ok(outcome.summary)
    }

    /// Everything to disk, then the manifest, then the name that is served.
    fn finish(
        &self,
        release: ReleaseId,
        partial: &str,
        tree: &TreeOnDisk,
        strip: Option<&str>,
        summary: &Unpacked,
    ) -> io::Result<()> {
        self.write_manifest(release, summary)?;
        // One call for thousands of small files and their folders; fsync of each takes many times as long.
        syncfs(tree.root())?;
        let finished = names::finished(release);
        match strip {
            None => renameat_with(
                &self.releases,
                partial,
                &self.releases,
                &finished,
                RenameFlags::NOREPLACE,
            )?,
            Some(name) => {
                renameat_with(tree.root(), name, &self.releases, &finished, RenameFlags::NOREPLACE)?;
                // Holds nothing but what the archive's clutter may have left: nothing.
                unlinkat(&self.releases, partial, AtFlags::REMOVEDIR)?;
            }
        }
        Ok(fsync(&self.releases)?)
    }

    fn write_manifest(&self, release: ReleaseId, summary: &Unpacked) -> io::Result<()> {
        let name = names::manifest(release);
        let temporary = format!(".{name}");
        remove::tree(&self.manifests, &temporary)?;
        let mut file = File::from(at::create_file(&self.manifests, &temporary)?);
        serde_json::to_writer(&mut file, summary)?;
        file.flush()?;
        file.sync_all()?;
        renameat(&self.manifests, &temporary, &self.manifests, &name)?;
        Ok(fsync(&self.manifests)?)
    }

    fn read_manifest(&self, release: ReleaseId) -> Result<Unpacked, Failure> {
        let read = || -> io::Result<Unpacked> {
            let file = File::from(at::read_file(&self.manifests, names::manifest(release))?);
            let mut json = Vec::new();
            file.take(MAX_MANIFEST).read_to_end(&mut json)?;
            Ok(serde_json::from_slice(&json)?)
        };
        read().map_err(|error| {
            failed(
                "the release is there, but its manifest cannot be read; delete it first",
                &error,
            )
        })
    }
}

/// One helper at a time changes a site's releases. Waits a little: a helper that was just killed may still be
/// on its way out.
fn lock(releases: &OwnedFd) -> Result<(), Failure> {
    const PATIENCE: Duration = Duration::from_secs(10);
    const STEP: Duration = Duration::from_millis(20);
    let started = Instant::now();
    loop {
        match flock(releases.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if started.elapsed() < PATIENCE => std::thread::sleep(STEP),
            Err(Errno::WOULDBLOCK) => return Err(Failure::Busy {}),
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed("lock the releases", &error.into())),
        }
    }
}
