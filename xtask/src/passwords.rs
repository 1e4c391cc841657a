//! `cargo xtask passwords`: makes the filter of leaked passwords that `lib/crypto` carries. The same lists give the same
//! file to the byte; which they are says the README beside it.

mod fuse;

use anyhow::{Context as _, Result, bail};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

const USAGE: &str = "usage: cargo xtask passwords OUTPUT (--all LIST | --most NUMBER LIST)…";
/// Shorter ones are refused anyway.
const LEAST_CHARS: usize = 8;
/// What is committed must not grow past this.
const MOST_BYTES: usize = 1_000_000;

/// # Errors
/// When a list cannot be read, or the filter would be too large.
pub fn run(args: &[String]) -> Result<()> {
    let (output, mut rest) = args.split_first().context(USAGE)?;
    let mut kept: HashSet<String> = HashSet::new();
    while let Some((option, more)) = rest.split_first() {
        let (most, list);
        (most, list, rest) = match (option.as_str(), more) {
            ("--all", [list, more @ ..]) => (usize::MAX, list, more),
            ("--most", [number, list, more @ ..]) => (number.parse().context(USAGE)?, list, more),
            _ => bail!(USAGE),
        };
        let before = kept.len();
        read(Path::new(list), most, &mut kept)?;
        println!("{list}: {} passwords that no list before it has", kept.len() - before);
    }
    let filter = fuse::build(kept.iter().map(String::as_str)).context("no seed places all keys")?;
    if filter.len() > MOST_BYTES {
        bail!(
            "{} bytes are more than {MOST_BYTES}: keep fewer passwords",
            filter.len()
        );
    }
    fs::write(output, &filter).with_context(|| output.clone())?;
    println!("{output}: {} passwords in {} bytes", kept.len(), filter.len());
    Ok(())
}

/// The first `most` passwords of a list that are long enough, in lower case. A few of each list are no UTF-8; nobody
/// types what they have become.
fn read(list: &Path, most: usize, kept: &mut HashSet<String>) -> Result<()> {
    let bytes = fs::read(list).with_context(|| list.display().to_string())?;
    let text = String::from_utf8_lossy(&bytes);
    let words = text.lines().filter(|word| word.chars().count() >= LEAST_CHARS);
    kept.extend(words.take(most).map(str::to_lowercase));
    Ok(())
}

#[cfg(test)]
mod tests;
