use std::io;

/// What is wrong with an archive, or with reading and writing it. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("this is no archive of mPanel: {0}")]
    Foreign(&'static str),
    #[error("the archive has format {0}, which only a newer mPanel reads")]
    Newer(u32),
    #[error("the archive is sealed: give the passphrase or an identity file")]
    Sealed,
    #[error("the archive does not open with this passphrase or identity")]
    WrongKey,
    #[error("unusable {what}: {detail}")]
    Key { what: &'static str, detail: String },
    #[error("the archive is damaged at {member}: {detail}")]
    Damaged { member: String, detail: String },
    #[error("{member} is not what was backed up: its SHA-256 is another")]
    Sum { member: String },
    #[error("the archive ends too early, after {member}: it was cut off, or never finished")]
    Incomplete { member: String },
    #[error("{member} has no place in an archive: {detail}")]
    Refused { member: String, detail: String },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl Error {
    pub(crate) fn refused(member: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Refused {
            member: member.into(),
            detail: detail.into(),
        }
    }
}

/// Names what was being done, which an `io::Error` does not.
pub(crate) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io { what: what(), source })
    }
}
