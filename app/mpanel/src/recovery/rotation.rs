//! The names of archives in a folder, by which old ones are known and deleted.

use std::path::Path;

use anyhow::Context as _;
use mpanel_archive::{Head, Missing, Protection};
use mpanel_kernel::ids::TenantId;

/// How the time stands in a name: names sort by it.
const TIME: &str = "%Y%m%dT%H%M%SZ";
const ENDINGS: [&str; 2] = [".tar.zst", ".tar.zst.age"];

/// `mpanel-20261123T091500Z-1a2b3c4d.tar.zst`
pub fn name(head: &Head, protection: &Protection) -> String {
    let ending = match protection {
        Protection::None => ENDINGS[0],
        _ => ENDINGS[1],
    };
    let time = head.created_at.strftime(TIME);
    format!("mpanel-{time}-{}{ending}", short(&head.origin.installation))
}

/// The end of the installation's id.
fn short(installation: &str) -> &str {
    &installation[installation.len().saturating_sub(8)..]
}

/// Deletes the archives of this installation but for the newest ones; says how many there were. What has another name stays.
/// Nothing goes while the newest archive is without files: an older one may be the last that has them.
///
/// # Errors
/// When the folder cannot be read, or one cannot be deleted.
pub fn delete_old(folder: &Path, installation: TenantId, keep: u32, missing: &Missing) -> anyhow::Result<usize> {
    if missing.count > 0 {
        eprintln!(
            "mpanel: no older archive is deleted, since one of them may have the files that are missing in this one"
        );
        return Ok(0);
    }
    let installation = installation.to_string();
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut own: Vec<String> = names.filter(|name| is_own(name, short(&installation))).collect();
    own.sort_unstable_by(|one, other| other.cmp(one));
    let old = own.get(keep as usize..).unwrap_or_default();
    for name in old {
        let path = folder.join(name);
        std::fs::remove_file(&path).with_context(|| format!("deleting the old archive {}", path.display()))?;
    }
    Ok(old.len())
}

fn is_own(name: &str, installation: &str) -> bool {
    let Some((time, rest)) = name.strip_prefix("mpanel-").and_then(|name| name.split_once('-')) else {
        return false;
    };
    let ending = rest.strip_prefix(installation);
    jiff::civil::DateTime::strptime(TIME, time).is_ok() && ending.is_some_and(|ending| ENDINGS.contains(&ending))
}
