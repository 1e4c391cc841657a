//! `DATA/sites`, which only the agent can write, and the empty folders it makes there.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use mpanel_agent_protocol::protocol::{Failure, SiteEntry, SiteUid};
use mpanel_kernel::ids::SiteId;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat, fsync, mkdirat, openat, statat,
    unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::helper::names::{MANIFESTS, RELEASES};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// What a release's folders have: the owner writes, the edge's group reads, new entries take over the group.
const TREE_MODE: Mode = Mode::from_raw_mode(0o2750);

pub(crate) struct SiteDirs {
    sites: OwnedFd,
    /// The group that may read releases; none when everything is one uid.
    edge: Option<Gid>,
}

impl SiteDirs {
    /// Opens `DATA/sites`, making it if needed.
    ///
    /// # Errors
    /// When `DATA` is missing, or anybody but this user can write `DATA/sites`.
    pub(crate) fn open(data: &Path, edge_gid: Option<u32>) -> io::Result<Self> {
        let data = openat(CWD, data, DIRECTORY, Mode::empty())?;
        match mkdirat(&data, "sites", Mode::from_raw_mode(0o711)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let sites = openat(&data, "sites", DIRECTORY, Mode::empty())?;
        let stat = fstat(&sites)?;
        if stat.st_uid != geteuid().as_raw() {
            return Err(io::Error::other(format!(
                "the sites folder belongs to uid {}",
                stat.st_uid
            )));
        }
        // The umask may have taken bits, an administrator may have added some.
        fchmod(&sites, Mode::from_raw_mode(0o711))?;
        Ok(Self {
            sites,
            edge: edge_gid.map(Gid::from_raw),
        })
    }

    /// The site's folder, made if needed, as a descriptor that only names it (`O_PATH`).
    ///
    /// # Errors
    /// [`Failure::WrongOwner`] when it belongs to another site's uid, [`Failure::NoSpace`].
    pub(crate) fn ensure(&self, site: SiteId, uid: SiteUid) -> Result<OwnedFd, Failure> {
        match mkdirat(&self.sites, site.to_string(), Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failure("make the site's folder", error)),
        }
        self.existing(site, uid)?
            .ok_or_else(|| failure("open the site's folder", Errno::NOENT))
    }

    /// The site's folder if there is one.
    ///
    /// # Errors
    /// As [`Self::ensure`].
    pub(crate) fn existing(&self, site: SiteId, uid: SiteUid) -> Result<Option<OwnedFd>, Failure> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = match openat(&self.sites, site.to_string(), flags, Mode::empty()) {
            Ok(dir) => dir,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failure("open the site's folder", error)),
        };
        let stat = fstat(&dir).map_err(|error| failure("examine the site's folder", error))?;
        let own = stat.st_uid == geteuid().as_raw();
        // As root, a folder that still is root's was interrupted while it was made; no tenant could touch it.
        // Rootless, every folder looks like that, and completing it again changes nothing.
        if own {
            self.complete(site, uid, &stat)
                .map_err(|error| failure("prepare the site's folder", error))?;
        } else if self.edge.is_none() || stat.st_uid != uid.get() {
            return Err(Failure::WrongOwner { actual: stat.st_uid });
        }
        Ok(Some(dir))
    }

    /// Makes what belongs into a folder, and gives it away last.
    fn complete(&self, site: SiteId, uid: SiteUid, stat: &Stat) -> Result<(), Errno> {
        if self.edge.is_none() && Mode::from_raw_mode(stat.st_mode).contains(Mode::SGID) {
            return Ok(());
        }
        let dir = openat(&self.sites, site.to_string(), DIRECTORY, Mode::empty())?;
        for (name, mode) in [(RELEASES, TREE_MODE), (MANIFESTS, Mode::RWXU)] {
            match mkdirat(&dir, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            let inner = openat(&dir, name, DIRECTORY, Mode::empty())?;
            self.give(&inner, uid, mode)?;
        }
        self.give(&dir, uid, TREE_MODE)?;
        fsync(&dir)?;
        fsync(&self.sites)
    }

    fn give(&self, dir: &OwnedFd, uid: SiteUid, mode: Mode) -> Result<(), Errno> {
        // Mode first: once given away, the folder is its owner's to change.
        if let Some(edge) = self.edge {
            fchown(dir, None, Some(edge))?;
            fchmod(dir, mode)?;
            fchown(dir, Some(Uid::from_raw(uid.get())), None)
        } else {
            fchmod(dir, mode)
        }
    }

    /// Removes the site's folder, which a helper has emptied.
    ///
    /// # Errors
    /// [`Failure::Busy`] when something was put there meanwhile.
    pub(crate) fn remove(&self, site: SiteId) -> Result<(), Failure> {
        match unlinkat(&self.sites, site.to_string(), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {
                fsync(&self.sites).map_err(|error| failure("remove the site's folder", error))
            }
            Err(Errno::NOTEMPTY) => Err(Failure::Busy {}),
            Err(error) => Err(failure("remove the site's folder", error)),
        }
    }

    /// In order of site id; anything that is no site's folder is left out.
    ///
    /// # Errors
    /// [`Failure::Internal`].
    pub(crate) fn list(&self) -> Result<Vec<SiteEntry>, Failure> {
        let fail = |error| failure("list sites", error);
        let mut sites = Vec::new();
        for entry in Dir::read_from(&self.sites).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let Some(site) = entry
                .file_name()
                .to_str()
                .ok()
                .and_then(|name| name.parse::<SiteId>().ok())
            else {
                continue;
            };
            match statat(&self.sites, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                    sites.push(SiteEntry {
                        site,
                        uid: SiteUid::new(stat.st_uid).ok(),
                    });
                }
                Ok(_) | Err(Errno::NOENT) => {}
                Err(error) => return Err(fail(error)),
            }
        }
        sites.sort_unstable_by_key(|entry| entry.site);
        Ok(sites)
    }
}

fn failure(what: &str, error: Errno) -> Failure {
    match error {
        Errno::NOSPC | Errno::DQUOT => Failure::NoSpace {},
        _ => Failure::Internal {
            detail: format!("{what}: {error}"),
        },
    }
}
