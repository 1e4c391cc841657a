//! `mpanel restore`.
//!
//! Until everything is in place, the folder has a mark that says what is being restored into it: `up` refuses such a folder, and
//! another `restore` empties it of what the one before had made and begins anew. Nothing of an archive is used before all of it was
//! read once and every sum was right.

pub mod configuration;
pub mod plan;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use mpanel_config::{Config, Sources};
use mpanel_crypto::MasterKey;
use mpanel_kernel::clock::{Clock as _, SystemClock};
use mpanel_pg::dump::{Load, Snapshot, Target, adopt, is_empty};
use mpanel_pg::server::{self, Limits};
use mpanel_server::recovery;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::args::Restore;
use super::place::private;
use super::unpack::{self, Unpacker};
use super::verify::{self, Checked};
use super::{keys, losses, seal};
use crate::up::accounts::{self, Accounts};
use crate::up::{layout, lock, settings};

use plan::{Keys, Plan};

/// The mark of a folder that is being restored into.
const MARK: &str = "restore.json";

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    archive: PathBuf,
    begun: jiff::Timestamp,
}

/// What a restore makes beside the folders of the layout.
const FILES: [&str; 5] = ["postgres", "backup", "config.toml", "state.json", FRESH_MARK];
const FRESH_MARK: &str = "restore.json.new";
/// How often what a restore made is looked through while something still writes there.
const SWEEPS: u32 = 5;

/// Whether a restore, or PostgreSQL for it, makes what has this name in the data folder.
fn is_made(name: &str) -> bool {
    FILES.contains(&name) || layout::is_folder(name) || name.starts_with("postgres.init-")
}

pub async fn run(args: &Restore) -> anyhow::Result<()> {
    if args.abandon {
        return abandon(args).await;
    }
    let Some(file) = &args.file else {
        return keys::lost(args).await;
    };
    let file = std::path::absolute(file)?;
    let config = data_of(args)?;
    let data = std::path::absolute(&config.data)?;
    let again = occupied(&data)?;
    let opening = seal::opening(&file, &args.opener)?;
    let checked = verify::check(&file, &opening)?;
    let remote = args.database_url.as_deref().map(Target::remote).transpose()?;
    if let Some(target) = &remote
        && !is_empty(target.options()).await?
    {
        bail!(
            "the database that --database-url names is not empty: name another, or drop it and create it again (a restore that was cut \
             short may have filled it; nothing of it is removed here)"
        );
    }
    let plan = Plan::new(args, &file, &data, &checked, remote.is_some())?;
    eprint!("{}", plan.told(again));
    if let Some(missing) = losses::told_missing(&checked.summary.head.missing) {
        eprint!("{missing}");
    }
    if plan.keys == Keys::Lost {
        eprint!("{}", losses::told(&checked.summary.head.sealed));
    }
    agree(args.yes, "Restore it")?;

    let begin = Instant::now();
    let data = settings::data_folder(&config)?;
    if !again {
        mark(&data, &file)?;
    }
    let lock = lock::take(&data)?;
    // Once more: the folder is ours only now.
    ensure!(
        occupied(&data)?,
        "{} is used by somebody else meanwhile",
        data.display()
    );
    clean(&data).await?;
    mark(&data, &file)?;
    let accounts = accounts::prepare()?;
    layout::prepare(&data, accounts.as_ref())?;

    let (target, server) = match remote {
        Some(target) => (target, None),
        None => {
            let options = private(&data, accounts.as_ref());
            let server = server::start(&options).await?;
            (Target::private(&options), Some(server))
        }
    };
    let new = Restored {
        args,
        data: &data,
        accounts: accounts.as_ref(),
        target: &target,
    };
    let done = new.fill(&file, &opening, &checked, &plan).await;
    if let Some(server) = server {
        server.stop(Limits::default()).await?;
    }
    let mut facts = done?;
    unmark(&data)?;
    drop(lock);
    facts["seconds"] = json!(begin.elapsed().as_secs_f64());
    if args.installation.json {
        return crate::installation::print(&facts.to_string());
    }
    crate::installation::print(&format!(
        "restored into {}; start it by `mpanel up --data {}`",
        data.display(),
        data.display()
    ))
}

/// The folder that a restore fills.
struct Restored<'a> {
    args: &'a Restore,
    data: &'a Path,
    accounts: Option<&'a Accounts>,
    target: &'a Target,
}

impl Restored<'_> {
    async fn fill(
        &self,
        file: &Path,
        opening: &mpanel_archive::Opening,
        checked: &Checked,
        plan: &Plan,
    ) -> anyhow::Result<Value> {
        let head = &checked.summary.head;
        let load = Load::start(self.target, head.postgres)?;
        let mut unpacker = Unpacker::new(self.data, load, plan.keys == Keys::Archive)?;
        let summary = mpanel_archive::read(seal::open(file)?, opening, &mut unpacker)?;
        ensure!(
            summary.sum == checked.summary.sum,
            "the archive was changed while it was read: begin again"
        );
        let kept = unpacker.finish()?;
        adopt(self.target.options()).await?;
        verify::compare(self.target, head).await?;
        recovery::migrate(self.target.options()).await?;
        let db = recovery::connect(self.target.options()).await?;
        let revoked = recovery::begin_again(&db, self.args.revoke_tokens).await?;
        self.owners().await?;
        if let Some(text) = configuration::restored(kept.config.as_deref(), self.args)? {
            unpack::put(self.data, "", "config.toml", text.as_bytes(), None)?;
        }
        self.keys(&db, plan, kept.key).await?;
        let installation = head.origin.installation.parse()?;
        let facts = json!({
            "installation": head.origin.installation, "backed_up_at": head.created_at, "version": head.version,
            "files": summary.files, "bytes": summary.bytes, "keys": plan.keys, "missing": head.missing,
            "tokens_revoked": revoked,
        });
        let path = self.data.join("keys/master.key");
        recovery::record(&db, &path, installation, recovery::RESTORED, facts.clone()).await?;
        if plan.keys == Keys::Lost {
            let lost = json!({"sealed": head.sealed});
            recovery::record(&db, &path, installation, recovery::KEYS_LOST, lost).await?;
        }
        db.close().await;
        self.give_key()?;
        Ok(facts)
    }

    /// Files came as this program's user's. The database knows whose sites are.
    async fn owners(&self) -> anyhow::Result<()> {
        let Some(accounts) = self.accounts else {
            return Ok(());
        };
        let mut snapshot = Snapshot::open(self.target.options()).await?;
        let users = recovery::site_users(&mut snapshot).await?;
        drop(snapshot);
        for (site, uid) in users {
            let folder = self.data.join("sites").join(site.to_string());
            if folder.is_dir() {
                ensure!(
                    uid >= 200_000,
                    "the site {site} belongs to user {uid}, who is no site's"
                );
                unpack::give(&folder, (uid, accounts.edge.gid), true)?;
            }
        }
        let panel = (accounts.panel.uid, accounts.panel.gid);
        unpack::give(&self.data.join("blobs/uploads"), panel, false)
    }

    async fn keys(&self, db: &mpanel_pg::Db, plan: &Plan, archived: Option<Vec<u8>>) -> anyhow::Result<()> {
        let path = self.data.join("keys/master.key");
        let import = |text: &[u8]| -> anyhow::Result<()> {
            let text = std::str::from_utf8(text).context("the master key")?;
            MasterKey::import(&path, text)?;
            Ok(())
        };
        match plan.keys {
            Keys::Archive => import(&archived.context("the archive's master key is gone from it")?)?,
            Keys::Given => {
                let file = self.args.key.as_ref().context("the master key's file")?;
                import(&std::fs::read(file).with_context(|| format!("reading {}", file.display()))?)?;
            }
            Keys::Lost => {
                recovery::give_up_sealed(db).await?;
                MasterKey::load_or_create(&path)?;
            }
        }
        // Also that it is this database's.
        recovery::check_key(db, &path).await
    }

    fn give_key(&self) -> anyhow::Result<()> {
        match self.accounts {
            Some(accounts) => unpack::give(&self.data.join("keys"), (accounts.panel.uid, accounts.panel.gid), false),
            None => Ok(()),
        }
    }
}

/// Where to restore to. The configuration file there is not read: it may be half a restore's.
fn data_of(args: &Restore) -> anyhow::Result<Config> {
    let named = args.installation.data.as_ref();
    let named = named.map(|data| ("data", data.to_string_lossy().into_owned()));
    let mut sources = Sources::from_process(Some("/dev/null".into()), named.into_iter().collect());
    sources.environment.retain(|name, _| name == "MPANEL_DATA");
    Ok(Config::load(&sources)?)
}

/// Whether the folder holds half a restore.
///
/// # Errors
/// When it holds anything else.
fn occupied(data: &Path) -> anyhow::Result<bool> {
    if data.join(MARK).exists() {
        return Ok(true);
    }
    let entries = match std::fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("reading {}", data.display())),
    };
    for entry in entries {
        let name = entry?.file_name();
        // What every fresh file system has, and what is left by a restore that was killed as its first or its last act.
        if !["lost+found", "lock", FRESH_MARK].iter().any(|empty| name == *empty) {
            bail!(
                "{} is not empty (it has {}): restore into an empty folder, or move what is there away",
                data.display(),
                name.display()
            );
        }
    }
    Ok(false)
}

/// # Errors
/// When the folder holds half a restore.
pub fn refuse_half(data: &Path) -> anyhow::Result<()> {
    let path = data.join(MARK);
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        read => read.with_context(|| format!("reading {}", path.display()))?,
    };
    let of = match serde_json::from_slice::<Mark>(&text) {
        Ok(mark) => format!("of {}, begun at {},", mark.archive.display(), mark.begun),
        Err(_cut_short) => String::new(),
    };
    let data = data.display();
    bail!(
        "{data} holds half a restore: the one {of} did not come to its end. Run `mpanel restore FILE --data {data}` again, which \
         begins anew, or `mpanel restore --abandon --data {data}`, which removes it"
    )
}

fn mark(data: &Path, archive: &Path) -> anyhow::Result<()> {
    let mark = Mark {
        archive: archive.to_owned(),
        begun: SystemClock.now(),
    };
    let write = || -> std::io::Result<()> {
        let fresh = data.join(FRESH_MARK);
        std::fs::write(&fresh, serde_json::to_vec(&mark)?)?;
        std::fs::File::open(&fresh)?.sync_all()?;
        std::fs::rename(fresh, data.join(MARK))?;
        std::fs::File::open(data)?.sync_all()
    };
    write().with_context(|| format!("marking {}", data.display()))
}

fn unmark(data: &Path) -> anyhow::Result<()> {
    let remove = || -> std::io::Result<()> {
        std::fs::remove_file(data.join(MARK))?;
        std::fs::File::open(data)?.sync_all()
    };
    remove().with_context(|| format!("removing the mark from {}", data.display()))
}

/// Removes what a restore before has made, once a PostgreSQL that it left has ended.
async fn clean(data: &Path) -> anyhow::Result<()> {
    let postgres = private(data, accounts::prepare()?.as_ref());
    let mut sweeps = 1;
    loop {
        server::stop(&postgres, Limits::default()).await?;
        match sweep(data) {
            // One that was killed so early that it was no PostgreSQL yet when it was looked for.
            Err((_, error)) if error.kind() == ErrorKind::DirectoryNotEmpty && sweeps < SWEEPS => sweeps += 1,
            swept => {
                return swept.map_err(|(path, error)| {
                    anyhow::Error::new(error).context(format!("removing {}", path.display()))
                });
            }
        }
    }
}

fn sweep(data: &Path) -> Result<(), (PathBuf, std::io::Error)> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    for entry in std::fs::read_dir(data).map_err(of(data))? {
        let entry = entry.map_err(of(data))?;
        if !is_made(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        let removed = match entry.file_type().map_err(of(&path))?.is_dir() {
            true => std::fs::remove_dir_all(&path),
            false => std::fs::remove_file(&path),
        };
        match removed {
            // Something is mounted there; it is empty now.
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {}
            removed => removed.map_err(of(&path))?,
        }
    }
    Ok(())
}

async fn abandon(args: &Restore) -> anyhow::Result<()> {
    let data = std::path::absolute(data_of(args)?.data)?;
    ensure!(
        data.join(MARK).exists(),
        "{} holds no half of a restore: nothing is removed",
        data.display()
    );
    let _lock = lock::take(&data)?;
    clean(&data).await?;
    unmark(&data)?;
    std::fs::remove_file(data.join("lock"))?;
    crate::installation::print(&format!("removed what was restored into {}", data.display()))
}

/// # Errors
/// When the person at the terminal does not, or there is none.
pub fn agree(yes: bool, question: &str) -> anyhow::Result<()> {
    use std::io::{IsTerminal as _, Write as _};
    if yes {
        return Ok(());
    }
    ensure!(
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        "nothing was done: nobody can be asked without a terminal; give --yes"
    );
    eprint!("{question}? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    ensure!(
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
        "nothing was done"
    );
    Ok(())
}
