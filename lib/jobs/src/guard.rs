/// So many may always go: a share of a small number means nothing.
const ALWAYS: usize = 10;
/// One in so many of the rest.
const SHARE: usize = 20;

/// A pass wanted to delete so much that it is more likely to be wrong than right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pass would delete {deleting} of {total} {what}, more than one in {SHARE}; it has deleted none and needs a look"
)]
pub struct TooManyDeletes {
    /// What it deletes, in the plural: `site folders`.
    pub what: &'static str,
    pub total: usize,
    pub deleting: usize,
}

/// Whether a pass may delete `deleting` of the `total` that exist: at most 5 %, or ten. To be asked
/// before the first one goes; the error is the pass's own error.
///
/// # Errors
/// [`TooManyDeletes`]: nothing must be deleted then.
pub fn deletes_allowed(what: &'static str, total: usize, deleting: usize) -> Result<(), TooManyDeletes> {
    if deleting <= ALWAYS || deleting * SHARE <= total {
        Ok(())
    } else {
        Err(TooManyDeletes { what, total, deleting })
    }
}
