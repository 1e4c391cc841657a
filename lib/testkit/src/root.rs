//! Tests of what only root can do.

use mpanel_process::account;

/// Says that a test run without root is meant; see [`here_or_excused`].
const EXCUSE: &str = "MPANEL_TEST_UNPRIVILEGED";

/// Whether this process is root. To be asked first by a test that only root can run; `why` is told where it is skipped.
///
/// # Panics
/// As an ordinary user, unless `MPANEL_TEST_UNPRIVILEGED=1` says that this is meant: a test that silently tests nothing is worse than
/// one that fails.
#[must_use]
pub fn here_or_excused(why: &str) -> bool {
    if account::is_root() {
        return true;
    }
    let excused = std::env::var_os(EXCUSE).is_some_and(|value| value == "1");
    assert!(
        excused,
        "only root can run this test ({why}): run it as root, or set {EXCUSE}=1 to skip it"
    );
    eprintln!("skipped, since this is not root: {why}");
    false
}
