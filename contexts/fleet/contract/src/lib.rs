//! What other contexts may ask of the fleet.
#![forbid(unsafe_code)]

use std::net::IpAddr;

use async_trait::async_trait;
use mpanel_crypto::NodePublicKey;
use mpanel_kernel::ids::NodeId;
use mpanel_pg::Error;

/// Events that the fleet emits.
pub mod events {
    /// An edge has a new key: secrets for it are to be sealed again.
    pub const NODE_KEY_CHANGED: &str = "fleet.node.key_changed.v1";
    pub const NODE_REGISTERED: &str = "fleet.node.registered.v1";
}

/// A node's edge, to which certificates' keys are sealed.
#[derive(Debug, Clone)]
pub struct EdgeKey {
    pub node: NodeId,
    pub key: NodePublicKey,
}

/// The machines of the platform.
#[async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// The machine that runs this server; new sites are placed on it.
    fn local(&self) -> NodeId;

    /// The addresses at which a node's edge is reached from outside: what A and AAAA records say.
    fn addresses(&self, node: NodeId) -> Vec<IpAddr>;

    /// The keys of all edges that have introduced themselves.
    ///
    /// # Errors
    /// When the database is away.
    async fn edge_keys(&self) -> Result<Vec<EdgeKey>, Error>;
}
