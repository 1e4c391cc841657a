//! Extra fields of an entry's headers.

use super::{u16_at, u32_at, u64_at};

/// What an extra area says about what we use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extra<'a> {
    /// Zip64 values, in the order of the fields that were full.
    pub(super) zip64: Option<&'a [u8]>,
    /// Info-ZIP's Unicode path (0x7075): the CRC of the name it replaces, and the name.
    pub(super) unicode_path: Option<(u32, &'a [u8])>,
    /// An AES-encrypted entry (0x9901) or a strongly encrypted one (0x0017).
    pub(super) encrypted: bool,
}

/// `None` when the area is not a sequence of fields, or has a field twice that we use.
pub(super) fn parse(mut area: &[u8]) -> Option<Extra<'_>> {
    let mut extra = Extra::default();
    while area.len() >= 4 {
        let (id, len) = (u16_at(area, 0), usize::from(u16_at(area, 2)));
        let data = area.get(4..4 + len)?;
        let twice = match id {
            0x0001 => extra.zip64.replace(data).is_some(),
            0x7075 if data.len() >= 5 && data[0] == 1 => {
                extra.unicode_path.replace((u32_at(data, 1), &data[5..])).is_some()
            }
            0x0017 | 0x9901 => std::mem::replace(&mut extra.encrypted, true),
            _ => false,
        };
        if twice {
            return None;
        }
        area = &area[4 + len..];
    }
    // Android's aligner leaves up to three zeros.
    area.iter().all(|b| *b == 0).then_some(extra)
}

/// Replaces full 32-bit fields by the zip64 values that follow in order. `None` when one is missing.
pub(super) fn widen(fields: &mut [&mut u64], zip64: Option<&[u8]>) -> Option<()> {
    let mut data = zip64.unwrap_or_default();
    for field in fields {
        if **field == 0xffff_ffff {
            let value = data.get(..8)?;
            **field = u64_at(value, 0);
            data = &data[8..];
        }
    }
    Some(())
}
