//! What a restore is about to do, decided and said before it does anything.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use mpanel_archive::Head;
use mpanel_crypto::MasterKey;
use mpanel_pg::server;
use mpanel_process::account;
use mpanel_server::recovery;
use serde::Serialize;

use crate::recovery::args::Restore;
use crate::recovery::progress::size;
use crate::recovery::verify::Checked;

/// Of a loaded database beside its dump: indexes, the write-ahead log, room to work.
const DATABASE_FACTOR: u64 = 3;
const RESERVE: u64 = 256 << 20;

/// Where the master key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    Archive,
    /// A file that the operator names.
    Given,
    /// Nowhere: new ones are made.
    Lost,
}

pub struct Plan {
    file: PathBuf,
    data: PathBuf,
    head: Head,
    pub keys: Keys,
    /// Migrations that the archive's database lacks.
    behind: usize,
    files: u64,
    bytes: u64,
    remote: bool,
    revokes: bool,
}

impl Plan {
    /// # Errors
    /// When the archive cannot be restored by this version, on this machine or with these options.
    pub fn new(args: &Restore, file: &Path, data: &Path, checked: &Checked, remote: bool) -> anyhow::Result<Self> {
        let head = &checked.summary.head;
        let behind = behind(head)?;
        let installed = server::installed(None)?.first().map_or(0, |newest| newest.major);
        ensure!(
            installed >= head.postgres,
            "the archive is of a database of PostgreSQL {}, and the newest one installed here is {installed}: install PostgreSQL {}",
            head.postgres,
            head.postgres
        );
        space(data, checked)?;
        Ok(Self {
            file: file.to_owned(),
            data: data.to_owned(),
            head: head.clone(),
            keys: keys(args, checked)?,
            behind,
            files: checked.summary.files,
            bytes: checked.summary.bytes,
            remote,
            revokes: args.revoke_tokens,
        })
    }

    /// For the person who decides.
    pub fn told(&self, again: bool) -> String {
        let head = &self.head;
        let rows = |table: &str| head.rows.get(table).copied().unwrap_or(0);
        let mut text = String::new();
        let mut line = |what: &str, value: String| {
            let _infallible = writeln!(text, "{what:<14} {value}");
        };
        line(
            "archive",
            format!("{} ({} files, {})", self.file.display(), self.files, size(self.bytes)),
        );
        line("made", format!("{} by mPanel {}", head.created_at, head.version));
        line("of", format!("{} in {}", head.origin.installation, head.origin.data));
        line(
            "holds",
            format!(
                "{} tenants, {} accounts, {} sites, {} zones",
                rows("tenancy.tenants"),
                rows("identity.users"),
                rows("sites.sites"),
                rows("dns.zones")
            ),
        );
        line("into", self.data.display().to_string());
        if again {
            line(
                "",
                "what a restore that was cut short has left there is removed first".to_owned(),
            );
        }
        let database = match (self.remote, self.behind) {
            (true, _) => "the one that --database-url names".to_owned(),
            (false, _) => "a private PostgreSQL".to_owned(),
        };
        line("database", database);
        if self.behind > 0 {
            line("", format!("brought up to this version by {} migrations", self.behind));
        }
        line(
            "master key",
            match self.keys {
                Keys::Archive => "from the archive".to_owned(),
                Keys::Given => "from the file that --key names".to_owned(),
                Keys::Lost => "lost; a new one is made".to_owned(),
            },
        );
        let users = match (account::is_root(), head.origin.rootless) {
            (true, _) => "every site's files to the user of the site, the rest to mPanel's own accounts",
            (false, true) => "everything to this user, as before",
            (false, false) => {
                "everything to this user, as only root can give files away: nothing separates sites from one another"
            }
        };
        line("owners", users.to_owned());
        line(
            "ends",
            "every session, every invitation and link that was mailed, every leave to act for another tenant"
                .to_owned(),
        );
        let tokens = format!(
            "{} API tokens, {} service accounts",
            rows("identity.api_tokens"),
            rows("identity.service_accounts")
        );
        if self.revokes {
            line("revokes", format!("{tokens} (which stay, without any token)"));
        } else {
            line("KEEPS", tokens);
            line(
                "",
                "also those that were revoked since: give --revoke-tokens when any was stolen or its owner has left"
                    .to_owned(),
            );
        }
        line(
            "",
            "passwords are those of the backup, also where they were changed since".to_owned(),
        );
        for (key, value) in &head.settings {
            line(
                "set yourself",
                format!("{key} = {value} (the archive's configuration file is without it)"),
            );
        }
        text
    }
}

/// How many migrations this version has that the archive's lacks.
///
/// # Errors
/// When the archive has some that this version lacks.
pub fn behind(head: &Head) -> anyhow::Result<usize> {
    let known = recovery::migrations();
    for (schema, names) in &head.migrations {
        for name in names {
            ensure!(
                known.get(schema).is_some_and(|known| known.contains(name)),
                "the archive was made by a newer mPanel ({}; it has the migration {schema}/{name}, which {} does not know): install \
                 that version, or a later one",
                head.version,
                env!("CARGO_PKG_VERSION")
            );
        }
    }
    let lacks = |(schema, names): (&String, &Vec<String>)| {
        let has = head.migrations.get(schema);
        names
            .iter()
            .filter(|name| !has.is_some_and(|has| has.contains(name)))
            .count()
    };
    Ok(known.iter().map(lacks).sum())
}

fn keys(args: &Restore, checked: &Checked) -> anyhow::Result<Keys> {
    let note = &checked.summary.head.keys;
    if args.keys_lost {
        return Ok(Keys::Lost);
    }
    if let Some(file) = &args.key {
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let id = MasterKey::id_of(&text).with_context(|| format!("{} holds no master key", file.display()))?;
        ensure!(
            note.master.as_ref().is_none_or(|wanted| *wanted == id.to_string()),
            "{} holds the key {id}, and the archive is sealed under {}",
            file.display(),
            note.master.as_deref().unwrap_or_default()
        );
        return Ok(Keys::Given);
    }
    if checked.has_key {
        return Ok(Keys::Archive);
    }
    bail!(
        "the archive is without the master key{}: name the file where you keep it by --key, or, if there is none, give --keys-lost, \
         which says what is lost before it does anything",
        note.master.as_ref().map(|id| format!(" {id}")).unwrap_or_default()
    )
}

/// The folder is filled with what is known by now to be in the archive, so that a bomb does not fill it.
fn space(data: &Path, checked: &Checked) -> anyhow::Result<()> {
    let needed = checked.summary.bytes + checked.database * (DATABASE_FACTOR - 1) + RESERVE;
    let Some(there) = data.ancestors().find(|folder| folder.is_dir()) else {
        bail!("{} is nowhere", data.display());
    };
    let stat = rustix::fs::statvfs(there).with_context(|| format!("measuring {}", there.display()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    ensure!(
        free >= needed,
        "no space in {}: {} are free, and the archive takes {} once it is restored",
        there.display(),
        size(free),
        size(needed)
    );
    Ok(())
}
