//! Keeps what can be found across the tree in step with the contexts that have it.

use std::sync::Arc;

use async_trait::async_trait;
use mpanel_events::{Consumer, Error, FeedRow};
use mpanel_pg::PlatformTx;
use mpanel_tenancy_contract::{Resources, Subject};

use crate::store::resources;

/// Follows the feed: an event only says of what to look anew, so that taking one on twice or late changes nothing.
/// After a restore, or when it has been away for too long, everything is built anew from the contexts' tables.
pub struct Projection {
    contexts: Vec<Arc<dyn Resources>>,
}

impl Projection {
    #[must_use]
    pub fn new(contexts: Vec<Arc<dyn Resources>>) -> Self {
        Self { contexts }
    }
}

#[async_trait]
impl Consumer for Projection {
    fn name(&self) -> &'static str {
        "tenancy.subtree"
    }

    fn wants(&self, event: &str) -> bool {
        self.contexts.iter().any(|context| context.changes(event))
    }

    async fn handle(&self, tx: &mut PlatformTx, event: &FeedRow) -> Result<(), Error> {
        let Some((subject, owner)) = Subject::parse(&event.key).zip(event.tenant) else {
            return Ok(());
        };
        for context in self.contexts.iter().filter(|context| context.changes(&event.topic)) {
            if let Some(described) = context.describe(tx, owner, subject).await? {
                resources::describe(tx, &[described]).await?;
            }
        }
        Ok(())
    }

    async fn rebuild(&self, tx: &mut PlatformTx) -> Result<(), Error> {
        resources::forget_all(tx).await?;
        for context in &self.contexts {
            let mut after = None;
            loop {
                let page = context.page(tx, after).await?;
                let Some(last) = page.last() else { break };
                after = Some((last.owner, last.subject));
                resources::describe(tx, &page).await?;
            }
        }
        Ok(())
    }
}
