//! What both formats do with an entry once they have read its header.

use std::io;

use sha2::{Digest, Sha256};

use super::listing::{Listing, Outcome};
use super::meter::Meter;
use super::name::EntryPath;
use super::{Sink, SinkError, UnpackError};
use crate::protocol::ArchiveFault;

pub(super) struct Unpacker<'a> {
    sink: &'a mut dyn Sink,
    pub(super) meter: Meter<'a>,
    listing: Listing,
}

/// A file that is being written.
pub(super) struct OpenFile {
    path: EntryPath,
    size: u64,
    hash: Sha256,
}

impl<'a> Unpacker<'a> {
    pub(super) const fn new(sink: &'a mut dyn Sink, meter: Meter<'a>) -> Self {
        Self {
            sink,
            meter,
            listing: Listing::new(),
        }
    }

    /// `None`: the root, which is there.
    pub(super) fn path(&self, raw: &[u8]) -> Result<Option<EntryPath>, UnpackError> {
        EntryPath::parse(raw, self.meter.limits.max_path).map_err(|fault| fault.at(raw).into())
    }

    pub(super) fn directory(&mut self, path: &EntryPath) -> Result<(), UnpackError> {
        self.listing.saw(path);
        let made = self.sink.directory(path).map_err(|error| refused(error, path))?;
        // The entry itself was counted when its header was read.
        self.made(made, made.saturating_sub(1), path)
    }

    /// `size` is what the archive says, and no more of it is ever written.
    pub(super) fn begin(&mut self, path: EntryPath, size: u64) -> Result<OpenFile, UnpackError> {
        self.listing.saw(&path);
        let charged = self.meter.charge_file(size);
        charged.map_err(|fault| fault.at(path.as_str().as_bytes()))?;
        let made = self.sink.begin(&path).map_err(|error| refused(error, &path))?;
        self.made(made, made, &path)?;
        Ok(OpenFile {
            path,
            size: 0,
            hash: Sha256::new(),
        })
    }

    /// `read`: how far the archive has been read.
    pub(super) fn write(&mut self, file: &mut OpenFile, bytes: &[u8], read: u64) -> io::Result<()> {
        file.hash.update(bytes);
        file.size += bytes.len() as u64;
        self.sink.write(bytes)?;
        self.meter.wrote(bytes.len(), read)
    }

    pub(super) fn end(&mut self, file: OpenFile) -> io::Result<()> {
        self.sink.end()?;
        self.meter.file_done();
        self.listing.file(&file.path, file.size, file.hash.finalize().into());
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Outcome, UnpackError> {
        if self.listing.is_empty() {
            return Err(ArchiveFault::Empty {}.whole().into());
        }
        if self.listing.around().is_none() {
            // The release's own folder; one that is taken off becomes it and is charged already.
            self.meter.charge_directories(1).map_err(ArchiveFault::whole)?;
        }
        Ok(self.listing.finish(self.meter.charged()))
    }

    /// Folders that were made for an entry, and how many of them are not counted yet.
    fn made(&mut self, directories: u32, uncounted: u32, path: &EntryPath) -> Result<(), UnpackError> {
        let counted = self.meter.count(uncounted.into());
        counted
            .and_then(|()| self.meter.charge_directories(directories.into()))
            .map_err(|fault| fault.at(path.as_str().as_bytes()).into())
    }
}

fn refused(error: SinkError, path: &EntryPath) -> UnpackError {
    let fault = match error {
        SinkError::Duplicate => ArchiveFault::Duplicate {},
        SinkError::TypeConflict => ArchiveFault::TypeConflict {},
        SinkError::Io(error) => return error.into(),
    };
    fault.at(path.as_str().as_bytes()).into()
}
