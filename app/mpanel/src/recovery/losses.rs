//! What is gone with a master key, said before anything is done about it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

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
