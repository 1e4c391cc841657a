//! What files cost of a plan's disk space.

/// Bytes that a folder is charged, and the unit in which files are.
pub const BLOCK: u64 = 4096;

/// Bytes that a file is charged: its size in whole blocks, and one block at least, since an empty file takes an inode
/// and a name as well.
#[must_use]
pub const fn charge(size: u64) -> u64 {
    if size == 0 {
        BLOCK
    } else {
        size.div_ceil(BLOCK).saturating_mul(BLOCK)
    }
}
