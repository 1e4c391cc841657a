//! Places at which a test build can be made to die as if by `kill -9`:
//! `MPANEL_CRASH_AT=<kind>/<step>/<before|after|undo-before|undo-after>` (the step `finished` stands
//! for the end), once for each file named by `MPANEL_CRASH_MARKER`. Release builds have none of it.

#[cfg(debug_assertions)]
pub(crate) fn point(kind: &str, step: &str, moment: &str) {
    use std::path::PathBuf;
    use std::sync::LazyLock;

    static WHERE: LazyLock<Option<(String, PathBuf)>> = LazyLock::new(|| {
        Some((
            std::env::var("MPANEL_CRASH_AT").ok()?,
            std::env::var_os("MPANEL_CRASH_MARKER")?.into(),
        ))
    });
    let Some((wanted, marker)) = &*WHERE else { return };
    if *wanted != format!("{kind}/{step}/{moment}") {
        return;
    }
    // Made only by the first that comes here, so the next life gets past this place.
    if std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(marker)
        .is_ok()
    {
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn point(_kind: &str, _step: &str, _moment: &str) {}
