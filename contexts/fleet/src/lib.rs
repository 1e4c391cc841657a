//! The fleet: the machines of the platform, the data-plane processes on them and what those have
//! acknowledged. See README.md.
#![forbid(unsafe_code)]

mod authz;
mod directory;
mod error;
mod http;
mod store;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use mpanel_crypto::NodePublicKey;
use mpanel_events::{ServedBoard, Spine};
use mpanel_fleet_contract::{EdgeKey, Nodes};
use mpanel_http::{Context, Module};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{NodeId, TenantId};
use mpanel_pg::{Migrations, Reason};

pub use directory::{AllowedPeers, Directory};
pub use error::Error;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "fleet",
    files: &[("0001_fleet", include_str!("../migrations/0001_fleet.sql"))],
};

/// The context before anything of it is open.
pub const CONTEXT: Context = Context {
    migrations: MIGRATIONS,
    roles: authz::ROLES,
    resources: authz::RESOURCES,
    sealed: &[],
    api: http::api,
};

/// The context. Cheap to clone.
#[derive(Clone)]
pub struct Fleet {
    spine: Spine,
    clock: SharedClock,
    board: ServedBoard,
    platform: TenantId,
    local: NodeId,
    addresses: Arc<[IpAddr]>,
}

impl Fleet {
    /// Opens the context; at the first start this machine becomes the first node.
    ///
    /// `addresses` are those at which this machine's edge is reached from outside.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(
        spine: Spine,
        clock: SharedClock,
        board: ServedBoard,
        platform: TenantId,
        addresses: Vec<IpAddr>,
    ) -> Result<Self, Error> {
        let mut tx = spine.db().platform(Reason::Lifecycle("fleet.open")).await?;
        let local = store::register_first(&mut tx, platform, &host_name(), clock.now()).await?;
        tx.commit().await?;
        Ok(Self {
            spine,
            clock,
            board,
            platform,
            local,
            addresses: addresses.into(),
        })
    }
}

/// This machine's name, for people.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "node".to_owned())
}

#[async_trait]
impl Nodes for Fleet {
    fn local(&self) -> NodeId {
        self.local
    }

    fn addresses(&self, node: NodeId) -> Vec<IpAddr> {
        if node == self.local {
            self.addresses.to_vec()
        } else {
            Vec::new()
        }
    }

    async fn edge_keys(&self) -> Result<Vec<EdgeKey>, mpanel_pg::Error> {
        let mut tx = self.spine.db().platform(Reason::Publish("fleet.edge_keys")).await?;
        let rows = store::edge_keys(&mut tx).await?;
        tx.end_read();
        let keys = rows.into_iter().filter_map(|(node, key)| {
            let key: NodePublicKey = key.parse().ok()?;
            Some(EdgeKey { node, key })
        });
        Ok(keys.collect())
    }
}

/// Everything that the server needs to know about the context.
#[must_use]
pub fn module(fleet: Fleet) -> Module {
    Module {
        name: "fleet",
        routes: http::routes(Arc::new(fleet)),
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
