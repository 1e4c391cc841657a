//! The folder of archives: one folder for each tenant, and in it one file for each operation that made one. Only this
//! process can read them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_tenancy_contract::{EraseError, Erased, Eraser};
use tokio::task::spawn_blocking;

/// Bytes of the disk that are left to others.
const LEFT: u64 = 512 << 20;
const PART: &str = "part";
/// A finished archive of the tenant alone.
const ALONE: &str = "tar.zst";
/// A finished archive that has something of the tenants below as well.
const BELOW: &str = "below.tar.zst";

/// Whose archive, and by which operation it was made.
pub type At = (TenantId, OperationId);

#[derive(Debug, Clone)]
pub struct ExportFiles {
    root: Arc<Path>,
}

/// A finished archive.
#[derive(Debug)]
pub struct Found {
    pub file: File,
    /// In bytes.
    pub size: u64,
    /// Whether it has something of the tenants below.
    pub below: bool,
}

/// What a round through the folder has done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files.
    pub removed: u64,
    pub left_bytes: u64,
}

/// Runs file work off the threads that serve requests.
async fn off<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

impl ExportFiles {
    pub fn new(root: PathBuf) -> Self {
        Self { root: root.into() }
    }

    fn folder(&self, tenant: TenantId) -> PathBuf {
        self.root.join(tenant.to_string())
    }

    fn path(&self, (tenant, id): At, end: &str) -> PathBuf {
        self.folder(tenant).join(format!("{id}.{end}"))
    }

    /// Bytes that may still be written here.
    pub async fn room(&self) -> io::Result<u64> {
        let root = self.root.clone();
        off(move || {
            folder(&root)?;
            let stat = rustix::fs::statvfs(&*root)?;
            Ok(stat.f_bavail.saturating_mul(stat.f_frsize).saturating_sub(LEFT))
        })
        .await
    }

    /// A file without a name, gone with the process.
    pub async fn scratch(&self) -> io::Result<File> {
        let root = self.root.clone();
        off(move || tempfile::tempfile_in(root)).await
    }

    /// An archive that is begun, from the start: another file than one that an attempt before has still open.
    pub async fn begin(&self, at: At) -> io::Result<File> {
        let (dir, path) = (self.folder(at.0), self.path(at, PART));
        off(move || {
            folder(&dir)?;
            gone(fs::remove_file(&path))?;
            let mut options = OpenOptions::new();
            options.create_new(true).write(true).mode(0o600).open(path)
        })
        .await
    }

    /// Makes one that is written whole the archive, as of `now`: its size. `None` when there is none; done twice, it is
    /// done.
    pub async fn publish(&self, at: At, below: bool, now: Timestamp) -> io::Result<Option<u64>> {
        let end = if below { BELOW } else { ALONE };
        let (dir, part, whole) = (self.folder(at.0), self.path(at, PART), self.path(at, end));
        off(move || {
            match OpenOptions::new().write(true).open(&part) {
                Ok(file) => {
                    file.set_modified(SystemTime::from(now))?;
                    file.sync_all()?;
                    fs::rename(part, &whole)?;
                    File::open(dir)?.sync_all()?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            found(fs::metadata(whole)).map(|meta| meta.map(|meta| meta.len()))
        })
        .await
    }

    /// A finished archive; `None` when there is none, or no more.
    pub async fn open(&self, at: At) -> io::Result<Option<Found>> {
        let paths = [(ALONE, false), (BELOW, true)].map(|(end, below)| (self.path(at, end), below));
        off(move || {
            for (path, below) in paths {
                if let Some(file) = found(File::open(path))? {
                    let size = file.metadata()?.len();
                    return Ok(Some(Found { file, size, below }));
                }
            }
            Ok(None)
        })
        .await
    }

    /// How many finished archives of a tenant there are.
    pub async fn count(&self, tenant: TenantId) -> io::Result<usize> {
        let dir = self.folder(tenant);
        off(move || {
            let ends = |path: &PathBuf| path.extension().is_some_and(|end| end != PART);
            Ok(entries(&dir)?.iter().filter(|path| ends(path)).count())
        })
        .await
    }

    /// Removes what there is of an archive, finished or not.
    pub async fn remove(&self, at: At) -> io::Result<()> {
        let paths = [PART, ALONE, BELOW].map(|end| self.path(at, end));
        off(move || paths.iter().try_for_each(|path| gone(fs::remove_file(path)))).await
    }

    /// Removes what nobody has written to since `then`, and folders that are empty.
    pub async fn remove_older(&self, then: Timestamp) -> io::Result<Swept> {
        let (root, then) = (self.root.clone(), SystemTime::from(then));
        off(move || {
            let mut swept = Swept::default();
            for dir in entries(&root)? {
                for file in entries(&dir)? {
                    let Some(meta) = found(fs::symlink_metadata(&file))?.filter(fs::Metadata::is_file) else {
                        continue;
                    };
                    if meta.modified()? < then {
                        gone(fs::remove_file(&file))?;
                        swept.removed += 1;
                    } else {
                        swept.left_bytes += meta.len();
                    }
                }
                match fs::remove_dir(&dir) {
                    Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                    result => gone(result)?,
                }
            }
            Ok(swept)
        })
        .await
    }
}

#[async_trait]
impl Eraser for ExportFiles {
    fn name(&self) -> &'static str {
        "archives"
    }

    /// Archives of those above may hold something of the tenant until their time is over.
    async fn erase(&self, tenant: TenantId) -> Result<Erased, EraseError> {
        let dir = self.folder(tenant);
        off(move || gone(fs::remove_dir_all(dir))).await?;
        Ok(Erased::All)
    }
}

/// What is not there is none.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// What is gone already is as wanted.
fn gone(result: io::Result<()>) -> io::Result<()> {
    found(result).map(drop)
}

fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What is in a folder; nothing in one that is none.
fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if kinds.contains(&error.kind()) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
