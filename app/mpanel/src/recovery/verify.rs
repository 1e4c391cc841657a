//! `mpanel backup verify`, and the first reading of every restore.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, ensure};
use mpanel_archive::{Error, Head, Member, Opening, Summary, Visitor};
use mpanel_pg::dump::{Load, Snapshot, Target, adopt};
use mpanel_pg::server::{self, Limits};
use mpanel_server::recovery;
use serde_json::json;

use super::args::Verify;
use super::layout::{self, Part};
use super::losses::told_missing;
use super::progress::{Progress, size};
use super::seal;
use super::unpack::{check_folder, out_of_order};
use crate::up::accounts;

pub async fn run(args: &Verify) -> anyhow::Result<()> {
    let opening = seal::opening(&args.file, &args.opener)?;
    let checked = check(&args.file, &opening)?;
    let Summary { head, files, bytes, .. } = &checked.summary;
    if args.deep {
        let scratch = args.scratch.clone().unwrap_or_else(std::env::temp_dir);
        deep(&args.file, &opening, head, &scratch).await?;
    }
    if args.json {
        let answer = json!({
            "file": args.file, "whole": true, "deep": args.deep, "files": files, "bytes": bytes,
            "database_bytes": checked.database, "head": head,
        });
        return crate::installation::print(&answer.to_string());
    }
    let loaded = if args.deep {
        "; its database was loaded and has every row"
    } else {
        ""
    };
    if let Some(missing) = told_missing(&head.missing) {
        eprint!("mpanel: {missing}");
    }
    crate::installation::print(&format!(
        "whole: {files} files, {}, of {} at {} (mPanel {}){loaded}",
        size(*bytes),
        head.origin.installation,
        head.created_at,
        head.version
    ))
}

/// An archive that was read to its end.
pub struct Checked {
    pub summary: Summary,
    /// Bytes of the dump.
    pub database: u64,
    pub has_key: bool,
}

/// Reads everything and writes nothing.
///
/// # Errors
/// The first thing wrong, with the member it is about.
pub fn check(file: &Path, opening: &Opening) -> anyhow::Result<Checked> {
    let mut checker = Checker {
        pieces: 0,
        database: 0,
        has_key: false,
        bytes: 0,
        files: 0,
        progress: Progress::new("checking"),
    };
    let summary = mpanel_archive::read(seal::open(file)?, opening, &mut checker)
        .with_context(|| format!("{} is not usable", file.display()))?;
    ensure!(
        checker.pieces > 0,
        "{} is not usable: there is no database in it",
        file.display()
    );
    Ok(Checked {
        summary,
        database: checker.database,
        has_key: checker.has_key,
    })
}

struct Checker {
    pieces: u32,
    database: u64,
    has_key: bool,
    bytes: u64,
    files: u64,
    progress: Progress,
}

impl Visitor for Checker {
    fn head(&mut self, _: &Head) -> Result<(), Error> {
        Ok(())
    }

    fn folder(&mut self, member: &Member) -> Result<(), Error> {
        check_folder(member)
    }

    fn file(&mut self, member: &Member, _: &mut dyn Read) -> Result<(), Error> {
        let bytes = match member.kind {
            mpanel_archive::Kind::File(bytes) => bytes,
            mpanel_archive::Kind::Folder => 0,
        };
        match layout::part(&member.path)? {
            Part::Database(number) if number != self.pieces => return Err(out_of_order(member)),
            Part::Database(_) => {
                self.pieces += 1;
                self.database += bytes;
            }
            Part::Key => self.has_key = true,
            Part::Config | Part::Upload(_) | Part::Site(_) => {}
        }
        self.files += 1;
        self.bytes += bytes;
        self.progress.at(self.bytes, self.files);
        Ok(())
    }
}

/// Loads the database into a PostgreSQL of its own and counts its rows. The archive may be anybody's: as root all of that runs as an
/// account of its own, and its statements as a role that is no superuser.
///
/// # Errors
/// When the database cannot be loaded, or is another than the archive says.
pub async fn deep(file: &Path, opening: &Opening, head: &Head, scratch: &Path) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("mpanel-verify-")
        .tempdir_in(scratch)
        .with_context(|| format!("making a folder in {}", scratch.display()))?;
    let options = scratch_server(folder.path())?;
    let server = server::start(&options).await?;
    let loaded = load(file, opening, head, &Target::private(&options)).await;
    server
        .stop(Limits {
            fast: std::time::Duration::from_secs(5),
            ..Limits::default()
        })
        .await?;
    loaded
}

/// A PostgreSQL that is thrown away.
pub fn scratch_server(folder: &Path) -> anyhow::Result<server::Options> {
    let of = |name: &str| folder.join(name);
    let mut options = server::Options::new(of("postgres"), of("socket"), of("conf"), of("log"));
    options.account = accounts::scratch()?;
    if options.account.is_some() {
        // The server's account passes through; only root lists.
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    }
    options.tuning.durable = false;
    options.dies_with_thread = true;
    Ok(options)
}

async fn load(file: &Path, opening: &Opening, head: &Head, target: &Target) -> anyhow::Result<()> {
    let mut loader = Loader(Load::start(target, head.postgres)?);
    mpanel_archive::read(seal::open(file)?, opening, &mut loader)?;
    loader
        .0
        .finish()
        .context("the database of the archive cannot be loaded")?;
    adopt(target.options()).await?;
    compare(target, head).await
}

/// Every table has as many rows as when the backup was made.
///
/// # Errors
/// The first table that has not.
pub async fn compare(target: &Target, head: &Head) -> anyhow::Result<()> {
    let mut snapshot = Snapshot::open(target.options()).await?;
    let rows = snapshot.rows().await?;
    for (table, expected) in &head.rows {
        let found = rows.get(table).copied().unwrap_or(-1);
        ensure!(
            found == *expected,
            "the table {table} has {found} rows and had {expected} when the backup was made"
        );
    }
    ensure!(
        recovery::installation(&mut snapshot).await?.map(|id| id.to_string()) == Some(head.origin.installation.clone()),
        "the database is another installation's than the archive says"
    );
    Ok(())
}

struct Loader(Load);

impl Visitor for Loader {
    fn head(&mut self, _: &Head) -> Result<(), Error> {
        Ok(())
    }

    fn folder(&mut self, _: &Member) -> Result<(), Error> {
        Ok(())
    }

    fn file(&mut self, member: &Member, content: &mut dyn Read) -> Result<(), Error> {
        if let Part::Database(_) = layout::part(&member.path)? {
            std::io::copy(content, &mut self.0).map_err(|source| Error::Io {
                what: "loading the database".to_owned(),
                source,
            })?;
        }
        Ok(())
    }
}
