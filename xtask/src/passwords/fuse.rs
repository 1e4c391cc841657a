//! Builds the file that `lib/crypto/src/password/breached/filter.rs` reads and describes.

const SEEDS: u64 = 100;
const LARGEST_SEGMENT: u32 = 1 << 18;

/// Where the keys of a filter may lie.
struct Shape {
    segment: u32,
    starts: u32,
    slots: usize,
}

impl Shape {
    /// Sizes with which nearly every seed works (Graf and Lemire, 2022, section 4).
    fn of(keys: usize) -> Self {
        let n = keys.max(2) as f64;
        let segment = (1_u32 << ((n.ln() / 3.33_f64.ln() + 2.25).floor() as u32)).min(LARGEST_SEGMENT);
        let factor = (0.875 + 0.25 * 1e6_f64.ln() / n.ln()).max(1.125);
        let capacity = (n * factor).round() as u32;
        let segments = capacity.div_ceil(segment).saturating_sub(2).max(1);
        Self {
            segment,
            starts: segments * segment,
            slots: ((segments + 2) * segment) as usize,
        }
    }

    fn places(&self, hash: u64) -> [usize; 3] {
        let first = ((u128::from(hash) * u128::from(self.starts)) >> 64) as u32;
        let mask = self.segment - 1;
        [
            first,
            (first + self.segment) ^ ((hash >> 18) as u32 & mask),
            (first + 2 * self.segment) ^ (hash as u32 & mask),
        ]
        .map(|at| at as usize)
    }
}

/// The filter's file; `None` when no seed works, which does not happen to keys that differ.
pub fn build<'a>(keys: impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    let mut keys: Vec<u64> = keys.map(|key| fnv1a(key.as_bytes())).collect();
    keys.sort_unstable();
    keys.dedup();
    let shape = Shape::of(keys.len());
    (0..SEEDS).find_map(|seed| {
        let slots = place(&shape, &keys, seed)?;
        let mut file = b"mpbf1\0\0\0".to_vec();
        file.extend(seed.to_le_bytes());
        file.extend(shape.segment.to_le_bytes());
        file.extend((shape.starts / shape.segment).to_le_bytes());
        file.extend(slots.iter().flat_map(|slot| slot.to_le_bytes()));
        Some(file)
    })
}

/// Takes away, again and again, a key that is alone in some slot; in the reverse order each has a slot to itself, whose
/// value makes its three slots come to its fingerprint.
fn place(shape: &Shape, keys: &[u64], seed: u64) -> Option<Vec<u16>> {
    // How many keys lie in a slot, and all of them combined: of one that is alone, it itself.
    let mut slots = vec![(0_u32, 0_u64); shape.slots];
    for key in keys {
        let hash = mix(key.wrapping_add(seed));
        for at in shape.places(hash) {
            slots[at].0 += 1;
            slots[at].1 ^= hash;
        }
    }
    let mut alone: Vec<usize> = (0..shape.slots).filter(|at| slots[*at].0 == 1).collect();
    let mut order = Vec::with_capacity(keys.len());
    while let Some(at) = alone.pop() {
        let (1, hash) = slots[at] else { continue };
        order.push((at, hash));
        for other in shape.places(hash) {
            slots[other].0 -= 1;
            slots[other].1 ^= hash;
            if slots[other].0 == 1 {
                alone.push(other);
            }
        }
    }
    if order.len() < keys.len() {
        return None;
    }
    let mut values = vec![0_u16; shape.slots];
    for (at, hash) in order.into_iter().rev() {
        let others = shape.places(hash).into_iter().filter(|other| *other != at);
        values[at] = others.fold((hash ^ (hash >> 32)) as u16, |rest, other| rest ^ values[other]);
    }
    Some(values)
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
