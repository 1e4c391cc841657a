//! What stands where in an archive. Anything else in one is refused.

use mpanel_archive::{Error, MemberPath};

pub const DATABASE: &str = "database";
pub const KEY: &str = "keys/master.key";
pub const CONFIG: &str = "config.toml";
pub const UPLOADS: &str = "blobs/uploads";
pub const SITES: &str = "sites";

/// What a member is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A piece of the dump, by its number.
    Database(u32),
    Key,
    Config,
    /// A file of `blobs/uploads`.
    Upload(&'a str),
    /// A file or folder below `sites`.
    Site(&'a str),
}

/// # Errors
/// When it is nothing that belongs into an archive of this format.
pub fn part(path: &MemberPath) -> Result<Part<'_>, Error> {
    let digits = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let found = match path.as_str() {
        KEY => Some(Part::Key),
        CONFIG => Some(Part::Config),
        _ => {
            let piece = path.below(DATABASE).filter(|number| digits(number));
            let upload = path.below(UPLOADS).filter(|name| id(name, "upl_"));
            let site = path
                .below(SITES)
                .filter(|below| id(below.split('/').next().unwrap_or_default(), "site_"));
            piece
                .and_then(|number| number.parse().ok())
                .map(Part::Database)
                .or(upload.map(Part::Upload))
                .or(site.map(Part::Site))
        }
    };
    found.ok_or_else(|| Error::Refused {
        member: path.to_string(),
        detail: "it is nothing that an installation has".to_owned(),
    })
}

/// Of a typed id: the prefix and 26 plain characters.
pub fn id(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|digits| digits.len() == 26 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
