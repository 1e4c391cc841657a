use std::io::{Read, Write};

use aws_lc_rs::digest::{Context as Digest, SHA256};

use crate::error::Context as _;
use crate::header::{self, BLOCK};
use crate::manifest::{END, End, HEAD, SUMS};
use crate::seal::Output;
use crate::sums::{Sums, hex};
use crate::{Error, Head, Kind, Member, MemberPath, Owner, PIECE, Protection};

/// A level that keeps up with a disk.
const LEVEL: i32 = 3;
/// Of what this crate itself adds.
const OWN: Owner = Owner { uid: 0, mode: 0o600 };

/// Writes an archive as a stream. Without [`Writer::finish`] it stays half of one, which every reader notices.
pub struct Writer<W: Write> {
    out: zstd::Encoder<'static, Output<W>>,
    sums: Sums,
    files: u64,
    folders: u64,
    bytes: u64,
}

impl<W: Write> Writer<W> {
    /// # Errors
    /// When a recipient is none, or writing fails.
    pub fn new(out: W, protection: &Protection, head: &Head) -> Result<Self, Error> {
        let mut writer = Self::begin(Output::new(out, protection)?)?;
        let head = serde_json::to_vec_pretty(head).map_err(|error| Error::Io {
            what: HEAD.into(),
            source: error.into(),
        })?;
        writer.bytes(HEAD, OWN, &head)?;
        Ok(writer)
    }

    /// An archive of something else than an installation: what it is of, its own members say. Nothing here reads it.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn bare(out: W) -> Result<Self, Error> {
        Self::begin(Output::new(out, &Protection::None)?)
    }

    fn begin(out: Output<W>) -> Result<Self, Error> {
        let compressed = || {
            let mut encoder = zstd::Encoder::new(out, LEVEL)?;
            encoder.include_checksum(true)?;
            Ok(encoder)
        };
        Ok(Self {
            out: compressed().context(|| "starting the archive".into())?,
            sums: Sums::new()?,
            files: 0,
            folders: 0,
            bytes: 0,
        })
    }

    /// Bytes of content written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.bytes
    }

    /// # Errors
    /// When the path is none for a member, or writing fails.
    pub fn folder(&mut self, path: &str, owner: Owner) -> Result<(), Error> {
        let path = MemberPath::parse(path.as_bytes())?;
        self.folders += 1;
        self.header(&Member {
            path,
            kind: Kind::Folder,
            owner,
        })
    }

    /// A file of exactly `size` bytes.
    ///
    /// # Errors
    /// As [`Writer::folder`]; also when `content` ends before that many.
    pub fn file(&mut self, path: &str, owner: Owner, size: u64, content: &mut impl Read) -> Result<(), Error> {
        let path = MemberPath::parse(path.as_bytes())?;
        self.header(&Member {
            path: path.clone(),
            kind: Kind::File(size),
            owner,
        })?;
        let mut digest = Digest::new(&SHA256);
        let mut buffer = vec![0; 64 << 10];
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let n = content
                .read(&mut buffer[..most])
                .context(|| format!("reading {path}"))?;
            if n == 0 {
                return Err(Error::Io {
                    what: format!("reading {path}"),
                    source: std::io::ErrorKind::UnexpectedEof.into(),
                });
            }
            digest.update(&buffer[..n]);
            self.write(&buffer[..n])?;
            left -= n as u64;
        }
        self.pad(size)?;
        self.files += 1;
        self.bytes += size;
        self.sums.add(&path, &hex(digest))
    }

    /// A file of these bytes.
    ///
    /// # Errors
    /// As [`Writer::folder`].
    pub fn bytes(&mut self, path: &str, owner: Owner, content: &[u8]) -> Result<(), Error> {
        self.file(path, owner, content.len() as u64, &mut &*content)
    }

    /// A stream of a length nobody knows yet, as `folder/000000`, `folder/000001`, …; at least one.
    ///
    /// # Errors
    /// As [`Writer::folder`]; also when reading fails.
    pub fn stream(&mut self, folder: &str, content: &mut impl Read) -> Result<u64, Error> {
        let mut piece = Vec::with_capacity(PIECE);
        let mut total = 0;
        for number in 0.. {
            piece.clear();
            content
                .by_ref()
                .take(PIECE as u64)
                .read_to_end(&mut piece)
                .context(|| format!("reading {folder}"))?;
            if piece.is_empty() && number > 0 {
                break;
            }
            self.bytes(&format!("{folder}/{number:06}"), OWN, &piece)?;
            total += piece.len() as u64;
        }
        Ok(total)
    }

    /// Adds the sums and the end; what was written to is flushed.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> Result<W, Error> {
        let (files, folders, bytes) = (self.files, self.folders, self.bytes);
        let size = self.sums.bytes;
        let sums = std::mem::replace(&mut self.sums, Sums::new()?);
        let (mut listing, sum) = sums.finish()?;
        self.file(SUMS, OWN, size, &mut listing)?;
        let end = End {
            sums: sum,
            files,
            folders,
            bytes,
        };
        let end = serde_json::to_vec(&end).map_err(|error| Error::Io {
            what: END.into(),
            source: error.into(),
        })?;
        self.bytes(END, OWN, &end)?;
        self.write(&[0; 2 * BLOCK])?;
        let finish = || {
            let mut inner = self.out.finish()?.finish()?;
            inner.flush()?;
            Ok(inner)
        };
        finish().context(|| "finishing the archive".into())
    }

    fn header(&mut self, member: &Member) -> Result<(), Error> {
        self.write(&header::write(member))
    }

    fn pad(&mut self, size: u64) -> Result<(), Error> {
        let over = (size % BLOCK as u64) as usize;
        match over {
            0 => Ok(()),
            _ => self.write(&[0; BLOCK][over..]),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).context(|| "writing the archive".into())
    }
}
