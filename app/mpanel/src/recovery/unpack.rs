//! Files of an archive onto the disk of an installation that does not run yet.
//!
//! Every name is opened part by part from the data folder, never through a link, and every file is one that was not there: whatever
//! an archive says, and whoever else owns a folder by now, nothing is written outside. What has come belongs to this program's user
//! until [`give`] hands it over.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::Context as _;
use mpanel_archive::{Error, Head, Member, Owner, Visitor};
use mpanel_pg::dump::Load;
use mpanel_process::account::Account;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, mkdirat, openat, statat};
use rustix::io::Errno;

use super::layout::{self, Part};
use super::progress::Progress;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const NEW_FILE: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Takes an archive apart.
pub struct Unpacker {
    data: OwnedFd,
    load: Option<Load>,
    /// The next piece of the dump.
    piece: u32,
    key: Option<Vec<u8>>,
    config: Option<Vec<u8>>,
    /// Whether the key is to be looked at.
    wants_key: bool,
    /// The folder of the file before: archives keep neighbours together.
    last: Option<(String, OwnedFd)>,
    files: u64,
    bytes: u64,
    progress: Progress,
}

/// What the caller puts in place itself, as it came.
pub struct Kept {
    pub key: Option<Vec<u8>>,
    pub config: Option<Vec<u8>>,
}

/// Of a key or a configuration file.
const LONGEST: u64 = 1 << 20;

impl Unpacker {
    /// # Errors
    /// When the data folder cannot be opened.
    pub fn new(data: &Path, load: Load, wants_key: bool) -> anyhow::Result<Self> {
        Self::make(data, Some(load), wants_key)
    }

    #[cfg(test)]
    pub fn without_database(data: &Path) -> anyhow::Result<Self> {
        Self::make(data, None, false)
    }

    fn make(data: &Path, load: Option<Load>, wants_key: bool) -> anyhow::Result<Self> {
        let data =
            openat(CWD, data, DIRECTORY, Mode::empty()).with_context(|| format!("opening {}", data.display()))?;
        Ok(Self {
            data,
            load,
            piece: 0,
            key: None,
            config: None,
            wants_key,
            last: None,
            files: 0,
            bytes: 0,
            progress: Progress::new("restoring"),
        })
    }

    /// The database, once everything has come.
    ///
    /// # Errors
    /// When it did not all go in.
    pub fn finish(mut self) -> anyhow::Result<Kept> {
        if let Some(load) = self.load.take() {
            load.finish()?;
        }
        rustix::fs::syncfs(&self.data).context("writing everything to disk")?;
        Ok(Kept {
            key: self.key.take(),
            config: self.config.take(),
        })
    }

    /// Opens the folder that a path stands in, which must be there.
    fn folder_of<'p>(&mut self, path: &'p str) -> Result<(&OwnedFd, &'p str), Errno> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        if self.last.as_ref().is_none_or(|(known, _)| known != above) {
            let mut folder = openat(&self.data, ".", DIRECTORY, Mode::empty())?;
            for part in above.split('/').filter(|part| !part.is_empty()) {
                folder = openat(&folder, part, DIRECTORY, Mode::empty())?;
            }
            self.last = Some((above.to_owned(), folder));
        }
        match &self.last {
            Some((_, folder)) => Ok((folder, name)),
            None => unreachable!("it was set above"),
        }
    }

    fn write(&mut self, path: &str, mode: u32, content: &mut dyn Read) -> io::Result<u64> {
        let (folder, name) = self.folder_of(path)?;
        let mut file = File::from(openat(folder, name, NEW_FILE, Mode::RUSR | Mode::WUSR)?);
        let bytes = io::copy(content, &mut file)?;
        fchmod(&file, Mode::from_raw_mode(mode & 0o777))?;
        Ok(bytes)
    }
}

fn io_error(member: &Member) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io {
        what: format!("writing {}", member.path),
        source,
    }
}

impl Visitor for Unpacker {
    fn head(&mut self, _: &Head) -> Result<(), Error> {
        Ok(())
    }

    fn folder(&mut self, member: &Member) -> Result<(), Error> {
        check_folder(member)?;
        let make = |unpacker: &mut Self| -> Result<(), Errno> {
            let (folder, name) = unpacker.folder_of(member.path.as_str())?;
            mkdirat(folder, name, Mode::RWXU)?;
            let made = openat(folder, name, DIRECTORY, Mode::empty())?;
            fchmod(&made, Mode::from_raw_mode(folder_mode(member.owner)))
        };
        make(self).map_err(|error| io_error(member)(error.into()))
    }

    fn file(&mut self, member: &Member, content: &mut dyn Read) -> Result<(), Error> {
        match layout::part(&member.path)? {
            Part::Database(number) => {
                if number != self.piece {
                    return Err(out_of_order(member));
                }
                self.piece += 1;
                let Some(load) = &mut self.load else {
                    return Err(out_of_order(member));
                };
                match io::copy(content, load) {
                    // It says itself why it takes no more.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        let said = self.load.take().map(Load::finish);
                        let text = said
                            .and_then(Result::err)
                            .map_or_else(|| error.to_string(), |error| error.to_string());
                        return Err(Error::Io {
                            what: "loading the database".to_owned(),
                            source: io::Error::other(text),
                        });
                    }
                    copied => self.bytes += copied.map_err(io_error(member))?,
                }
            }
            Part::Key => {
                let bytes = small(member, content)?;
                if self.wants_key {
                    self.key = Some(bytes);
                }
            }
            Part::Config => self.config = Some(small(member, content)?),
            Part::Upload(_) => {
                self.bytes += self
                    .write(member.path.as_str(), 0o600, content)
                    .map_err(io_error(member))?
            }
            Part::Site(_) => {
                let mode = member.owner.mode & 0o640;
                self.bytes += self
                    .write(member.path.as_str(), mode, content)
                    .map_err(io_error(member))?;
            }
        }
        self.files += 1;
        self.progress.at(self.bytes, self.files);
        Ok(())
    }
}

/// Nothing of a site is for others, and only its owner writes.
fn folder_mode(owner: Owner) -> u32 {
    owner.mode & 0o2750 | 0o700
}

/// Only sites have folders of their own in an archive.
pub fn check_folder(member: &Member) -> Result<(), Error> {
    match layout::part(&member.path)? {
        Part::Site(_) => Ok(()),
        _ => Err(Error::Refused {
            member: member.path.to_string(),
            detail: "it is no folder in an installation".to_owned(),
        }),
    }
}

pub fn out_of_order(member: &Member) -> Error {
    Error::Damaged {
        member: member.path.to_string(),
        detail: "the pieces of the database are not in their order".to_owned(),
    }
}

fn small(member: &Member, content: &mut dyn Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    content
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error(member))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::Refused {
            member: member.path.to_string(),
            detail: "it is too long".to_owned(),
        });
    }
    Ok(bytes)
}

/// Writes a small file that is not there yet.
///
/// # Errors
/// When it is, or cannot be written.
pub fn put(data: &Path, folder: &str, name: &str, bytes: &[u8], owner: Option<&Account>) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let folder = openat(CWD, data.join(folder), DIRECTORY, Mode::empty())?;
        let mut file = File::from(openat(&folder, name, NEW_FILE, Mode::RUSR | Mode::WUSR)?);
        file.write_all(bytes)?;
        if let Some(owner) = owner {
            fchown(&file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        }
        file.sync_all()?;
        Ok(rustix::fs::fsync(&folder)?)
    };
    write().with_context(|| format!("writing {}", data.join(folder).join(name).display()))
}

/// Gives everything in a folder, and with `itself` the folder too, to a user and a group; modes stay. Links are passed over.
///
/// # Errors
/// When something cannot be given.
pub fn give(folder: &Path, (uid, gid): (u32, u32), itself: bool) -> anyhow::Result<()> {
    let walk = || -> Result<(), Errno> {
        let open = openat(CWD, folder, DIRECTORY, Mode::empty())?;
        let owner = (Uid::from_raw(uid), Gid::from_raw(gid));
        give_content(&open, owner)?;
        if itself { hand_over(&open, owner) } else { Ok(()) }
    };
    walk().with_context(|| format!("giving {} to user {uid}", folder.display()))
}

fn give_content(folder: impl AsFd, owner: (Uid, Gid)) -> Result<(), Errno> {
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let inner = openat(&folder, name, DIRECTORY, Mode::empty())?;
                give_content(&inner, owner)?;
                // Last: once given away, it is its owner's to change.
                hand_over(&inner, owner)?;
            }
            // What has another name somewhere may be another's.
            FileType::RegularFile if stat.st_nlink == 1 => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                hand_over(&openat(&folder, name, flags, Mode::empty())?, owner)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The mode again afterwards: a change of owner takes the setgid bit.
fn hand_over(file: &OwnedFd, (uid, gid): (Uid, Gid)) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(fstat(file)?.st_mode & 0o7777);
    fchown(file, Some(uid), Some(gid))?;
    fchmod(file, mode)
}
