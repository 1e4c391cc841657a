//! A release's files on disk, all below one open folder.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use mpanel_agent_protocol::archive::{EntryPath, Sink, SinkError};
use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;

use super::at;

pub(super) struct TreeOnDisk {
    root: OwnedFd,
    /// The folders from the root to where the last entry went: archives keep neighbours together.
    path: Vec<(String, OwnedFd)>,
    open: Option<File>,
}

impl TreeOnDisk {
    pub(super) const fn new(root: OwnedFd) -> Self {
        Self {
            root,
            path: Vec::new(),
            open: None,
        }
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    fn current(&self) -> BorrowedFd<'_> {
        self.path
            .last()
            .map_or_else(|| self.root.as_fd(), |(_, dir)| dir.as_fd())
    }

    /// Opens the folder, making what is missing; answers how many were.
    fn descend(&mut self, path: Option<&str>) -> Result<u32, SinkError> {
        let parts: Vec<&str> = path.map(|path| path.split('/').collect()).unwrap_or_default();
        let common = self
            .path
            .iter()
            .zip(&parts)
            .take_while(|((have, _), want)| have == *want)
            .count();
        self.path.truncate(common);
        let mut made = 0;
        for part in &parts[common..] {
            let (dir, new) = at::make_directory(self.current(), part).map_err(|error| match error {
                Errno::NOTDIR => SinkError::TypeConflict,
                other => SinkError::Io(other.into()),
            })?;
            made += u32::from(new);
            self.path.push(((*part).to_owned(), dir));
        }
        Ok(made)
    }
}

impl Sink for TreeOnDisk {
    fn directory(&mut self, path: &EntryPath) -> Result<u32, SinkError> {
        self.descend(Some(path.as_str()))
    }

    fn begin(&mut self, path: &EntryPath) -> Result<u32, SinkError> {
        let (above, name) = path.split();
        let made = self.descend(above)?;
        let file = at::create_file(self.current(), name).map_err(|error| match error {
            Errno::EXIST => match statat(self.current(), name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => SinkError::TypeConflict,
                _ => SinkError::Duplicate,
            },
            other => SinkError::Io(other.into()),
        })?;
        self.open = Some(file.into());
        Ok(made)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    fn end(&mut self) -> io::Result<()> {
        self.open = None;
        Ok(())
    }
}
