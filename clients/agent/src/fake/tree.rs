//! A release in memory.

use std::collections::BTreeSet;
use std::io;

use super::Files;
use crate::archive::{EntryPath, Sink, SinkError};

#[derive(Default)]
pub(super) struct Tree {
    files: Files,
    directories: BTreeSet<String>,
    open: Option<(String, Vec<u8>)>,
}

impl Tree {
    /// The files and the number of folders, without the folder around everything.
    pub(super) fn finish(self, strip: Option<&str>) -> (Files, u64) {
        let Some(strip) = strip else {
            return (self.files, self.directories.len() as u64);
        };
        let below = |path: String| {
            path.strip_prefix(strip)
                .and_then(|rest| rest.strip_prefix('/'))
                .map(str::to_owned)
        };
        let files = self
            .files
            .into_iter()
            .filter_map(|(path, bytes)| Some((below(path)?, bytes)))
            .collect();
        (files, self.directories.len() as u64 - 1)
    }

    fn make(&mut self, path: &str) -> Result<u32, SinkError> {
        let mut made = 0;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let part = &path[..end];
            if self.files.contains_key(part) {
                return Err(SinkError::TypeConflict);
            }
            made += u32::from(self.directories.insert(part.to_owned()));
        }
        Ok(made)
    }
}

impl Sink for Tree {
    fn directory(&mut self, path: &EntryPath) -> Result<u32, SinkError> {
        self.make(path.as_str())
    }

    fn begin(&mut self, path: &EntryPath) -> Result<u32, SinkError> {
        let made = path.split().0.map_or(Ok(0), |above| self.make(above))?;
        if self.directories.contains(path.as_str()) {
            return Err(SinkError::TypeConflict);
        }
        if self.files.contains_key(path.as_str()) {
            return Err(SinkError::Duplicate);
        }
        self.open = Some((path.as_str().to_owned(), Vec::new()));
        Ok(made)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((_, content)) = &mut self.open {
            content.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some((path, content)) = self.open.take() {
            self.files.insert(path, content);
        }
        Ok(())
    }
}
