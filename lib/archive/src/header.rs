//! Header blocks of tar (POSIX.1-2001 `ustar`, GNU base-256 numbers, a pax record for a long path). Only what this crate writes
//! is read.

use crate::{Error, Kind, Member, MemberPath, Owner};

pub(crate) const BLOCK: usize = 512;
/// Of a pax header's records.
pub(crate) const LONGEST_PAX: u64 = 8 << 10;
const PLAIN_NAME: usize = 100;

/// A header as found in the archive.
pub(crate) enum Found {
    /// One of the two blocks of zeros at the end.
    Nothing,
    /// A pax header of so many bytes; it says the path of what follows.
    Pax(u64),
    /// The name as it stands, unchecked: a pax header may have said another.
    Member { name: Vec<u8>, kind: Kind, owner: Owner },
}

/// The blocks in front of a member's content.
pub(crate) fn write(member: &Member) -> Vec<u8> {
    let path = member.path.as_str();
    let mut out = Vec::with_capacity(BLOCK);
    if path.len() > PLAIN_NAME {
        let record = pax_record(path);
        out.extend(block(
            "PaxHeaders/long",
            b'x',
            record.len() as u64,
            Owner { uid: 0, mode: 0o600 },
        ));
        out.extend_from_slice(&record);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    let (kind, size) = match member.kind {
        Kind::Folder => (b'5', 0),
        Kind::File(size) => (b'0', size),
    };
    let mut short = path;
    while short.len() > PLAIN_NAME {
        // Only for readers that know no pax: cut where a character ends.
        let end = (0..=PLAIN_NAME).rev().find(|end| short.is_char_boundary(*end));
        short = &short[..end.unwrap_or(0)];
    }
    out.extend(block(short, kind, size, member.owner));
    out
}

/// `<length of all> path=<path>\n`, where the length counts its own digits.
fn pax_record(path: &str) -> Vec<u8> {
    let rest = format!(" path={path}\n");
    let mut length = rest.len() + 1;
    while rest.len() + length.to_string().len() != length {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

fn block(name: &str, kind: u8, size: u64, owner: Owner) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    number(&mut block[100..108], u64::from(owner.mode));
    number(&mut block[108..116], u64::from(owner.uid));
    number(&mut block[116..124], 0);
    number(&mut block[124..136], size);
    number(&mut block[136..148], 0);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    number(&mut block[148..155], sum);
    block
}

/// Octal digits and a NUL, or base 256 when they do not fit.
fn number(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    let text = format!("{value:0digits$o}");
    if text.len() <= digits {
        field[..digits].copy_from_slice(text.as_bytes());
        field[digits] = 0;
    } else {
        let bytes = value.to_be_bytes();
        field.fill(0);
        let (start, cut) = (
            field.len().saturating_sub(bytes.len()),
            bytes.len().saturating_sub(field.len()),
        );
        field[start..].copy_from_slice(&bytes[cut..]);
        field[0] |= 0x80;
    }
}

/// # Errors
/// [`Error::Damaged`] or [`Error::Refused`], with `after` (the member before) or its own name.
pub(crate) fn parse(block: &[u8; BLOCK], after: &str) -> Result<Found, Error> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(Found::Nothing);
    }
    let damaged = |detail: &str| Error::Damaged {
        member: format!("what follows {after}"),
        detail: detail.to_owned(),
    };
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
        .sum();
    if read_number(&block[148..156]) != Some(sum) || &block[257..262] != b"ustar" {
        return Err(damaged("its header is none"));
    }
    let end = block[..PLAIN_NAME]
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(PLAIN_NAME);
    let name = block[..end].to_vec();
    let field =
        |from: usize, to: usize| read_number(&block[from..to]).ok_or_else(|| damaged("a number of its header is none"));
    let (mode, uid, size) = (field(100, 108)?, field(108, 116)?, field(124, 136)?);
    let refused = |detail: &str| Error::refused(String::from_utf8_lossy(&name).escape_debug().to_string(), detail);
    let kind = match block[156] {
        b'0' => Kind::File(size),
        b'5' if size == 0 => Kind::Folder,
        b'x' => return Ok(Found::Pax(size)),
        b'1' => return Err(refused("it is a hard link")),
        b'2' => return Err(refused("it is a symbolic link")),
        b'3' | b'4' => return Err(refused("it is a device")),
        b'6' => return Err(refused("it is a pipe")),
        _ => return Err(refused("it is neither a file nor a folder")),
    };
    let owner = Owner {
        uid: u32::try_from(uid).map_err(|_| refused("its owner is no user"))?,
        mode: u32::try_from(mode).map_err(|_| refused("its mode is none"))?,
    };
    if owner.mode & !0o2777 != 0 {
        return Err(refused("its mode has bits that none of mPanel's files has"));
    }
    Ok(Found::Member { name, kind, owner })
}

/// The path of a pax header that has that record and no other.
pub(crate) fn parse_pax(records: &[u8], after: &str) -> Result<MemberPath, Error> {
    let path = || {
        let space = records.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
        (length == records.len()).then_some(())?;
        records[space + 1..].strip_prefix(b"path=")?.strip_suffix(b"\n")
    };
    let Some(path) = path() else {
        return Err(Error::refused(
            format!("what follows {after}"),
            "its pax header says something else than a path",
        ));
    };
    MemberPath::parse(path)
}

fn read_number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let value = field[1..].iter().try_fold(u64::from(field[0] & 0x7f), |value, byte| {
            value.checked_mul(256)?.checked_add(u64::from(*byte))
        });
        return value.filter(|value| i64::try_from(*value).is_ok());
    }
    let end = field
        .iter()
        .position(|byte| matches!(byte, 0 | b' '))
        .unwrap_or(field.len());
    if end == 0 {
        return None;
    }
    field[..end].iter().try_fold(0u64, |value, byte| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}
