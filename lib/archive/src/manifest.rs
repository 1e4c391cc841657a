use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The format that this version writes, and the newest it reads.
pub const FORMAT: u32 = 1;

pub(crate) const HEAD: &str = "mpanel-backup.json";
pub(crate) const SUMS: &str = "SHA256SUMS";
pub(crate) const END: &str = "end.json";

/// What an archive is of. It stands first, so that nothing has to be unpacked to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub format: u32,
    /// Of the mPanel that wrote it.
    pub version: String,
    pub created_at: Timestamp,
    pub origin: Origin,
    /// PostgreSQL's major version.
    pub postgres: u32,
    /// By schema, the names of the migrations applied, in order.
    pub migrations: BTreeMap<String, Vec<String>>,
    /// Rows of every table (`schema.table`) at the moment that the archive shows.
    pub rows: BTreeMap<String, i64>,
    pub keys: KeyNote,
    /// How many values only the master key opens, by `schema.table.column`.
    pub sealed: BTreeMap<String, i64>,
    /// Settings that stood elsewhere than in the file that is in the archive; secrets by name only.
    pub settings: BTreeMap<String, String>,
    /// What the archive's database knows and its files have not, because nobody had them any more.
    #[serde(default)]
    pub missing: Missing,
}

/// Releases without files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub count: u64,
    /// The first of them, as `site_…/rel_…`.
    pub releases: Vec<String>,
}

/// The installation that was backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The platform's tenant id: it stays the same for the life of an installation, wherever it moves.
    pub installation: String,
    pub data: String,
    /// All its processes were one user.
    pub rootless: bool,
    /// Its database was not the private one.
    pub remote_database: bool,
}

/// What the archive has of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNote {
    /// Whether the master key is in the archive.
    pub included: bool,
    /// The master key's id, which does not tell the key; null when there was none to be read.
    pub master: Option<String>,
}

/// The last member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    /// SHA-256 of `SHA256SUMS`.
    pub sums: String,
    pub files: u64,
    pub folders: u64,
    pub bytes: u64,
}

impl Head {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } =
            serde_json::from_slice(json).map_err(|_| Error::Foreign("its first member is no head"))?;
        if format > FORMAT {
            return Err(Error::Newer(format));
        }
        serde_json::from_slice(json).map_err(|error| Error::Damaged {
            member: HEAD.to_owned(),
            detail: error.to_string(),
        })
    }
}
