//! One-shot changes with steps. Operations on one site run one after the other: the site is their subject.

mod activate;
mod delete_release;
mod delete_site;
mod deploy;
mod refusal;

use std::sync::Arc;

use mpanel_events::Served;
use mpanel_jobs::{Operation, StepCx, StepError};
use mpanel_kernel::ids::{ReleaseId, SiteId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use activate::{ACTIVATE, Activate};
pub use delete_release::{DELETE_RELEASE, DeleteRelease};
pub use delete_site::{DELETE_SITE, DeleteSite, DeleteSiteInput};
pub use deploy::{DEPLOY, Deploy, DeployInput};

use crate::Sites;
use crate::domain::Site;
use crate::error::Error;

/// What operations on a release that exists begin with.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ReleaseInput {
    pub site: SiteId,
    pub release: ReleaseId,
}

/// What a step that publishes leaves for the one that waits.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Published {
    /// `None` when there is nothing to wait for.
    pub generation: Option<i64>,
    pub hosts: Vec<String>,
}

impl Published {
    pub(crate) fn new(site: &Site, generation: i64) -> Result<Self, Error> {
        Ok(Self {
            generation: Some(generation),
            hosts: site.host_names()?.iter().map(ToString::to_string).collect(),
        })
    }

    fn output(&self) -> Result<Value, StepError> {
        serde_json::to_value(self).map_err(|error| Error::from(error).into())
    }
}

pub fn all(sites: &Sites) -> Vec<Arc<dyn Operation>> {
    vec![
        Arc::new(Deploy(sites.clone())),
        Arc::new(Activate(sites.clone())),
        Arc::new(DeleteRelease(sites.clone())),
        Arc::new(DeleteSite(sites.clone())),
    ]
}

/// Waits until the edges serve what `step` published, or for as long as that may take: edges that
/// are away learn of it when they come back, which is no reason to undo anything.
async fn wait_served(sites: &Sites, cx: &StepCx, step: &str) -> Result<Value, StepError> {
    let published: Published = cx.output(step)?.unwrap_or_default();
    let Some(generation) = published.generation else {
        return Ok(json!({"served": true}));
    };
    let waiting = sites.served(&published.hosts, generation, sites.settings.served_within);
    let all = tokio::select! {
        all = waiting => all?,
        () = cx.cancelled() => return Err(StepError::retry("cancelled")),
    };
    for (host, served) in &all {
        if let Served::Refused(why) = served {
            let text = format!("the edge cannot serve {host} like that and goes on with what it had: {why}");
            return Err(StepError::failed("sites.edge.refused", text));
        }
    }
    let missing: Vec<&(String, Served)> = all.iter().filter(|(_, served)| *served != Served::Everywhere).collect();
    if let Some((host, served)) = missing.first() {
        tracing::warn!(operation = %cx.operation_id(), host, ?served, "change is not served everywhere yet");
    }
    Ok(json!({"served": missing.is_empty()}))
}
