//! One header block.

use super::BLOCK;
use crate::protocol::ArchiveFault;

pub(super) struct Header<'a>(&'a [u8; BLOCK]);

#[derive(Debug)]
pub(super) enum Kind {
    File,
    Directory,
    LongName,
    LongLink,
    PaxLocal,
    PaxGlobal,
    Refused(ArchiveFault),
}

impl<'a> Header<'a> {
    /// `None` unless the checksum fits.
    pub(super) fn parse(block: &'a [u8; BLOCK]) -> Option<Self> {
        let stated = octal(&block[148..156])?;
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u64::from(*b) })
            .sum();
        (stated == sum).then_some(Self(block))
    }

    pub(super) fn kind(&self) -> Kind {
        let unsupported = |detail: &str| {
            Kind::Refused(ArchiveFault::UnsupportedEntry {
                detail: detail.to_owned(),
            })
        };
        match self.0[156] {
            0 | b'0' | b'7' => Kind::File,
            b'5' => Kind::Directory,
            b'1' => Kind::Refused(ArchiveFault::Hardlink {}),
            b'2' => Kind::Refused(ArchiveFault::Symlink {}),
            b'3' | b'4' => Kind::Refused(ArchiveFault::Device {}),
            b'6' => Kind::Refused(ArchiveFault::Fifo {}),
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            b'x' | b'X' => Kind::PaxLocal,
            b'g' => Kind::PaxGlobal,
            b'S' => unsupported("sparse file"),
            b'M' => unsupported("part of a file"),
            b'V' => unsupported("volume label"),
            other => unsupported(&format!("tar type {other:#04x}")),
        }
    }

    /// The name in this block: prefix (POSIX only) and name.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        let prefix = text(&self.0[345..500]);
        // GNU keeps times in the prefix's place, and says so by "ustar  \0".
        if &self.0[257..263] == b"ustar\0" && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.to_vec()
        }
    }

    pub(super) fn size(&self) -> Option<u64> {
        let field = &self.0[124..136];
        if field[0] & 0x80 == 0 {
            return octal(field);
        }
        // GNU base-256: big-endian after the marker bit; more than 63 bits or negative is nonsense.
        let high = field[0] == 0x80 && field[1..4] == [0; 3];
        let value = field[4..].iter().fold(0u64, |value, b| (value << 8) | u64::from(*b));
        (high && value <= i64::MAX as u64).then_some(value)
    }
}

fn text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|b| *b == 0).unwrap_or(field.len())]
}

/// Octal digits between optional spaces, ended by a space, a NUL or the field. Empty is 0.
fn octal(field: &[u8]) -> Option<u64> {
    let start = field.iter().position(|b| *b != b' ').unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits
        .iter()
        .position(|b| matches!(b, 0 | b' '))
        .unwrap_or(digits.len());
    digits[..end].iter().try_fold(0u64, |value, b| match b {
        b'0'..=b'7' => Some((value << 3) | u64::from(b - b'0')),
        _ => None,
    })
}
