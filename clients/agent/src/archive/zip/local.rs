//! Local headers, compared with the directory: a reader that streams sees only these.

use super::directory::{DESCRIPTOR, Entry, Method, UTF8};
use super::{extra, u16_at, u32_at, u64_at};
use crate::archive::UnpackError;
use crate::archive::source::{Source, read_exact_at};
use crate::protocol::ArchiveFault;

const HEADER: usize = 30;

/// Reads the entry's local header, and notes where its data lies.
pub(super) fn locate<S: Source + ?Sized>(
    source: &S,
    entry: &mut Entry,
    directory_start: u64,
) -> Result<(), UnpackError> {
    let refuse = |fault: ArchiveFault| UnpackError::from(fault.at(&entry.name));
    let beyond = || {
        refuse(ArchiveFault::Corrupt {
            detail: "place of the entry".to_owned(),
        })
    };
    let variable = entry
        .offset
        .checked_add(HEADER as u64)
        .filter(|end| *end <= directory_start)
        .ok_or_else(beyond)?;
    let mut header = [0; HEADER];
    read_exact_at(source, &mut header, entry.offset)?;
    if &header[..4] != b"PK\x03\x04" {
        return Err(refuse(ArchiveFault::Corrupt {
            detail: "local header".to_owned(),
        }));
    }
    let (name_len, extra_len) = (usize::from(u16_at(&header, 26)), usize::from(u16_at(&header, 28)));
    let data = variable + (name_len + extra_len) as u64;
    if data.checked_add(entry.packed).is_none_or(|end| end > directory_start) {
        return Err(beyond());
    }
    let mut rest = vec![0; name_len + extra_len];
    read_exact_at(source, &mut rest, variable)?;
    let (name, area) = rest.split_at(name_len);
    if let Some(detail) = difference(&header, name, area, entry) {
        return Err(refuse(ArchiveFault::HeaderMismatch {
            detail: detail.to_owned(),
        }));
    }
    entry.data = data;
    entry.streamed = leaves_to_descriptor(&header);
    Ok(())
}

/// Compares the data descriptor with the directory: a reader that streams believes it. `until` is where the next
/// thing begins. Its signature is optional, and so is the width of its sizes.
pub(super) fn check_descriptor<S: Source + ?Sized>(source: &S, entry: &Entry, until: u64) -> Result<(), UnpackError> {
    if !entry.streamed || entry.directory {
        return Ok(());
    }
    const LONGEST: u64 = 24;
    let at = entry.data + entry.packed;
    let mut bytes = vec![0; usize::try_from(until.saturating_sub(at).min(LONGEST)).unwrap_or_default()];
    read_exact_at(source, &mut bytes, at)?;
    let narrow =
        |bytes: &[u8]| bytes.len() >= 12 && (u64::from(u32_at(bytes, 4)), u64::from(u32_at(bytes, 8))) == sizes(entry);
    let wide = |bytes: &[u8]| bytes.len() >= 20 && (u64_at(bytes, 4), u64_at(bytes, 12)) == sizes(entry);
    let fits = |bytes: &[u8]| (narrow(bytes) || wide(bytes)) && u32_at(bytes, 0) == entry.crc;
    if fits(&bytes) || bytes.strip_prefix(b"PK\x07\x08").is_some_and(fits) {
        return Ok(());
    }
    let fault = ArchiveFault::HeaderMismatch {
        detail: "data descriptor".to_owned(),
    };
    Err(fault.at(&entry.name).into())
}

const fn sizes(entry: &Entry) -> (u64, u64) {
    (entry.packed, entry.size)
}

/// The writer did not know sizes and checksum yet.
fn leaves_to_descriptor(header: &[u8; HEADER]) -> bool {
    u16_at(header, 6) & DESCRIPTOR != 0
        && u32_at(header, 14) == 0
        && matches!(u32_at(header, 18), 0 | 0xffff_ffff)
        && matches!(u32_at(header, 22), 0 | 0xffff_ffff)
}

fn difference(header: &[u8; HEADER], name: &[u8], area: &[u8], entry: &Entry) -> Option<&'static str> {
    let flags = u16_at(header, 6);
    let method = if entry.method == Method::Stored { 0 } else { 8 };
    let (mut packed, mut size) = (u64::from(u32_at(header, 18)), u64::from(u32_at(header, 22)));
    let crc = u32_at(header, 14);
    if name != &*entry.name {
        return Some("name");
    }
    if u16_at(header, 8) != method {
        return Some("method");
    }
    let compared = DESCRIPTOR | UTF8 | 1;
    if flags & compared != entry.flags & compared {
        return Some("flags");
    }
    let Some(extra) = extra::parse(area) else {
        return Some("extra field");
    };
    if extra.encrypted {
        return Some("encryption");
    }
    if extra.unicode_path.is_some_and(|(_, path)| path != name) {
        return Some("unicode path");
    }
    if leaves_to_descriptor(header) {
        return None;
    }
    if extra::widen(&mut [&mut size, &mut packed], extra.zip64).is_none()
        || packed != entry.packed
        || size != entry.size
    {
        return Some("size");
    }
    (crc != entry.crc).then_some("checksum")
}
