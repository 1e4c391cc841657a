//! The master key of an installation that is stopped: putting it back, replacing it, and going on without it.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use mpanel_crypto::MasterKey;
use mpanel_pg::dump::Snapshot;
use mpanel_server::recovery;
use serde_json::json;
use zeroize::Zeroizing;

use super::args::{Import, Restore, Rotate};
use super::losses;
use super::place::Place;
use super::restore::agree;
use super::unpack;

/// `mpanel keys import`.
pub async fn import(args: &Import) -> anyhow::Result<()> {
    let mut text = Zeroizing::new(String::new());
    match args.file.as_os_str() == "-" {
        true => drop(std::io::stdin().read_to_string(&mut text)?),
        false => {
            let read = std::fs::read_to_string(&args.file);
            *text = read.with_context(|| format!("reading {}", args.file.display()))?;
        }
    }
    let id = MasterKey::id_of(&text).with_context(|| format!("{} holds no master key", args.file.display()))?;
    let place = Place::open(&args.installation, None, true).await?;
    let imported = put_back(&place, &text, &id.to_string()).await;
    place.close().await?;
    imported?;
    match args.installation.json {
        true => crate::installation::print(&json!({"id": id.to_string()}).to_string()),
        false => crate::installation::print(&format!("the master key {id} is in place")),
    }
}

async fn put_back(place: &Place, text: &str, id: &str) -> anyhow::Result<()> {
    let db = recovery::connect(place.target.options()).await?;
    let wanted = recovery::key_ids(&db).await?;
    db.close().await;
    ensure!(
        wanted.iter().all(|wanted| wanted == id),
        "this is the key {id}, and the database needs {}: nothing was changed",
        wanted.join(" and ")
    );
    move_away(&place.key())?;
    MasterKey::import(&place.key(), text)?;
    give(place)
}

/// Another key than the database's is no use, but nobody's to delete.
fn move_away(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let name = match MasterKey::load(path) {
        Ok(key) => format!("master.key.{}", key.id()),
        Err(_unreadable) => "master.key.unreadable".to_owned(),
    };
    std::fs::rename(path, path.with_file_name(name)).with_context(|| format!("moving {} away", path.display()))
}

fn give(place: &Place) -> anyhow::Result<()> {
    match &place.accounts {
        Some(accounts) => unpack::give(
            &place.data.join("keys"),
            (accounts.panel.uid, accounts.panel.gid),
            false,
        ),
        None => Ok(()),
    }
}

/// `mpanel keys rotate`.
pub async fn rotate(args: &Rotate) -> anyhow::Result<()> {
    let place = Place::open(&args.installation, None, true).await?;
    let rotated = exchange(&place).await;
    place.close().await?;
    let (old, new, count) = rotated?;
    if args.installation.json {
        return crate::installation::print(&json!({"old": old, "new": new, "keys": count}).to_string());
    }
    eprintln!(
        "keep a copy of the new key apart from this machine (`mpanel keys export`), and the old one ({old}) for as long as you keep \
         backups without keys from before"
    );
    crate::installation::print(&format!(
        "the master key {new} has taken the place of {old}; {count} keys were wrapped anew"
    ))
}

async fn exchange(place: &Place) -> anyhow::Result<(String, String, u64)> {
    let db = recovery::connect(place.target.options()).await?;
    let mut snapshot = Snapshot::open(place.target.options()).await?;
    let Some(installation) = recovery::installation(&mut snapshot).await? else {
        bail!("the first start of this installation was not complete: there is no key to replace yet");
    };
    drop(snapshot);
    let (old, new, count) = recovery::rotate_key(&db, &place.key()).await?;
    give(place)?;
    let facts = json!({"old": old, "new": new, "keys": count});
    recovery::record(&db, &place.key(), installation, recovery::KEY_ROTATED, facts).await?;
    db.close().await;
    Ok((old, new, count))
}

/// `mpanel restore --keys-lost` without an archive.
pub async fn lost(args: &Restore) -> anyhow::Result<()> {
    let place = Place::open(&args.installation, None, true).await?;
    let renewed = renew(args, &place).await;
    place.close().await?;
    let id = renewed?;
    if args.installation.json {
        return crate::installation::print(&json!({"id": id}).to_string());
    }
    eprintln!("keep a copy of the new key apart from this machine: `mpanel keys export`");
    crate::installation::print(&format!(
        "the new master key is {id}; start the installation by `mpanel up --data {}`",
        place_of(args)
    ))
}

fn place_of(args: &Restore) -> String {
    let data = args.installation.data.as_ref();
    data.map_or_else(|| "…".to_owned(), |data| data.display().to_string())
}

async fn renew(args: &Restore, place: &Place) -> anyhow::Result<String> {
    let key = place.key();
    let db = recovery::connect(place.target.options()).await?;
    if recovery::check_key(&db, &key).await.is_ok() {
        bail!("the master key is there and is the database's: nothing is lost. `mpanel keys rotate` replaces it");
    }
    let mut snapshot = Snapshot::open(place.target.options()).await?;
    let Some(installation) = recovery::installation(&mut snapshot).await? else {
        bail!("the first start of this installation was not complete: remove the folder and begin again");
    };
    let sealed = recovery::count_sealed(&mut snapshot).await?;
    drop(snapshot);
    eprint!("{}", losses::told(&sealed));
    agree(args.yes, "Give that up and make new keys")?;

    move_away(&key)?;
    recovery::give_up_sealed(&db).await?;
    let (master, _) = MasterKey::load_or_create(&key)?;
    // Whoever had the keys' folder may have had this one; it is made anew at the next start.
    for name in ["node.key", "snapshot.json"] {
        match std::fs::remove_file(place.data.join("edge").join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing edge/{name}"));
            }
            _ => {}
        }
    }
    recovery::record(&db, &key, installation, recovery::KEYS_LOST, json!({"sealed": sealed})).await?;
    db.close().await;
    give(place)?;
    Ok(master.id().to_string())
}
