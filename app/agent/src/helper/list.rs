//! Which releases are on disk.

use std::os::fd::OwnedFd;

use mpanel_agent_protocol::protocol::{Failure, ReleaseEntry};
use rustix::fs::Dir;
use rustix::io::Errno;

use super::names::{self, RELEASES};
use super::{at, failed};

/// In order of id and state. Names that are not ours are left out.
pub(super) fn releases(site: &OwnedFd) -> Result<Vec<ReleaseEntry>, Failure> {
    let fail = |error: Errno| failed("list releases", &error.into());
    let dir = match at::directory(site, RELEASES) {
        Ok(dir) => dir,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut found = Vec::new();
    for item in Dir::read_from(&dir).map_err(fail)? {
        found.extend(item.map_err(fail)?.file_name().to_str().ok().and_then(names::parse));
    }
    found.sort_unstable_by_key(|entry| (entry.release, entry.state));
    Ok(found)
}
