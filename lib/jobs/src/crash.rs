//! Places at which a test can hold a debug build, to kill whatever it wants while an operation stands exactly there.
//!
//! In the folder named by `MPANEL_HOLD_AT` the test makes a file
//! `<kind>,<step>,<before|after|failed|undo-before|undo-after>` (the step `finished` stands for the end). Whoever comes
//! to that place renames it to `<the same>.held`, and goes on once that file is gone: each file holds once. Release
//! builds have none of it.

/// `after` and `undo-after` are reached when there was no error; `failed` when the step had one.
#[cfg(debug_assertions)]
pub(crate) async fn point(kind: &str, step: &str, moment: &str) {
    use std::path::PathBuf;
    use std::sync::LazyLock;
    use std::time::Duration;

    static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| Some(std::env::var_os("MPANEL_HOLD_AT")?.into()));
    let Some(folder) = &*FOLDER else { return };
    let asked = folder.join(format!("{kind},{step},{moment}"));
    let held = folder.join(format!("{kind},{step},{moment}.held"));
    if std::fs::rename(asked, &held).is_ok() {
        while held.exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn point(_kind: &str, _step: &str, _moment: &str) -> std::future::Ready<()> {
    std::future::ready(())
}
