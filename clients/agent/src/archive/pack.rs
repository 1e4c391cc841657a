//! Makes an archive of a release: a `.tar.gz` that can be uploaded again as it is.

use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use crate::protocol::Packed;

const FOLDER_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// Writes one archive. Names are taken as they are, byte for byte; whoever unpacks it sees to where they lead.
pub struct Packer<W: Write> {
    archive: Builder<GzEncoder<Bounded<W>>>,
    packed: Packed,
}

impl<W: Write> Packer<W> {
    /// One of at most `most` bytes; what would be more is an error of the kind [`io::ErrorKind::FileTooLarge`].
    pub fn new(out: W, most: u64) -> Self {
        let out = Bounded { out, written: 0, most };
        Self {
            archive: Builder::new(GzEncoder::new(out, Compression::default())),
            packed: Packed::default(),
        }
    }

    /// Times are in seconds since 1970.
    ///
    /// # Errors
    /// When the archive cannot be written, or the path leads out of it; as those below.
    pub fn folder(&mut self, path: &Path, time: u64) -> io::Result<()> {
        let mut header = header(EntryType::Directory, FOLDER_MODE, 0, time);
        self.archive.append_data(&mut header, path, io::empty())
    }

    /// A file of exactly `size` bytes.
    ///
    /// # Errors
    /// As [`Packer::folder`]; [`io::ErrorKind::UnexpectedEof`] when it has fewer.
    pub fn file(&mut self, path: &Path, (size, time): (u64, u64), content: impl Read) -> io::Result<()> {
        let mut header = header(EntryType::Regular, FILE_MODE, size, time);
        let mut content = content.take(size);
        self.archive.append_data(&mut header, path, &mut content)?;
        if content.limit() > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.packed.files += 1;
        self.packed.bytes += size;
        Ok(())
    }

    /// A symbolic link, as it stands: where it leads is neither followed nor looked at.
    ///
    /// # Errors
    /// As [`Packer::folder`].
    pub fn link(&mut self, path: &Path, target: &Path, time: u64) -> io::Result<()> {
        let mut header = header(EntryType::Symlink, 0o777, 0, time);
        self.archive.append_link(&mut header, path, target)?;
        self.packed.links += 1;
        Ok(())
    }

    /// # Errors
    /// As [`Packer::folder`].
    pub fn finish(self) -> io::Result<Packed> {
        let mut bounded = self.archive.into_inner()?.finish()?;
        bounded.flush()?;
        Ok(Packed {
            archive_bytes: bounded.written,
            ..self.packed
        })
    }
}

fn header(kind: EntryType, mode: u32, size: u64, time: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(time);
    header
}

/// Takes so many bytes and no more.
struct Bounded<W> {
    out: W,
    written: u64,
    most: u64,
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let after = self.written.saturating_add(bytes.len() as u64);
        if after > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
