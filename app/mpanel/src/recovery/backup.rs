//! `mpanel backup self`.
//!
//! The moment that an archive shows is the database's snapshot. Files are linked before and after it is taken, and it is taken
//! again in the rare case that a release it knows was made and removed in between: so every release that the database of the
//! archive knows has its files in it, unless its files are gone for good: that is said, and ends no backup while others have theirs.
//! What was uploaded or published later may be in the archive as well, and is then nobody's; a restored installation removes it as
//! it does after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::digest::{Context as Digest, SHA256};
use mpanel_archive::{FORMAT, Head, KeyNote, Missing, Origin, Owner, Protection, Writer};
use mpanel_crypto::MasterKey;
use mpanel_kernel::clock::{Clock as _, SystemClock};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::dump::Snapshot;
use mpanel_process::account;
use mpanel_server::recovery;
use serde_json::{Value, json};

use super::args::Own;
use super::farm::Farm;
use super::layout::{CONFIG, DATABASE, KEY, SITES, UPLOADS};
use super::losses::told_missing;
use super::place::Place;
use super::progress::{Progress, size};
use super::{rotation, seal};

/// How often a moment is looked for at which all files are held.
const ATTEMPTS: u32 = 8;
/// Releases without files that are named.
const NAMED: usize = 1000;
/// Left free beside an archive.
const RESERVE: u64 = 64 << 20;

pub async fn run(args: &Own) -> anyhow::Result<()> {
    let protection = seal::protection(&args.seal)?;
    let place = Place::open(&args.installation, args.config.clone(), false).await?;
    let made = make(args, &place, &protection).await;
    if args.unattended
        && let Err(failure) = &made
        && let Err(error) = tell_failure(&place, failure).await
    {
        eprintln!("mpanel: that it failed is not in the audit log: {error:#}");
    }
    place.close().await?;
    let made = made?;
    if args.installation.json {
        return crate::installation::print(&made.to_string());
    }
    crate::installation::print(made["file"].as_str().unwrap_or_default())
}

async fn make(args: &Own, place: &Place, protection: &Protection) -> anyhow::Result<Value> {
    let begin = Instant::now();
    ensure!(
        args.keep.is_none() || args.to.is_dir(),
        "{} is no folder from which --keep could delete: make it, or name another",
        args.to.display()
    );
    let key = match args.without_keys {
        true => None,
        false => Some(read_key(place)?),
    };
    if key.is_some() && matches!(protection, Protection::None) {
        eprintln!(
            "mpanel: the archive holds the master key and is not sealed: whoever reads it can sign in as anybody and act as any \
             site. Keep it like the key itself, or use --passphrase, --recipient or --without-keys"
        );
    }
    let mut farm = Farm::new(&place.data)?;
    let (mut snapshot, missing) = moment(place, &mut farm).await?;
    let Some(installation) = recovery::installation(&mut snapshot).await? else {
        bail!("there is nothing to back up yet: the first start of this installation was not complete");
    };
    let mut head = head(place, &mut snapshot, installation, key.is_some()).await?;
    head.missing = missing;
    if let Some(warning) = told_missing(&head.missing) {
        eprint!("mpanel: {warning}");
    }
    let (mut output, name) = Output::create(&args.to, &head, protection)?;
    let estimate = farm.bytes + recovery::size(&mut snapshot).await?;
    check_space(output.folder(), estimate)?;

    let mut writer = Writer::new(&mut output, protection, &head)?;
    let mut progress = Progress::new("backing up");
    let mut dump = Watched {
        inner: snapshot.dump(&place.target)?,
        progress: &mut progress,
        bytes: 0,
    };
    writer.stream(DATABASE, &mut dump)?;
    dump.inner.finish()?;
    drop(snapshot);
    if let Some(key) = &key {
        writer.bytes(KEY, OWNERS_ALONE, key.as_bytes())?;
    }
    if let Some(text) = configuration(args, place)? {
        writer.bytes(CONFIG, OWNERS_ALONE, text.as_bytes())?;
    }
    let mut files = 0;
    add(&mut writer, &farm.uploads(), UPLOADS, &mut files, &mut progress)?;
    add(&mut writer, &farm.sites(), SITES, &mut files, &mut progress)?;
    let content = writer.written();
    writer.finish()?;
    drop(progress);
    let (file, bytes, sum) = output.publish(&name)?;
    let seconds = begin.elapsed().as_secs_f64();
    let deleted = match (args.keep, file.parent()) {
        // The archive is made, and stays so when an old one stays as well.
        (Some(keep), Some(folder)) => {
            rotation::delete_old(folder, installation, keep, &head.missing).unwrap_or_else(|error| {
                eprintln!("mpanel: {error:#}");
                0
            })
        }
        _ => 0,
    };
    let facts = json!({
        "file": file.file_name().map(|name| name.to_string_lossy()),
        "bytes": bytes, "sha256": sum, "files": files, "content_bytes": content,
        "sealed": !matches!(protection, Protection::None), "keys": key.is_some(), "by_uid": caller(), "deleted": deleted,
        "missing": head.missing,
    });
    eprintln!(
        "backed up {} in {files} files and the database in {seconds:.1} s: {}",
        size(content),
        size(bytes)
    );
    if let Err(error) = recovery::note(&place.data, head.created_at, bytes, head.missing.count) {
        eprintln!("mpanel: the backup is not in the metrics: {error}");
    }
    // The archive is made, and stays so when nobody can be told.
    if let Err(error) = note(place, installation, facts.clone()).await {
        eprintln!("mpanel: the backup is not in the audit log: {error:#}");
    }
    let mut answer = facts;
    answer["file"] = json!(file);
    answer["seconds"] = json!((seconds * 1000.0).round() / 1000.0);
    answer["installation"] = json!(installation);
    answer["created_at"] = json!(head.created_at);
    answer["rows"] = json!(head.rows.values().sum::<i64>());
    Ok(answer)
}

const OWNERS_ALONE: Owner = Owner { uid: 0, mode: 0o600 };

/// Who asked, also through `sudo`.
fn caller() -> u32 {
    let asked = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    asked
        .filter(|_| account::is_root())
        .unwrap_or_else(account::effective_uid)
}

async fn note(place: &Place, installation: TenantId, facts: Value) -> anyhow::Result<()> {
    record(place, installation, recovery::BACKED_UP, facts).await
}

async fn tell_failure(place: &Place, failure: &anyhow::Error) -> anyhow::Result<()> {
    let mut snapshot = Snapshot::open(place.target.options()).await?;
    let Some(installation) = recovery::installation(&mut snapshot).await? else {
        return Ok(());
    };
    drop(snapshot);
    let facts = json!({"reason": format!("{failure:#}")});
    record(place, installation, recovery::BACKUP_FAILED, facts).await
}

async fn record(place: &Place, installation: TenantId, event: &'static str, facts: Value) -> anyhow::Result<()> {
    let db = recovery::connect(place.target.options()).await?;
    recovery::record(&db, &place.key(), installation, event, facts).await?;
    db.close().await;
    Ok(())
}

/// The database's snapshot, with the files of every release in it linked, and those that have none.
async fn moment(place: &Place, farm: &mut Farm) -> anyhow::Result<(Snapshot, Missing)> {
    let mut before = BTreeSet::new();
    let mut attempt = 1;
    loop {
        farm.gather()?;
        let mut snapshot = Snapshot::open(place.target.options()).await?;
        farm.gather()?;
        let releases = recovery::releases(&mut snapshot).await?;
        let without = releases.iter().filter(|(site, release)| !farm.has(*site, *release));
        let without: BTreeSet<String> = without.map(|(site, release)| format!("{site}/{release}")).collect();
        if let Some(missing) = lost(releases.len(), &without, &before)? {
            return Ok((snapshot, missing));
        }
        ensure!(
            attempt < ATTEMPTS,
            "releases are removed faster than their files can be held; {} were without files the last time: try again later",
            without.len()
        );
        (before, attempt) = (without, attempt + 1);
    }
}

/// Which of the releases without files have lost them; `None` when one has to look again.
///
/// One that is removed while files are linked is not in the next snapshot. So whatever twice in a row has no files has lost them.
///
/// # Errors
/// When no release at all has files: an archive of that would look like a good one.
pub(super) fn lost(
    releases: usize,
    without: &BTreeSet<String>,
    before: &BTreeSet<String>,
) -> anyhow::Result<Option<Missing>> {
    if !without.is_subset(before) {
        return Ok(None);
    }
    ensure!(
        without.is_empty() || without.len() < releases,
        "none of the {releases} releases has its files: `sites` in the data folder looks empty, or the disk that belongs there is \
         not mounted. Nothing is backed up. If the files are gone for good, publish a site again or delete what is lost"
    );
    Ok(Some(Missing {
        count: without.len() as u64,
        releases: without.iter().take(NAMED).cloned().collect(),
    }))
}

async fn head(place: &Place, snapshot: &mut Snapshot, installation: TenantId, keys: bool) -> anyhow::Result<Head> {
    let master = MasterKey::load(&place.key()).ok().map(|key| key.id().to_string());
    Ok(Head {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: SystemClock.now(),
        origin: Origin {
            installation: installation.to_string(),
            data: place.data.display().to_string(),
            rootless: place.accounts.is_none(),
            remote_database: place.config.database_url.is_some(),
        },
        postgres: snapshot.major(),
        migrations: snapshot.migrations().await?,
        rows: snapshot.rows().await?,
        keys: KeyNote { included: keys, master },
        sealed: recovery::count_sealed(snapshot).await?,
        settings: elsewhere(place, keys),
        missing: Missing::default(),
    })
}

/// What is printed instead of a secret.
const SECRET: &str = "[redacted]";

/// Settings that the archive's file has not; of secrets the name alone.
fn elsewhere(place: &Place, keys: bool) -> BTreeMap<String, String> {
    place
        .config
        .explain()
        .iter()
        .filter(|line| line.source.starts_with("MPANEL_") || !keys && line.value.as_deref() == Some(SECRET))
        .filter(|line| line.key != "data")
        .filter_map(|line| Some((line.key.to_owned(), line.value.clone()?)))
        .collect()
}

fn read_key(place: &Place) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let path = place.key();
    // By the rules of a key first.
    MasterKey::load(&path).context("the master key cannot be backed up; --without-keys leaves it out")?;
    Ok(zeroize::Zeroizing::new(
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?,
    ))
}

/// The configuration file as it stands, if there is one; without the keys also without passwords.
fn configuration(args: &Own, place: &Place) -> anyhow::Result<Option<String>> {
    let named = args.config.clone().or_else(|| {
        let variable = std::env::var_os("MPANEL_CONFIG")?;
        (!variable.is_empty()).then(|| PathBuf::from(variable))
    });
    let path = named.unwrap_or_else(|| place.data.join("config.toml"));
    match std::fs::read_to_string(&path) {
        Ok(text) if args.without_keys => without_secrets(place, &text).map(Some),
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn without_secrets(place: &Place, text: &str) -> anyhow::Result<String> {
    let mut table: toml::Table = text.parse().context("the configuration file")?;
    let mut changed = false;
    for line in place.config.explain() {
        if line.value.as_deref() != Some(SECRET) {
            continue;
        }
        let removed = match line.key.split_once('.') {
            None => table.remove(line.key),
            Some((section, key)) => table
                .get_mut(section)
                .and_then(toml::Value::as_table_mut)
                .and_then(|section| section.remove(key)),
        };
        changed |= removed.is_some();
    }
    match changed {
        true => Ok(toml::to_string(&table)?),
        // With its comments.
        false => Ok(text.to_owned()),
    }
}

/// Everything below a folder of the farm, folders before what is in them.
fn add<W: Write>(
    writer: &mut Writer<W>,
    folder: &Path,
    name: &str,
    files: &mut u64,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .with_context(|| format!("reading {}", folder.display()))?;
    entries.sort_unstable_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let below = match entry.file_name().to_str() {
            Some(entry) => format!("{name}/{entry}"),
            None => bail!("{} has a name that is not UTF-8", path.display()),
        };
        let meta = entry.metadata()?;
        // Numbers of sites' users mean the same everywhere; those of mPanel's own accounts do not.
        let owner = Owner {
            uid: if meta.uid() >= 200_000 { meta.uid() } else { 0 },
            mode: meta.mode() & 0o2777,
        };
        if meta.is_dir() {
            writer.folder(&below, owner)?;
            add(writer, &path, &below, files, progress)?;
        } else if meta.is_file() {
            let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
            // An upload under way grows, or is cut back to what the database knows, and the snapshot knew no more than that: what
            // is missing behind it is of no use to anybody. Releases never change.
            let beyond = if name == UPLOADS { u64::MAX } else { 0 };
            writer.file(&below, owner, meta.len(), &mut file.chain(io::repeat(0).take(beyond)))?;
            *files += 1;
            progress.at(writer.written(), *files);
        }
    }
    Ok(())
}

fn check_space(folder: &Path, estimate: u64) -> anyhow::Result<()> {
    let stat = rustix::fs::statvfs(folder).with_context(|| format!("measuring {}", folder.display()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    ensure!(
        free >= estimate + RESERVE,
        "no space for a backup in {}: {} are free, and it may take {}",
        folder.display(),
        size(free),
        size(estimate + RESERVE)
    );
    Ok(())
}

/// A reader that shows how far it is.
struct Watched<'a, R> {
    inner: R,
    progress: &'a mut Progress,
    bytes: u64,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes += n as u64;
        self.progress.at(self.bytes, 0);
        Ok(n)
    }
}

/// The file that becomes the archive: beside its name, for its owner alone, locked while it is written.
struct Output {
    file: BufWriter<File>,
    partial: PathBuf,
    digest: Digest,
    bytes: u64,
}

impl Output {
    /// Says also the name under which it is to stand.
    fn create(to: &Path, head: &Head, protection: &Protection) -> anyhow::Result<(Self, PathBuf)> {
        let name = match to.is_dir() {
            true => to.join(rotation::name(head, protection)),
            false => to.to_owned(),
        };
        ensure!(!name.exists(), "{} is there already", name.display());
        let folder = match name.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        clear(folder)?;
        let Some(file_name) = name.file_name() else {
            bail!("{} is no name for a file", name.display());
        };
        let partial = folder.join(format!(".{}.mpanel-partial", file_name.to_string_lossy()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)
            .with_context(|| format!("making {}", partial.display()))?;
        file.lock().context("locking the archive")?;
        let output = Self {
            file: BufWriter::with_capacity(256 << 10, file),
            partial,
            digest: Digest::new(&SHA256),
            bytes: 0,
        };
        Ok((output, name))
    }

    fn folder(&self) -> &Path {
        self.partial.parent().unwrap_or(Path::new("."))
    }

    /// To disk, then to its name; says its size and sum as well.
    fn publish(mut self, name: &Path) -> anyhow::Result<(PathBuf, u64, String)> {
        let mut finish = || {
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            rustix::fs::renameat_with(
                rustix::fs::CWD,
                &self.partial,
                rustix::fs::CWD,
                name,
                rustix::fs::RenameFlags::NOREPLACE,
            )?;
            File::open(self.folder())?.sync_all()
        };
        let done: io::Result<()> = finish();
        done.with_context(|| format!("finishing {}", name.display()))?;
        let sum = std::mem::replace(&mut self.digest, Digest::new(&SHA256)).finish();
        let sum = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((std::path::absolute(name)?, self.bytes, sum))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.digest.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Gone when it was renamed.
        let _gone = std::fs::remove_file(&self.partial);
    }
}

/// Removes what killed backups left in the folder: what nobody has locked any more.
fn clear(folder: &Path) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_left = name.to_string_lossy().starts_with('.') && name.to_string_lossy().ends_with(".mpanel-partial");
        if is_left && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            std::fs::remove_file(entry.path()).with_context(|| format!("removing {}", entry.path().display()))?;
        }
    }
    Ok(())
}
