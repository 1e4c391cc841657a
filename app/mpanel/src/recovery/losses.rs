//! What is gone: with a master key, said before anything is done about it; from the data folder, before it was backed up.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mpanel_archive::Missing;
use mpanel_server::recovery;

/// The list for the person who decides, from how many values there are of each sealed column.
pub fn told(counts: &BTreeMap<String, i64>) -> String {
    let mut text = String::from("Without the master key this is lost:\n");
    let mut some = false;
    for column in recovery::sealed() {
        let count = counts.get(&format!("{}.{}", column.table, column.column)).copied();
        if count == Some(0) {
            continue;
        }
        some = true;
        // An archive of an older version does not count what that version did not seal.
        let count = count.map_or_else(|| "some".to_owned(), |count| count.to_string());
        let _infallible = writeln!(text, "  {count:>6} {}\n         {}", column.what, column.lost);
    }
    if !some {
        text.push_str("  nothing: no value was sealed under it yet\n");
    }
    text.push_str(
        "Also the key of this machine's edge is made anew, and everybody has to sign in again. What is not listed is not sealed: \
         customers, sites, zones, accounts and passwords stay as they are.\n",
    );
    text
}

/// Releases that a terminal is told of by name.
const NAMED: usize = 20;

/// Which releases an archive knows and has no files of, on lines of their own; `None` when it has all.
pub fn told_missing(missing: &Missing) -> Option<String> {
    if missing.count == 0 {
        return None;
    }
    let mut text = format!(
        "{} releases have lost their files, and the archive is without them:\n",
        missing.count
    );
    let named = missing.releases.iter().take(NAMED);
    for release in named.clone() {
        let _infallible = writeln!(text, "  {release}");
    }
    let more = missing.count.saturating_sub(named.len() as u64);
    if more > 0 {
        let _infallible = writeln!(text, "  and {more} more");
    }
    Some(text)
}

#[cfg(test)]
mod tests;
