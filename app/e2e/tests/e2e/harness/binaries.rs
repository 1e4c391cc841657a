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

/// The programs below `folder`, where users may start them who cannot enter the folder they were built in.
pub fn linked(folder: &Path) -> PathBuf {
    let programs = folder.join("programs");
    std::fs::create_dir(&programs).unwrap();
    for name in ["mpanel", "mpanel-agent"] {
        let (from, to) = (self::folder().join(name), programs.join(name));
        // Where that is another file system, a copy does it too.
        if std::fs::hard_link(&from, &to).is_err() {
            std::fs::copy(&from, &to).unwrap();
        }
    }
    programs
}

/// The supervisor, the processes it runs and the command-line client are one program.
pub fn mpanel() -> PathBuf {
    folder().join("mpanel")
}
