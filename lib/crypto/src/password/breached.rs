//! Passwords that leaked (ASVS 6.2.12): a filter that is part of the program, so that no password and no part of one
//! ever leaves the machine, and a file of the operator's with more of them.
//!
//! The filter is a binary fuse filter with 16 bits an entry (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller
//! Than Xor Filters", 2022). It knows every password of its list and takes one of 65,536 others for one of them.
//! `cargo xtask passwords` makes it; `breached/README.md` says out of what.

mod filter;
mod hashes;

use std::sync::LazyLock;

use filter::Filter;
pub use hashes::HashFile;

static BYTES: &[u8] = include_bytes!("breached/filter.bin");

/// Whether the password is on the list that the program carries, in whatever case it is written.
#[must_use]
pub fn is_breached(password: &str) -> bool {
    static FILTER: LazyLock<Filter<'static>> =
        LazyLock::new(|| Filter::read(BYTES).expect("what xtask wrote is whole: a test reads it"));
    FILTER.contains(&password.to_lowercase())
}

#[cfg(test)]
pub(crate) use filter::Filter as TestFilter;
