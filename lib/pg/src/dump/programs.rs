use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{DumpError, Target};
use crate::server;

/// The folder of the newest installed programs, which read every older server.
pub(super) fn newest(needed: u32) -> Result<PathBuf, DumpError> {
    let installed = server::installed(None)?;
    let Some(newest) = installed.into_iter().next() else {
        return Err(DumpError::OldPrograms { installed: 0, needed });
    };
    if newest.major < needed {
        return Err(DumpError::OldPrograms {
            installed: newest.major,
            needed,
        });
    }
    Ok(newest.bin)
}

/// Starts it with all streams piped; where the database is goes by environment, which only its own user and root can read.
pub(super) fn start(
    bin: &Path,
    program: &'static str,
    arguments: &[&str],
    target: &Target,
) -> Result<Child, DumpError> {
    let path = bin.join(program);
    Command::new(&path)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .envs(target.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir("/")
        .spawn()
        .map_err(|source| DumpError::Io {
            what: format!("starting {}", path.display()),
            source,
        })
}

/// Waits for its end and judges it.
pub(super) fn finish(child: &mut Child, program: &'static str) -> Result<(), DumpError> {
    let io = |what: &str| {
        let what = format!("{what} {program}");
        move |source| DumpError::Io { what, source }
    };
    let mut text = String::new();
    if let Some(stderr) = child.stderr.take() {
        // Its complaints are few; what is more is no news.
        stderr
            .take(64 << 10)
            .read_to_string(&mut text)
            .map_err(io("listening to"))?;
    }
    let status = child.wait().map_err(io("waiting for"))?;
    if status.success() {
        return Ok(());
    }
    Err(DumpError::Failed {
        program,
        status: status.to_string(),
        text: text.trim().to_owned(),
    })
}
