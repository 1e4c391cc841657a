//! Files that hold one 32-byte key as base64: created atomically with mode 0600, refused when others could read them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::{Error, fill_random};

/// A raw 256-bit key.
pub(crate) type KeyBytes = Zeroizing<[u8; 32]>;

/// Whether a key file was there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    Found,
    Created,
}

fn failure(path: &Path, reason: impl Into<String>) -> Error {
    Error::KeyFile {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

/// Reads the key at `path`, or writes the one `generate` makes. Two processes racing agree on one key.
pub(crate) fn load_or_create(path: &Path, generate: impl FnOnce() -> KeyBytes) -> Result<(KeyBytes, Origin), Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => return load(path).map(|key| (key, Origin::Found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failure(path, error.to_string())),
    }
    let created = create(path, &generate()).map_err(|error| failure(path, error.to_string()))?;
    Ok((load(path)?, if created { Origin::Created } else { Origin::Found }))
}

/// Reads a key file. The descriptor that is checked is the one that is read, so the file cannot be swapped between.
pub(crate) fn load(path: &Path) -> Result<KeyBytes, Error> {
    let fail = |error: io::Error| failure(path, error.to_string());
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_follow)
        .open(path)
        .map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    if !meta.is_file() {
        return Err(failure(path, "not a regular file"));
    }
    if meta.mode() & 0o077 != 0 {
        let mode = meta.mode() & 0o7777;
        return Err(failure(
            path,
            format!("mode {mode:04o} lets others in; it must be 0600 (chmod 600)"),
        ));
    }
    let me = rustix::process::geteuid();
    if !me.is_root() && meta.uid() != me.as_raw() {
        return Err(failure(
            path,
            format!("owned by uid {}, not by uid {}", meta.uid(), me.as_raw()),
        ));
    }
    let mut text = Zeroizing::new(String::with_capacity(128));
    file.take(128).read_to_string(&mut text).map_err(fail)?;
    parse(&text).map_err(|reason| failure(path, reason))
}

/// Reads the text of a key file.
pub(crate) fn parse(text: &str) -> Result<KeyBytes, &'static str> {
    let bytes = STANDARD
        .decode(text.trim())
        .map(Zeroizing::new)
        .map_err(|_| "not base64")?;
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| "not a 32-byte key")?;
    Ok(Zeroizing::new(key))
}

/// Writes a key where there is none; the same key that is there already is no error.
pub(crate) fn store(path: &Path, key: &KeyBytes) -> Result<(), Error> {
    let created = create(path, key).map_err(|error| failure(path, error.to_string()))?;
    if !created && *load(path)? != **key {
        return Err(failure(path, "another key is there"));
    }
    Ok(())
}

/// Writes a temporary file and links it to its name, which fails when the name exists: readers never see half a key.
/// What root makes belongs to whoever the folder belongs to, before it has its name: they could not read it otherwise.
/// Returns whether this call won the race.
fn create(path: &Path, key: &KeyBytes) -> io::Result<bool> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut suffix = [0u8; 8];
    fill_random(&mut suffix);
    let temporary = folder.join(format!(".key-{:016x}", u64::from_be_bytes(suffix)));
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        let text = Zeroizing::new(STANDARD.encode(key.as_slice()) + "\n");
        file.write_all(text.as_bytes())?;
        if rustix::process::geteuid().is_root() {
            let owner = fs::metadata(folder)?;
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        file.sync_all()?;
        match fs::hard_link(&temporary, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    })();
    let removed = fs::remove_file(&temporary);
    let won = written?;
    removed?;
    File::open(folder)?.sync_all()?;
    Ok(won)
}
