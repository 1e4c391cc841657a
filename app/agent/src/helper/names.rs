//! What stands in a site's folder.
//!
//! ```text
//! releases/rel_…              finished: served
//! releases/.rel_….partial     being unpacked
//! releases/.rel_….deleting    being removed
//! manifests/rel_….json        what a finished release holds; not served
//! ```

use mpanel_agent_protocol::protocol::{ReleaseEntry, ReleaseState};
use mpanel_kernel::ids::ReleaseId;

pub(crate) const RELEASES: &str = "releases";
pub(crate) const MANIFESTS: &str = "manifests";

pub(super) fn finished(release: ReleaseId) -> String {
    release.to_string()
}

pub(super) fn partial(release: ReleaseId) -> String {
    format!(".{release}.partial")
}

pub(super) fn deleting(release: ReleaseId) -> String {
    format!(".{release}.deleting")
}

pub(super) fn manifest(release: ReleaseId) -> String {
    format!("{release}.json")
}

/// A name in `releases`; `None` when it is nothing of ours.
pub(super) fn parse(name: &str) -> Option<ReleaseEntry> {
    let entry = |id: &str, state| {
        Some(ReleaseEntry {
            release: id.parse().ok()?,
            state,
        })
    };
    let Some(hidden) = name.strip_prefix('.') else {
        return entry(name, ReleaseState::Finished);
    };
    if let Some(id) = hidden.strip_suffix(".partial") {
        return entry(id, ReleaseState::Partial);
    }
    entry(hidden.strip_suffix(".deleting")?, ReleaseState::Deleting)
}
