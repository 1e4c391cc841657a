//! tar inside gzip: ustar, with the GNU and pax ways to write long names and large sizes.

mod header;
mod stream;

use std::io;

use header::{Header, Kind};
use stream::GzipStream;

use super::source::Source;
use super::unpacker::Unpacker;
use super::{EntryPath, UnpackError};
use crate::protocol::ArchiveFault;

const BLOCK: usize = 512;
/// A long name or a set of pax records in one archive.
const MAX_EXTENSION: u64 = 64 << 10;
/// Zeros that writers pad the last record with: 20 blocks usually.
const MAX_PADDING: u64 = 16 << 20;

/// What extension headers said about the entry that follows.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    seen: u8,
}

pub(super) fn read<S: Source + ?Sized>(source: &S, unpacker: &mut Unpacker<'_>) -> Result<(), UnpackError> {
    let mut stream = GzipStream::open(source)?;
    let mut extension = Extension::default();
    let mut first = true;
    loop {
        let mut block = [0; BLOCK];
        stream.fill(&mut block, &unpacker.meter)?;
        if block == [0; BLOCK] {
            break;
        }
        let Some(header) = Header::parse(&block) else {
            let fault = if first {
                ArchiveFault::WrongFormat {}
            } else {
                corrupt("header")
            };
            return Err(fault.whole().into());
        };
        first = false;
        match header.kind() {
            Kind::LongName | Kind::LongLink | Kind::PaxLocal | Kind::PaxGlobal => {
                extend(&header, &mut extension, &mut stream, unpacker)?;
            }
            kind => entry(&header, kind, std::mem::take(&mut extension), &mut stream, unpacker)?,
        }
    }
    if extension.seen > 0 {
        return Err(corrupt("extension without an entry").whole().into());
    }
    stream.finish(&unpacker.meter)
}

fn extend<S: Source + ?Sized>(
    header: &Header<'_>,
    extension: &mut Extension,
    stream: &mut GzipStream<'_, S>,
    unpacker: &Unpacker<'_>,
) -> Result<(), UnpackError> {
    let name = header.name();
    let fault = |detail: &str| UnpackError::from(corrupt(detail).at(&name));
    let size = header.size().ok_or_else(|| fault("size"))?;
    if size > MAX_EXTENSION {
        return Err(fault("extension is too long"));
    }
    // A long name, a long link and one set of records is all that an entry needs.
    extension.seen += 1;
    if extension.seen > 8 {
        return Err(fault("too many extensions"));
    }
    let mut data = vec![0; size as usize];
    stream.fill(&mut data, &unpacker.meter)?;
    stream.skip_padding(size, &unpacker.meter)?;
    match header.kind() {
        Kind::LongName => {
            let end = data.iter().position(|b| *b == 0).unwrap_or(data.len());
            data.truncate(end);
            if extension.path.replace(data).is_some() {
                return Err(fault("two long names"));
            }
        }
        Kind::PaxLocal => pax(&data, extension).map_err(|detail| fault(&detail))?,
        Kind::PaxGlobal => {
            // `git archive` writes a comment. Anything that changes later entries is read differently by
            // different programs.
            let mut global = Extension::default();
            pax(&data, &mut global).map_err(|detail| fault(&detail))?;
            if global.path.is_some() || global.size.is_some() {
                return Err(fault("global path or size"));
            }
            extension.seen -= 1;
        }
        _ => {}
    }
    Ok(())
}

/// Records `"%d %s=%s\n"` (POSIX.1-2017, pax, extended header).
fn pax(mut data: &[u8], extension: &mut Extension) -> Result<(), String> {
    while !data.is_empty() {
        let bad = || "pax record".to_owned();
        let space = data.iter().take(8).position(|b| *b == b' ').ok_or_else(bad)?;
        let len = number(&data[..space])
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(bad)?;
        let record = data
            .get(space + 1..len)
            .and_then(|r| r.strip_suffix(b"\n"))
            .ok_or_else(bad)?;
        let equals = record.iter().position(|b| *b == b'=').ok_or_else(bad)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let twice = match key {
            b"path" => extension.path.replace(value.to_vec()).is_some(),
            b"size" => extension.size.replace(number(value).ok_or_else(bad)?).is_some(),
            _ if key.starts_with(b"GNU.sparse.") => return Err("sparse file".to_owned()),
            _ => false,
        };
        if twice {
            return Err("two paths or sizes".to_owned());
        }
        data = &data[len..];
    }
    Ok(())
}

fn number(digits: &[u8]) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all_digits
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

fn entry<S: Source + ?Sized>(
    header: &Header<'_>,
    kind: Kind,
    extension: Extension,
    stream: &mut GzipStream<'_, S>,
    unpacker: &mut Unpacker<'_>,
) -> Result<(), UnpackError> {
    let name = extension.path.unwrap_or_else(|| header.name());
    let refuse = |fault: ArchiveFault| UnpackError::from(fault.at(&name));
    unpacker.meter.count(1).map_err(refuse)?;
    let directory = match kind {
        Kind::File => name.ends_with(b"/"),
        Kind::Directory => true,
        Kind::Refused(fault) => return Err(refuse(fault)),
        Kind::LongName | Kind::LongLink | Kind::PaxLocal | Kind::PaxGlobal => return Err(refuse(corrupt("extension"))),
    };
    let size = match extension.size {
        Some(size) => size,
        None => header.size().ok_or_else(|| refuse(corrupt("size")))?,
    };
    if directory && size > 0 {
        return Err(refuse(corrupt("folder with content")));
    }
    unpacker.meter.state(size).map_err(refuse)?;
    let path = unpacker.path(&name)?;
    let Some(path) = path else {
        return if directory {
            Ok(())
        } else {
            Err(refuse(ArchiveFault::TypeConflict {}))
        };
    };
    if path.is_clutter() {
        stream.skip(size, &unpacker.meter)?;
        return stream.skip_padding(size, &unpacker.meter);
    }
    if directory {
        return unpacker.directory(&path);
    }
    copy(path, size, stream, unpacker)?;
    stream.skip_padding(size, &unpacker.meter)
}

fn copy<S: Source + ?Sized>(
    path: EntryPath,
    size: u64,
    stream: &mut GzipStream<'_, S>,
    unpacker: &mut Unpacker<'_>,
) -> Result<(), UnpackError> {
    let mut file = unpacker.begin(path, size)?;
    let mut buffer = vec![0; stream::CHUNK.min(size as usize)];
    let mut left = size;
    while left > 0 {
        let len = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        stream.fill(&mut buffer[..len], &unpacker.meter)?;
        unpacker.write(&mut file, &buffer[..len], stream.consumed())?;
        left -= len as u64;
    }
    Ok(unpacker.end(file)?)
}

fn corrupt(detail: &str) -> ArchiveFault {
    ArchiveFault::Corrupt {
        detail: detail.to_owned(),
    }
}

/// An error of the decoder as a fault of the archive; one of the storage stays what it is.
fn decoding(error: io::Error) -> UnpackError {
    if error.raw_os_error().is_some() {
        return error.into();
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveFault::Truncated {}.whole().into(),
        _ => ArchiveFault::Corrupt {
            detail: error.to_string(),
        }
        .whole()
        .into(),
    }
}
