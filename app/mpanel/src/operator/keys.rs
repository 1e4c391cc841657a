use std::path::Path;

use anyhow::Context as _;
use mpanel_crypto::MasterKey;
use serde_json::json;

/// Prints the key on standard output and what to do with it beside, so that `> FILE` keeps the key alone; as JSON `{"id", "key"}`.
pub fn export(data: &Path, as_json: bool) -> anyhow::Result<()> {
    let path = data.join("keys/master.key");
    // Read by the rules of a key first: a file that others can read is not quietly handed on.
    let key = MasterKey::load(&path)?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    eprintln!(
        "master key {}: keep it apart from this machine and from backups of the database",
        key.id()
    );
    match as_json {
        true => super::print(&json!({"id": key.id().to_string(), "key": text.trim_end()}).to_string()),
        false => super::print(text.trim_end()),
    }
}
