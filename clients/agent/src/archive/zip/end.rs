//! The end of central directory record, and zip64's.

use super::{u16_at, u32_at, u64_at};
use crate::archive::UnpackError;
use crate::archive::source::{Source, read_exact_at};
use crate::protocol::ArchiveFault;

/// Where the directory lies.
pub(super) struct End {
    pub(super) directory_start: u64,
    pub(super) directory_end: u64,
    pub(super) entries: u64,
}

const RECORD: usize = 22;
const LOCATOR: usize = 20;
const RECORD64: usize = 56;
const MAX_COMMENT: usize = 0xffff;

pub(super) fn find<S: Source + ?Sized>(source: &S, size: u64) -> Result<End, UnpackError> {
    let mut magic = [0; 4];
    if size < RECORD as u64 {
        return Err(ArchiveFault::WrongFormat {}.whole().into());
    }
    read_exact_at(source, &mut magic, 0)?;
    // A local header, or the end record of an empty archive.
    if &magic != b"PK\x03\x04" && &magic != b"PK\x05\x06" {
        return Err(ArchiveFault::WrongFormat {}.whole().into());
    }
    let tail_len = usize::try_from(size).unwrap_or(usize::MAX).min(RECORD + MAX_COMMENT);
    let tail_start = size - tail_len as u64;
    let mut tail = vec![0; tail_len];
    read_exact_at(source, &mut tail, tail_start)?;
    let mut found = None;
    for at in 0..=tail_len - RECORD {
        let fits = &tail[at..at + 4] == b"PK\x05\x06" && at + RECORD + usize::from(u16_at(&tail, at + 20)) == tail_len;
        // Two records that both reach the end: each reader would pick its own.
        if fits && found.replace(at).is_some() {
            return Err(corrupt("two end records"));
        }
    }
    let Some(at) = found else {
        return Err(ArchiveFault::Truncated {}.whole().into());
    };
    parse(source, tail_start + at as u64, &tail[at..at + RECORD])
}

fn parse<S: Source + ?Sized>(source: &S, at: u64, record: &[u8]) -> Result<End, UnpackError> {
    let entries = u64::from(u16_at(record, 10));
    let length = u64::from(u32_at(record, 12));
    let start = u64::from(u32_at(record, 16));
    let locator = locator(source, at)?;
    let needs64 = entries == 0xffff || length == 0xffff_ffff || start == 0xffff_ffff;
    if u16_at(record, 4) != 0 && u16_at(record, 4) != 0xffff || u16_at(record, 6) != u16_at(record, 4) {
        return Err(corrupt("several disks"));
    }
    let end = match locator {
        Some(record_at) => {
            let end = parse64(source, at, record_at)?;
            let agree = |small: u64, large: u64, full: u64| small == full || small == large;
            if !agree(entries, end.entries, 0xffff)
                || !agree(length, end.directory_end - end.directory_start, 0xffff_ffff)
                || !agree(start, end.directory_start, 0xffff_ffff)
            {
                return Err(corrupt("two end records differ"));
            }
            end
        }
        None if needs64 && at < start.saturating_add(length) => return Err(corrupt("zip64 record is missing")),
        None if u16_at(record, 8) != u16_at(record, 10) => return Err(corrupt("several disks")),
        None => {
            // The directory ends where this record starts; bytes before the archive would shift it.
            if start.checked_add(length) != Some(at) {
                return Err(corrupt("place of the directory"));
            }
            End {
                directory_start: start,
                directory_end: at,
                entries,
            }
        }
    };
    Ok(end)
}

fn locator<S: Source + ?Sized>(source: &S, at: u64) -> Result<Option<u64>, UnpackError> {
    let Some(place) = at.checked_sub(LOCATOR as u64) else {
        return Ok(None);
    };
    let mut locator = [0; LOCATOR];
    read_exact_at(source, &mut locator, place)?;
    if &locator[..4] != b"PK\x06\x07" {
        return Ok(None);
    }
    if u32_at(&locator, 4) != 0 || u32_at(&locator, 16) > 1 {
        return Err(corrupt("several disks"));
    }
    Ok(Some(u64_at(&locator, 8)))
}

fn parse64<S: Source + ?Sized>(source: &S, at: u64, record_at: u64) -> Result<End, UnpackError> {
    let limit = at - LOCATOR as u64;
    if record_at.checked_add(RECORD64 as u64).is_none_or(|end| end > limit) {
        return Err(corrupt("place of the zip64 record"));
    }
    let mut record = [0; RECORD64];
    read_exact_at(source, &mut record, record_at)?;
    let ends_at = u64_at(&record, 4)
        .checked_add(record_at)
        .and_then(|end| end.checked_add(12));
    if &record[..4] != b"PK\x06\x06" || ends_at != Some(limit) {
        return Err(corrupt("zip64 record"));
    }
    if u32_at(&record, 16) != 0 || u32_at(&record, 20) != 0 || u64_at(&record, 24) != u64_at(&record, 32) {
        return Err(corrupt("several disks"));
    }
    let (entries, length, start) = (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
    if start.checked_add(length) != Some(record_at) {
        return Err(corrupt("place of the directory"));
    }
    Ok(End {
        directory_start: start,
        directory_end: record_at,
        entries,
    })
}

fn corrupt(detail: &str) -> UnpackError {
    ArchiveFault::Corrupt {
        detail: detail.to_owned(),
    }
    .whole()
    .into()
}
