//! Keeps what can be found across the tree in step with the contexts that have it.

use std::sync::Arc;

use async_trait::async_trait;
use mpanel_events::{Consumer, Error, FeedRow};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::PlatformTx;
use mpanel_tenancy_contract::{Described, Resources, Subject};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

    /// Page by page, and nothing is forgotten before: whoever searches meanwhile finds what was there. In the end goes what is
    /// no longer anywhere. Each part holds the tree as it is (`tenancy.describe`) for no longer than it takes to write a page.
    async fn rebuild(&self, tx: &mut PlatformTx, from: Option<Value>) -> Result<Option<Value>, Error> {
        let part = match from {
            Some(from) => serde_json::from_value(from)?,
            None => Part::Page {
                context: 0,
                after: None,
            },
        };
        let next = match part {
            Part::Page { context, after } => Some(self.page(tx, context, after).await?),
            Part::Known { after } => self.look_again(tx, after).await?,
        };
        Ok(next.map(serde_json::to_value).transpose()?)
    }
}

/// Where a part of building everything anew begins.
#[derive(Serialize, Deserialize)]
enum Part {
    /// What one of the contexts has, from behind a subject of an owner.
    Page {
        context: usize,
        after: Option<(TenantId, String)>,
    },
    /// What is known, from behind a subject: it may be gone.
    Known { after: Option<String> },
}

impl Projection {
    async fn page(
        &self,
        tx: &mut PlatformTx,
        context: usize,
        after: Option<(TenantId, String)>,
    ) -> Result<Part, Error> {
        let Some(of) = self.contexts.get(context) else {
            return Ok(Part::Known { after: None });
        };
        let after = after.and_then(|(owner, subject)| Some((owner, Subject::parse(&subject)?)));
        let page = of.page(tx, after).await?;
        resources::describe(tx, &page).await?;
        Ok(match page.last() {
            Some(last) => Part::Page {
                context,
                after: Some((last.owner, text(last.subject))),
            },
            None => Part::Page {
                context: context + 1,
                after: None,
            },
        })
    }

    async fn look_again(&self, tx: &mut PlatformTx, after: Option<String>) -> Result<Option<Part>, Error> {
        let after = after.as_deref().and_then(Subject::parse);
        let known = resources::known(tx, after).await?;
        let Some((last, _)) = known.last() else {
            return Ok(None);
        };
        let next = Part::Known {
            after: Some(text(*last)),
        };
        let mut gone = Vec::new();
        for (subject, owner) in known {
            let mut there = false;
            for context in &self.contexts {
                let described = context.describe(tx, owner, subject).await?;
                there |= described.is_some_and(|described| !described.items.is_empty());
            }
            if !there {
                gone.push(Described {
                    subject,
                    owner,
                    items: Vec::new(),
                });
            }
        }
        resources::describe(tx, &gone).await?;
        Ok(Some(next))
    }
}

/// As [`Subject::parse`] reads it.
fn text(subject: Subject) -> String {
    match subject {
        Subject::Site(site) => site.to_string(),
        Subject::Zone(zone) => zone.to_string(),
    }
}
