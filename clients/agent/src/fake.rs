//! An agent in memory, for the tests of those who call one.
//!
//! It reads archives with the agent's own decoder and keeps the agent's rules on owners and limits, so what it
//! accepts the agent accepts. Releases live in memory and, with [`FakeAgent::in_dir`], as files too.

mod tree;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mpanel_kernel::ids::{ReleaseId, SiteId};

use crate::archive::{self, UnpackError};
use crate::client::{Agent, Error, ProgressFn};
use crate::protocol::{
    AgentInfo, Failure, PROTOCOL, PackRelease, Packed, ReleaseEntry, ReleaseState, Request, SiteEntry, SiteUid,
    UnpackRelease, Unpacked, Usage,
};
use tree::Tree;

/// Files of a release by path.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Default)]
struct Site {
    uid: u32,
    releases: BTreeMap<ReleaseId, (Unpacked, Files, u64)>,
}

#[derive(Default)]
struct State {
    sites: BTreeMap<SiteId, Site>,
    calls: Vec<Request>,
    failures: VecDeque<Failure>,
}

/// See the module.
#[derive(Default)]
pub struct FakeAgent {
    dir: Option<PathBuf>,
    state: Mutex<State>,
}

impl FakeAgent {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also writes releases to `dir/<site>/releases/<release>/`, where an edge under test can serve them.
    #[must_use]
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: Some(dir.into()),
            state: Mutex::default(),
        }
    }

    /// The next call that is not failed yet answers this and does nothing. May be called several times.
    pub fn fail_next(&self, failure: Failure) {
        self.state().failures.push_back(failure);
    }

    /// All calls so far, failed ones too.
    #[must_use]
    pub fn calls(&self) -> Vec<Request> {
        self.state().calls.clone()
    }

    /// A finished release's files.
    #[must_use]
    pub fn files(&self, site: SiteId, release: ReleaseId) -> Option<Files> {
        self.state()
            .sites
            .get(&site)?
            .releases
            .get(&release)
            .map(|(_, files, _)| files.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the call; fails it when a failure waits or the site belongs to another uid.
    fn call(&self, request: Request, owner: Option<(SiteId, SiteUid)>) -> Result<MutexGuard<'_, State>, Failure> {
        let mut state = self.state();
        state.calls.push(request);
        if let Some(failure) = state.failures.pop_front() {
            return Err(failure);
        }
        if let Some((site, uid)) = owner
            && let Some(site) = state.sites.get(&site)
            && site.uid != uid.get()
        {
            return Err(Failure::WrongOwner { actual: site.uid });
        }
        Ok(state)
    }

    fn release_dir(&self, site: SiteId, release: ReleaseId) -> Option<PathBuf> {
        Some(
            self.dir
                .as_ref()?
                .join(site.to_string())
                .join("releases")
                .join(release.to_string()),
        )
    }
}

fn remove(dir: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(internal(&error)),
        _ => Ok(()),
    }
}

fn write(dir: &Path, files: &Files) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for (path, bytes) in files {
        let file = dir.join(path);
        if let Some(above) = file.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(file, bytes)?;
    }
    Ok(())
}

fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::Internal {
        detail: error.to_string(),
    }
}

#[async_trait]
impl Agent for FakeAgent {
    async fn version(&self) -> Result<AgentInfo, Error> {
        drop(self.call(Request::Version {}, None)?);
        Ok(AgentInfo {
            protocol: PROTOCOL,
            version: "fake".to_owned(),
            rootless: true,
        })
    }

    async fn unpack_release(
        &self,
        request: UnpackRelease,
        blob: File,
        progress: ProgressFn<'_>,
    ) -> Result<Unpacked, Error> {
        let UnpackRelease {
            site,
            release,
            uid,
            format,
            limits,
            ..
        } = request;
        let mut state = self.call(Request::UnpackRelease(request), Some((site, uid)))?;
        limits.check().map_err(|error| Failure::BadRequest {
            detail: error.to_string(),
        })?;
        let metadata = blob.metadata().map_err(|error| internal(&error))?;
        if !metadata.is_file() {
            return Err(Failure::BadRequest {
                detail: "blob is no regular file".to_owned(),
            }
            .into());
        }
        let entry = state.sites.entry(site).or_default();
        entry.uid = uid.get();
        if let Some((unpacked, ..)) = entry.releases.get(&release) {
            return Ok(unpacked.clone());
        }
        let mut tree = Tree::default();
        let mut report = |now| {
            progress(now);
            Ok(())
        };
        let outcome = archive::unpack(&blob, format, &limits, &mut tree, &mut report).map_err(|error| match error {
            UnpackError::Rejected(rejected) => Failure::Archive(rejected.0),
            UnpackError::Io(error) => internal(&error),
        })?;
        let (files, directories) = tree.finish(outcome.strip.as_deref());
        if let Some(dir) = self.release_dir(site, release) {
            write(&dir, &files).map_err(|error| internal(&error))?;
        }
        entry
            .releases
            .insert(release, (outcome.summary.clone(), files, directories));
        Ok(outcome.summary)
    }

    async fn pack_release(&self, request: PackRelease, blob: File) -> Result<Packed, Error> {
        let PackRelease {
            site,
            release,
            uid,
            max_bytes,
        } = request;
        let state = self.call(Request::PackRelease(request), Some((site, uid)))?;
        let (_, files, _) = state
            .sites
            .get(&site)
            .and_then(|entry| entry.releases.get(&release))
            .ok_or(Failure::NoRelease {})?;
        let mut packer = archive::Packer::new(blob, max_bytes);
        let mut pack = || -> io::Result<()> {
            for (path, bytes) in files {
                packer.file(Path::new(path), (bytes.len() as u64, 0), &bytes[..])?;
            }
            Ok(())
        };
        let packed = pack().and_then(|()| packer.finish());
        Ok(packed.map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => Failure::NoSpace {},
            _ => internal(&error),
        })?)
    }

    async fn delete_release(&self, site: SiteId, release: ReleaseId, uid: SiteUid) -> Result<(), Error> {
        let mut state = self.call(Request::DeleteRelease { site, release, uid }, Some((site, uid)))?;
        if let Some(entry) = state.sites.get_mut(&site) {
            entry.releases.remove(&release);
        }
        if let Some(dir) = self.release_dir(site, release) {
            remove(&dir)?;
        }
        Ok(())
    }

    async fn delete_site(&self, site: SiteId, uid: SiteUid) -> Result<(), Error> {
        let mut state = self.call(Request::DeleteSite { site, uid }, Some((site, uid)))?;
        state.sites.remove(&site);
        if let Some(dir) = &self.dir {
            remove(&dir.join(site.to_string()))?;
        }
        Ok(())
    }

    async fn measure_site(&self, site: SiteId, uid: SiteUid) -> Result<Usage, Error> {
        const BLOCK: u64 = 4096;
        let state = self.call(Request::MeasureSite { site, uid }, Some((site, uid)))?;
        let Some(entry) = state.sites.get(&site) else {
            return Ok(Usage::default());
        };
        // The site's folder and its `releases`, each release's root, and what is below.
        let mut usage = Usage {
            directories: 2,
            ..Usage::default()
        };
        for (_, files, directories) in entry.releases.values() {
            usage.directories += 1 + directories;
            usage.files += files.len() as u64;
            for bytes in files.values() {
                usage.apparent_bytes += bytes.len() as u64;
                usage.bytes += (bytes.len() as u64).div_ceil(BLOCK) * BLOCK;
            }
        }
        usage.bytes += usage.directories * BLOCK;
        Ok(usage)
    }

    async fn list_releases(&self, site: SiteId, uid: SiteUid) -> Result<Vec<ReleaseEntry>, Error> {
        let state = self.call(Request::ListReleases { site, uid }, Some((site, uid)))?;
        let Some(entry) = state.sites.get(&site) else {
            return Ok(Vec::new());
        };
        Ok(entry
            .releases
            .keys()
            .map(|release| ReleaseEntry {
                release: *release,
                state: ReleaseState::Finished,
            })
            .collect())
    }

    async fn list_sites(&self) -> Result<Vec<SiteEntry>, Error> {
        let state = self.call(Request::ListSites {}, None)?;
        Ok(state
            .sites
            .iter()
            .map(|(site, entry)| SiteEntry {
                site: *site,
                uid: SiteUid::new(entry.uid).ok(),
            })
            .collect())
    }
}
