//! Which version runs, and whether the one that is installed was given up.

use std::path::Path;

use crate::checks::Check;
use crate::up::upgrade::Record;

const ID: &str = "version";
const TITLE: &str = "version";

/// Nothing where no supervisor has noted anything yet.
pub fn check(data: &Path) -> Option<Check> {
    judge(&Record::load(data), data)
}

fn judge(record: &Record, data: &Path) -> Option<Check> {
    let running = record.running.as_ref()?;
    if let Some(refused) = &record.refused {
        let detail = format!(
            "{} runs: {} {} ({})",
            running.name,
            refused.version.name,
            refused.told(),
            refused.reason
        );
        if refused.on_purpose {
            let how = "nothing, if that is how it is to stay; `mpanel upgrade --again` goes on to it, and so does installing another version";
            return Some(Check::warning(ID, TITLE, detail, how));
        }
        return Some(Check::failure(
            ID,
            TITLE,
            detail,
            format!(
                "see {} and serve.log beside it, and install another version; or end what stood in its way and \
                 `mpanel upgrade --again`",
                data.join("logs/upgrade.log").display()
            ),
        ));
    }
    if let Some(tried) = &record.trial {
        return Some(Check::warning(
            ID,
            TITLE,
            format!("{} is being tried, {} ran before", tried.version.name, running.name),
            "wait: it stays when it works, and otherwise the one before is started again",
        ));
    }
    if !running.is_kept(data) {
        return Some(Check::warning(
            ID,
            TITLE,
            format!(
                "{} runs, and no copy of its programs is kept: there is no way back from the next one",
                running.name
            ),
            "make room on the data folder's disk, then `systemctl reload mpanel`",
        ));
    }
    Some(Check::ok(ID, TITLE, running.name.clone()))
}

#[cfg(test)]
mod tests;
