//! What all connections have in common.

use std::sync::atomic::AtomicUsize;

use mpanel_agent_protocol::protocol::{AgentInfo, PROTOCOL};

use crate::site_dirs::SiteDirs;

/// What all connections share.
pub(crate) struct Agent {
    pub(crate) allowed: Vec<u32>,
    pub(crate) rootless: bool,
    pub(crate) dirs: SiteDirs,
    /// How many there are.
    pub(crate) connections: AtomicUsize,
}

impl Agent {
    pub(crate) fn info(&self) -> AgentInfo {
        AgentInfo {
            protocol: PROTOCOL,
            version: crate::VERSION.to_owned(),
            rootless: self.rootless,
        }
    }
}
