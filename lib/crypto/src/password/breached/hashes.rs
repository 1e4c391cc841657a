use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::HEXUPPER;

/// A file in the format of "Pwned Passwords, ordered by hash": lines of the SHA-1 of a password in upper-case
/// hexadecimal, a colon and a number, sorted. It may have many gigabytes; a look-up reads some thirty lines of it.
#[derive(Debug)]
pub struct HashFile {
    file: File,
    len: u64,
}

const DIGITS: usize = 40;
/// No line is longer, or the file is none of these.
const LINE: usize = 128;

impl HashFile {
    /// # Errors
    /// When it cannot be read, or its first line is none of that format.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let opened = Self { file, len };
        opened.line_at(0)?;
        Ok(opened)
    }

    /// Whether the password's hash is in the file. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// When it cannot be read, or a line on the way is none of that format.
    pub fn contains(&self, password: &str) -> io::Result<bool> {
        let wanted = HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref());
        // Lines that begin in [low, high) may be the one.
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let (start, hash, end) = self.line_at(low.midpoint(high))?;
            match hash.as_slice().cmp(wanted.as_bytes()) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = end,
                std::cmp::Ordering::Greater => high = start,
            }
        }
        Ok(false)
    }

    /// The line that the byte at `at` belongs to: where it begins, its hash, and where the next one begins.
    fn line_at(&self, at: u64) -> io::Result<(u64, [u8; DIGITS], u64)> {
        let from = at.saturating_sub(LINE as u64);
        let mut around = [0; 2 * LINE];
        let mut filled = 0;
        while filled < around.len() {
            match self.file.read_at(&mut around[filled..], from + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        let around = &around[..filled];
        let here = usize::try_from(at - from).unwrap_or(LINE);
        let start = around[..here.min(filled)]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |n| n + 1);
        let end = around[start..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(filled, |n| start + n);
        let line = around[start..end].trim_ascii_end();
        let hash = line.first_chunk::<DIGITS>().filter(|hash| hash.iter().all(is_digit));
        let named = line.get(DIGITS).is_none_or(|next| *next == b':');
        let hash = hash
            .filter(|_| named && (start > 0 || from == 0))
            .ok_or_else(not_that_format)?;
        Ok((from + start as u64, *hash, from + end as u64 + 1))
    }
}

fn is_digit(byte: &u8) -> bool {
    byte.is_ascii_digit() || (b'A'..=b'F').contains(byte)
}

fn not_that_format() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "not a list of passwords' hashes: lines are the SHA-1 in upper-case hexadecimal, a colon and a number, sorted",
    )
}
