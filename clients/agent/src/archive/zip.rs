//! zip (PKWARE APPNOTE 6.3.10): stored and deflated entries, zip64, data descriptors.
//!
//! Everything that can be judged without inflating is judged before the first byte is written: the
//! directory's names and kinds, every local header against it, overlaps, sizes and ratios.

mod directory;
mod end;
mod extra;
mod local;

use std::io::{BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use directory::{Entry, Method};

use super::source::{Section, Source};
use super::unpacker::Unpacker;
use super::{EntryPath, UnpackError};
use crate::protocol::ArchiveFault;

const CHUNK: usize = 64 << 10;

pub(super) fn read<S: Source + ?Sized>(source: &S, size: u64, unpacker: &mut Unpacker<'_>) -> Result<(), UnpackError> {
    let end = end::find(source, size)?;
    let mut entries = directory::read(source, &end, unpacker)?;
    entries.sort_unstable_by_key(|entry| entry.offset);
    let mut free_from = 0;
    let mut total = 0u64;
    for entry in &mut entries {
        if entry.offset < free_from {
            return Err(ArchiveFault::Overlap {}.at(&entry.name).into());
        }
        local::locate(source, entry, end.directory_start)?;
        free_from = entry.data + entry.packed;
        unpacker
            .meter
            .ratio(entry.packed, entry.size)
            .map_err(|fault| fault.at(&entry.name))?;
        total = total.saturating_add(entry.size);
    }
    for (at, entry) in entries.iter().enumerate() {
        let until = entries.get(at + 1).map_or(end.directory_start, |next| next.offset);
        local::check_descriptor(source, entry, until)?;
    }
    unpacker.meter.ratio(size, total).map_err(ArchiveFault::whole)?;
    for entry in &entries {
        let Some(path) = unpacker.path(&entry.name)? else {
            continue;
        };
        if path.is_clutter() {
            continue;
        }
        if entry.directory {
            unpacker.directory(&path)?;
        } else {
            file(source, entry, path, unpacker)?;
        }
    }
    Ok(())
}

fn file<S: Source + ?Sized>(
    source: &S,
    entry: &Entry,
    path: EntryPath,
    unpacker: &mut Unpacker<'_>,
) -> Result<(), UnpackError> {
    let section = Section::new(source, entry.data, entry.data + entry.packed);
    let end = entry.data + entry.packed;
    match entry.method {
        Method::Stored => {
            let mut section = section;
            copy(&mut section, entry, path, end, unpacker)
        }
        Method::Deflated => {
            let mut decoder = DeflateDecoder::new(BufReader::with_capacity(CHUNK, section));
            copy(&mut decoder, entry, path, end, unpacker)?;
            if decoder.total_in() == entry.packed {
                Ok(())
            } else {
                Err(corrupt("compressed size", entry))
            }
        }
    }
}

fn copy(
    from: &mut dyn Read,
    entry: &Entry,
    path: EntryPath,
    read: u64,
    unpacker: &mut Unpacker<'_>,
) -> Result<(), UnpackError> {
    let mut out = unpacker.begin(path, entry.size)?;
    let mut buffer = vec![0; CHUNK];
    let mut crc = Crc::new();
    let mut left = entry.size;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) if error.raw_os_error().is_some() => return Err(error.into()),
            Err(_) => return Err(corrupt("compressed data", entry)),
        };
        if n == 0 {
            break;
        }
        // Never write more than was stated and judged.
        left = left
            .checked_sub(n as u64)
            .ok_or_else(|| corrupt("more data than stated", entry))?;
        crc.update(&buffer[..n]);
        unpacker.write(&mut out, &buffer[..n], read)?;
    }
    if left > 0 {
        return Err(corrupt("less data than stated", entry));
    }
    if crc.sum() != entry.crc {
        return Err(corrupt("checksum", entry));
    }
    Ok(unpacker.end(out)?)
}

fn corrupt(detail: &str, entry: &Entry) -> UnpackError {
    ArchiveFault::Corrupt {
        detail: detail.to_owned(),
    }
    .at(&entry.name)
    .into()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | (u64::from(u32_at(bytes, at + 4)) << 32)
}
