use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::message::compose;
use crate::{Mail, MailError, Mailer, Sender};

/// Writes each mail into a folder as `mail_….eml`, readable by the panel's own user alone, as its links are keys.
pub struct FileMailer {
    folder: PathBuf,
    from: Sender,
}

impl FileMailer {
    #[must_use]
    pub fn new(folder: PathBuf, from: Sender) -> Self {
        Self { folder, from }
    }
}

#[async_trait]
impl Mailer for FileMailer {
    fn transport(&self) -> &'static str {
        "file"
    }

    fn delivers(&self) -> bool {
        false
    }

    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let bytes = compose(mail, &self.from)?.formatted();
        let path = self.folder.join(format!("{}.eml", mail.id));
        let written = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || write(&path, &bytes)).await
        };
        match written {
            Ok(Ok(())) => {
                // No address and no link: who may read the log may not read the mail.
                tracing::info!(path = %path.display(), "mail written to a file; set mail.transport to send it");
                Ok(format!("written to {}", path.display()))
            }
            Ok(Err(error)) => Err(MailError::Temporary(format!("{}: {error}", path.display()))),
            Err(_) => Err(MailError::Temporary("the server is stopping".to_owned())),
        }
    }
}

/// In one step: whoever looks sees the whole mail or none of it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let partial = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}
