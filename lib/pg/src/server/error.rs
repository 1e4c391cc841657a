use std::io;
use std::path::PathBuf;

use super::binaries::MINIMUM;

/// Why the private server could not be set up, started or stopped. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(
        "no PostgreSQL {MINIMUM} or newer found (looked in {}); install it (Debian: apt-get install postgresql) or set MPANEL_PG_BIN to the folder with `postgres` and `initdb`",
        .searched.join(", ")
    )]
    NotInstalled { searched: Vec<String> },
    #[error(
        "{} was made by PostgreSQL {data}, and only {} is installed: install PostgreSQL {data} again, or upgrade the folder with pg_upgrade",
        .path.display(), list(.installed)
    )]
    WrongVersion {
        path: PathBuf,
        data: u32,
        installed: Vec<u32>,
    },
    #[error("{} holds files but no PostgreSQL cluster: move them away or choose another data folder", .path.display())]
    NotACluster { path: PathBuf },
    #[error("{} belongs to uid {owner}, but PostgreSQL runs as {account} (uid {uid}): give it back with chown -R, or start as its owner", .path.display())]
    ForeignOwner {
        path: PathBuf,
        owner: u32,
        account: String,
        uid: u32,
    },
    #[error("uid {uid} has no entry in /etc/passwd, which PostgreSQL needs: add one or start as another user")]
    NoAccount { uid: u32 },
    #[error("PostgreSQL refuses to run as root: name an account for it")]
    Root,
    #[error("the path {} cannot stand in PostgreSQL's configuration or is longer than the {max} bytes a Unix socket allows", .path.display())]
    BadPath { path: PathBuf, max: usize },
    #[error("no space left for PostgreSQL in {}: {free_mib} MiB are free, {needed_mib} MiB needed", .path.display())]
    DiskFull {
        path: PathBuf,
        free_mib: u64,
        needed_mib: u64,
    },
    #[error("setting up the cluster failed ({exit}): {log}")]
    Init { exit: String, log: String },
    #[error("PostgreSQL did not start ({exit}): {log}")]
    Start { exit: String, log: String },
    #[error("PostgreSQL (pid {pid}) runs but accepts no connection: {source}")]
    NotReady { pid: u32, source: sqlx::Error },
    #[error("left-over server processes do not end: {}", list(.pids))]
    Orphans { pids: Vec<u32> },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("preparing roles and database: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("preparing roles: {0}")]
    Bootstrap(#[from] crate::Error),
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// Names what was being done, which an `io::Error` does not.
pub(super) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            what: what(),
            source: source.into(),
        })
    }
}
