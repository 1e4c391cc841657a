//! A folder as a `.tar.gz`: the same bytes each time, so that an interrupted upload of it can go on.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::failure::Failure;

/// What was packed.
#[derive(Debug)]
pub struct Packed {
    /// Without a name, gone with the process.
    pub file: File,
    pub size: u64,
    pub files: usize,
    /// Hidden files left out.
    pub hidden: usize,
}

/// Packs the files below a folder. Hidden ones, such as `.git`, stay at home; `.well-known` does not.
///
/// # Errors
/// When a file cannot be read, is a link or a device, or there are none.
pub fn pack(folder: &Path) -> Result<Packed, Failure> {
    let mut found = Found::default();
    walk(folder, &PathBuf::new(), &mut found)?;
    if found.files.is_empty() {
        return Err(Failure::Invalid(format!(
            "{}: there are no files in it",
            folder.display()
        )));
    }
    let file = tempfile::tempfile()?;
    let compressor = GzEncoder::new(BufWriter::new(file), Compression::default());
    let mut archive = Builder::new(compressor);
    for name in &found.files {
        append(&mut archive, folder, name)?;
    }
    let mut file = archive
        .into_inner()?
        .finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.flush()?;
    let size = file.stream_position()?;
    file.rewind()?;
    Ok(Packed {
        file,
        size,
        files: found.files.len(),
        hidden: found.hidden,
    })
}

#[derive(Debug, Default)]
struct Found {
    /// Relative to the folder, in order.
    files: Vec<PathBuf>,
    hidden: usize,
}

fn walk(root: &Path, below: &Path, found: &mut Found) -> Result<(), Failure> {
    let folder = root.join(below);
    let unreadable = |error: io::Error| Failure::Invalid(format!("{}: {error}", folder.display()));
    let mut entries = fs::read_dir(&folder)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let path = below.join(&name);
        let Some(text) = name.to_str() else {
            return Err(Failure::Invalid(format!("{}: the name is not UTF-8", path.display())));
        };
        if text.starts_with('.') && text != ".well-known" {
            found.hidden += 1;
            continue;
        }
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            walk(root, &path, found)?;
        } else if kind.is_file() {
            found.files.push(path);
        } else {
            let what = if kind.is_symlink() {
                "a symbolic link"
            } else {
                "no file"
            };
            return Err(Failure::Invalid(format!(
                "{}: {what}; a website is made of files",
                path.display()
            )));
        }
    }
    Ok(())
}

fn append<W: Write>(archive: &mut Builder<W>, root: &Path, name: &Path) -> Result<(), Failure> {
    let unreadable = |error: io::Error| Failure::Invalid(format!("{}: {error}", name.display()));
    let file = File::open(root.join(name)).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let modified = metadata
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let mut header = Header::new_gnu();
    header.set_size(metadata.len());
    header.set_mode(0o644);
    header.set_mtime(modified.map_or(0, |since| since.as_secs()));
    // As much as the header says, even when the file is growing; less would shift everything after it.
    let mut bytes = BufReader::new(file).take(metadata.len());
    archive.append_data(&mut header, name, &mut bytes).map_err(unreadable)?;
    if bytes.limit() > 0 {
        return Err(Failure::Invalid(format!(
            "{}: it is being changed while it is read",
            name.display()
        )));
    }
    Ok(())
}
