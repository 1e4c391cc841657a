//! The programs that the tests drive: built before, beside the test's own.

use std::path::{Path, PathBuf};

/// The folder that holds `mpanel` and `mpanel-agent`: two above the test executable, where cargo puts binaries.
///
/// # Panics
/// When one is missing; the message says what to run.
pub fn folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap().to_owned();
    for name in ["mpanel", "mpanel-agent"] {
        assert!(
            folder.join(name).is_file(),
            "{} is missing: run `cargo build -p mpanel -p mpanel-agent` first (`cargo xtask test` does)",
            folder.join(name).display()
        );
    }
    folder
}

/// The supervisor, the processes it runs and the command-line client are one program.
pub fn mpanel() -> PathBuf {
    folder().join("mpanel")
}
