/// A binary fuse filter, read where it lies.
///
/// Its file: `mpbf1` and three zero bytes; seed (u64), segment length (u32, a power of two), number of segments that a
/// key may begin in (u32); then a fingerprint (u16) for each slot. All little-endian.
pub(crate) struct Filter<'a> {
    seed: u64,
    segment: u32,
    /// Slots in which a key's first one may lie.
    starts: u32,
    slots: &'a [u8],
}

const MAGIC: &[u8; 8] = b"mpbf1\0\0\0";
const HEADER: usize = 24;

impl<'a> Filter<'a> {
    /// `None` for what is no such file.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, slots) = bytes.split_at_checked(HEADER)?;
        let rest = header.strip_prefix(MAGIC)?;
        let seed = u64::from_le_bytes(rest[..8].try_into().ok()?);
        let segment = u32::from_le_bytes(rest[8..12].try_into().ok()?);
        let segments = u32::from_le_bytes(rest[12..16].try_into().ok()?);
        let whole = segments.checked_add(2)?.checked_mul(segment)?;
        let fits = segment.is_power_of_two() && segments > 0 && slots.len() == 2 * usize::try_from(whole).ok()?;
        fits.then_some(Self {
            seed,
            segment,
            starts: segments * segment,
            slots,
        })
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        let hash = mix(fnv1a(key.as_bytes()).wrapping_add(self.seed));
        let print = fingerprint(hash);
        self.places(hash)
            .into_iter()
            .fold(print, |rest, at| rest ^ self.slot(at))
            == 0
    }

    /// A slot in each of three segments that follow each other.
    fn places(&self, hash: u64) -> [u32; 3] {
        // The upper half of a product of two numbers below 2^64 and 2^32 is below 2^32.
        let first = ((u128::from(hash) * u128::from(self.starts)) >> 64) as u32;
        let mask = self.segment - 1;
        [
            first,
            (first + self.segment) ^ ((hash >> 18) as u32 & mask),
            (first + 2 * self.segment) ^ (hash as u32 & mask),
        ]
    }

    fn slot(&self, at: u32) -> u16 {
        let at = 2 * at as usize;
        u16::from_le_bytes([self.slots[at], self.slots[at + 1]])
    }
}

fn fingerprint(hash: u64) -> u16 {
    (hash ^ (hash >> 32)) as u16
}

/// FNV-1a (RFC 9923), 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The finaliser of MurmurHash3.
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
