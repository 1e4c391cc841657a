//! The central directory.

use std::io::{BufReader, Read};

use flate2::Crc;

use super::end::End;
use super::{extra, u16_at, u32_at};
use crate::archive::source::{Section, Source};
use crate::archive::unpacker::Unpacker;
use crate::archive::{EntryPath, UnpackError};
use crate::protocol::{ArchiveFault, Rejection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// An entry as the directory states it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Box<[u8]>,
    pub(super) directory: bool,
    pub(super) method: Method,
    pub(super) flags: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Place of the local header.
    pub(super) offset: u64,
    /// Place of the data; known once the local header was read.
    pub(super) data: u64,
    /// The local header leaves sizes and checksum to a descriptor behind the data.
    pub(super) streamed: bool,
}

/// Sizes and checksum stand behind the data.
pub(super) const DESCRIPTOR: u16 = 1 << 3;
/// Names are UTF-8.
pub(super) const UTF8: u16 = 1 << 11;
/// Encrypted, strongly encrypted, masked headers.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const HEADER: usize = 46;

pub(super) fn read<S: Source + ?Sized>(
    source: &S,
    end: &End,
    unpacker: &mut Unpacker<'_>,
) -> Result<Vec<Entry>, UnpackError> {
    unpacker.meter.count(end.entries).map_err(ArchiveFault::whole)?;
    let length = end.directory_end - end.directory_start;
    if end.entries.saturating_mul(HEADER as u64) > length {
        return Err(corrupt("number of entries").whole().into());
    }
    let mut reader = BufReader::with_capacity(64 << 10, Section::new(source, end.directory_start, end.directory_end));
    let mut left = length;
    let mut entries = Vec::new();
    for _ in 0..end.entries {
        let mut header = [0; HEADER];
        take(&mut reader, &mut header, &mut left)?;
        if &header[..4] != b"PK\x01\x02" {
            return Err(corrupt("directory entry").whole().into());
        }
        let mut name = vec![0; usize::from(u16_at(&header, 28))];
        take(&mut reader, &mut name, &mut left)?;
        let mut extra = vec![0; usize::from(u16_at(&header, 30))];
        take(&mut reader, &mut extra, &mut left)?;
        let mut comment = vec![0; usize::from(u16_at(&header, 32))];
        take(&mut reader, &mut comment, &mut left)?;
        let entry = entry(&header, name, &extra)?;
        check(&entry, &header, unpacker)?;
        entries.push(entry);
    }
    if left > 0 {
        return Err(corrupt("number of entries").whole().into());
    }
    Ok(entries)
}

fn take(reader: &mut impl Read, buffer: &mut [u8], left: &mut u64) -> Result<(), UnpackError> {
    let Some(rest) = left.checked_sub(buffer.len() as u64) else {
        return Err(corrupt("length of the directory").whole().into());
    };
    *left = rest;
    Ok(reader.read_exact(buffer)?)
}

fn entry(header: &[u8; HEADER], name: Vec<u8>, extra: &[u8]) -> Result<Entry, UnpackError> {
    let refuse = |fault: ArchiveFault| UnpackError::from(fault.at(&name));
    let extra = extra::parse(extra).ok_or_else(|| refuse(corrupt("extra field")))?;
    let flags = u16_at(header, 8);
    if flags & ENCRYPTED != 0 || extra.encrypted {
        return Err(refuse(ArchiveFault::Encrypted {}));
    }
    let method = match u16_at(header, 10) {
        0 => Method::Stored,
        8 => Method::Deflated,
        method => return Err(refuse(ArchiveFault::UnsupportedCompression { method })),
    };
    let (mut packed, mut size) = (u64::from(u32_at(header, 20)), u64::from(u32_at(header, 24)));
    let mut offset = u64::from(u32_at(header, 42));
    extra::widen(&mut [&mut size, &mut packed, &mut offset], extra.zip64)
        .ok_or_else(|| refuse(corrupt("zip64 field")))?;
    if !matches!(u16_at(header, 34), 0 | 0xffff) {
        return Err(refuse(corrupt("several disks")));
    }
    if method == Method::Stored && packed != size {
        return Err(refuse(corrupt("stored size")));
    }
    if let Some((crc, path)) = extra.unicode_path {
        // Readers that know the field use its name, others the header's.
        let mut name_crc = Crc::new();
        name_crc.update(&name);
        if crc == name_crc.sum() && path != name {
            return Err(refuse(ArchiveFault::HeaderMismatch {
                detail: "unicode path".to_owned(),
            }));
        }
    }
    let directory = name.ends_with(b"/");
    Ok(Entry {
        name: name.into(),
        directory,
        method,
        flags,
        crc: u32_at(header, 16),
        packed,
        size,
        offset,
        data: 0,
        streamed: false,
    })
}

/// Kind, name and size, before anything is written.
fn check(entry: &Entry, header: &[u8; HEADER], unpacker: &mut Unpacker<'_>) -> Result<(), UnpackError> {
    let refuse = |fault: ArchiveFault| UnpackError::from(fault.at(&entry.name));
    // Unix writers keep st_mode in the upper half; others leave it 0.
    const FORMAT: u32 = 0o170_000;
    let kind_fits = match (u32_at(header, 38) >> 16) & FORMAT {
        0 => true,
        0o100_000 => !entry.directory,
        0o040_000 => entry.directory,
        0o120_000 => return Err(refuse(ArchiveFault::Symlink {})),
        0o020_000 | 0o060_000 => return Err(refuse(ArchiveFault::Device {})),
        0o010_000 => return Err(refuse(ArchiveFault::Fifo {})),
        0o140_000 => return Err(refuse(ArchiveFault::Socket {})),
        mode => {
            return Err(refuse(ArchiveFault::UnsupportedEntry {
                detail: format!("mode {mode:o}"),
            }));
        }
    };
    if !kind_fits {
        return Err(refuse(ArchiveFault::TypeConflict {}));
    }
    if entry.directory && entry.size > 0 {
        return Err(refuse(corrupt("folder with content")));
    }
    let path: Option<EntryPath> = unpacker.path(&entry.name)?;
    if path.is_none() && !entry.directory {
        return Err(refuse(ArchiveFault::TypeConflict {}));
    }
    unpacker
        .meter
        .state(entry.size)
        .map_err(|fault: ArchiveFault| -> Rejection { fault.at(&entry.name) })?;
    Ok(())
}

fn corrupt(detail: &str) -> ArchiveFault {
    ArchiveFault::Corrupt {
        detail: detail.to_owned(),
    }
}
