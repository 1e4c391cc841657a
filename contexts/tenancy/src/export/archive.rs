//! The archive that is being written.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _};

use mpanel_archive::{Error, Owner, Writer};
use serde_json::Value;
use tokio::task::spawn_blocking;

const OWNER: Owner = Owner { uid: 0, mode: 0o600 };
const MANIFEST: &str = "manifest.json";

pub struct Archive {
    writer: Writer<BufWriter<File>>,
    /// The same file, to look at how large it is.
    file: File,
    /// Members so far.
    pub files: u64,
}

impl Archive {
    /// Into an empty file.
    pub async fn begin(file: File) -> Result<Self, Error> {
        off(move || {
            Ok(Self {
                writer: Writer::bare(BufWriter::new(file.try_clone().map_err(failed)?))?,
                file,
                files: 0,
            })
        })
        .await
    }

    /// Bytes on the disk so far.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Adds a file that was written from its beginning.
    pub async fn add(mut self, path: String, mut file: File) -> Result<Self, Error> {
        off(move || {
            file.rewind().map_err(failed)?;
            let size = file.metadata().map_err(failed)?.len();
            self.writer.file(&path, OWNER, size, &mut file)?;
            self.files += 1;
            Ok(self)
        })
        .await
    }

    /// Adds the manifest, and brings all to the disk; the archive's size.
    pub async fn finish(mut self, manifest: Value) -> Result<u64, Error> {
        off(move || {
            self.writer
                .bytes(MANIFEST, OWNER, format!("{manifest:#}\n").as_bytes())?;
            self.writer.finish()?;
            self.file.sync_all().map_err(failed)?;
            Ok(self.file.metadata().map_err(failed)?.len())
        })
        .await
    }
}

fn failed(source: io::Error) -> Error {
    Error::Io {
        what: "writing the archive".to_owned(),
        source,
    }
}

async fn off<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(failed(io::Error::other(error))))
}
