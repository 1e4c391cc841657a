use std::collections::HashMap;

use async_trait::async_trait;
use mpanel_authz::OpCx;
use mpanel_crypto::NodePublicKey;
use mpanel_events::{NodeDirectory, Record, Refused};
use mpanel_feed::frame::{Hello, Role};
use mpanel_fleet_contract::events;
use serde_json::json;

use crate::error::Error;
use crate::{Fleet, store};

/// Which users' processes may be of which role; on this machine that is the proof of identity.
pub type AllowedPeers = HashMap<Role, Vec<u32>>;

/// Bytes of what a process says of itself.
const MAX_TEXT: usize = 100;

/// Lets the data planes of this machine in, and learns their keys.
pub struct Directory {
    fleet: Fleet,
    allowed: AllowedPeers,
}

impl Directory {
    #[must_use]
    pub fn new(fleet: Fleet, allowed: AllowedPeers) -> Self {
        Self { fleet, allowed }
    }

    async fn learn(&self, hello: &Hello, key: Option<&NodePublicKey>) -> Result<(), Error> {
        let fleet = &self.fleet;
        let text = key.map(ToString::to_string);
        let now = fleet.clock.now();
        let mut tx = fleet.spine.db().tenant(fleet.platform).await?;
        let known = store::heard(&mut tx, fleet.local, now).await?;
        tx.commit().await?;
        // Processes come back often, and that they do is no news.
        if known.version == hello.version && (text.is_none() || known.edge_key == text) {
            return Ok(());
        }
        let cx = OpCx::system("fleet.directory", fleet.platform, fleet.clock.clone());
        let mut change = fleet.spine.begin(&cx).await?;
        let changed = store::seen(change.tx(), fleet.local, &hello.version, text.as_deref(), now).await?;
        let event = if changed {
            events::NODE_KEY_CHANGED
        } else {
            events::NODE_REGISTERED
        };
        let facts = json!({"role": hello.role, "process": hello.process, "version": hello.version});
        change
            .record(Record::new(event, fleet.local, facts.clone()).after(facts))
            .await?;
        change.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl NodeDirectory for Directory {
    async fn hello(&self, hello: &Hello, peer_uid: u32) -> Result<String, Refused> {
        if !self
            .allowed
            .get(&hello.role)
            .is_some_and(|uids| uids.contains(&peer_uid))
        {
            return Err(Refused(format!(
                "user {peer_uid} may not run a process of role {}",
                hello.role.as_str()
            )));
        }
        if [&hello.process, &hello.version]
            .iter()
            .any(|text| text.is_empty() || text.len() > MAX_TEXT)
        {
            return Err(Refused(format!("process and version have 1 to {MAX_TEXT} characters")));
        }
        let key = match &hello.public_key {
            None => None,
            // Certificates' keys are sealed to it: no other role's process may put its own there.
            Some(_) if hello.role != Role::Edge => {
                return Err(Refused(format!("a process of role {} has no key", hello.role.as_str())));
            }
            Some(text) => Some(
                text.parse()
                    .map_err(|_| Refused("the public key cannot be read".to_owned()))?,
            ),
        };
        match self.learn(hello, key.as_ref()).await {
            Ok(()) => Ok(self.fleet.local.to_string()),
            Err(error) => {
                tracing::warn!(%error, "a process of the fleet cannot be registered");
                Err(Refused("the database is not available at the moment".to_owned()))
            }
        }
    }
}
