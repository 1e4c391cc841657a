//! The configuration file of a restored installation.

use anyhow::{Context as _, ensure};
use mpanel_config::{Config, Sources};
use toml::{Table, Value};

use crate::recovery::args::Restore;

/// The archive's file as it was, but for what names the other machine's folder and database, and what `--set` says; `None` when
/// there is nothing to say.
///
/// # Errors
/// When a setting is none.
pub fn restored(archived: Option<&[u8]>, args: &Restore) -> anyhow::Result<Option<String>> {
    let text = std::str::from_utf8(archived.unwrap_or_default()).context("the archive's configuration file")?;
    let mut table: Table = text.parse().context("the archive's configuration file")?;
    let mut changed = table.remove("data").is_some();
    // A private PostgreSQL has the data now, and the other one perhaps still serves another machine.
    changed |= table.remove("database_url").is_some();
    if let Some(url) = &args.database_url {
        table.insert("database_url".to_owned(), Value::String(url.clone()));
        changed = true;
    }
    for setting in &args.set {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("--set {setting}: it must be KEY=VALUE"))?;
        set(&mut table, key.trim(), value.trim())?;
        changed = true;
    }
    let text = match changed {
        true => toml::to_string(&table)?,
        false => text.to_owned(),
    };
    if text.is_empty() {
        return Ok(None);
    }
    check(&text)?;
    Ok(Some(text))
}

fn set(table: &mut Table, key: &str, value: &str) -> anyhow::Result<()> {
    let (folder, name) = match key.split_once('.') {
        Some((folder, name)) => (Some(folder), name),
        None => (None, key),
    };
    // As in the file: a number, a list, a quoted text; whatever else it is, is a text.
    let parsed = format!("value = {value}").parse::<Table>().ok();
    let value = parsed
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let table = match folder {
        None => table,
        Some(folder) => table
            .entry(folder)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .with_context(|| format!("--set {key}: {folder} is no section"))?,
    };
    table.insert(name.to_owned(), value);
    Ok(())
}

/// Before anything depends on it.
fn check(text: &str) -> anyhow::Result<()> {
    let mut file = tempfile::NamedTempFile::new()?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    let sources = Sources {
        file: Some(file.path().to_owned()),
        ..Sources::default()
    };
    let loaded = Config::load(&sources);
    ensure!(
        loaded.is_ok(),
        "the restored configuration is not valid: {}",
        loaded
            .err()
            .map(|error| error
                .to_string()
                .replace(&file.path().display().to_string(), "config.toml"))
            .unwrap_or_default()
    );
    Ok(())
}
