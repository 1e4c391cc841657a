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
use serde_json::Value;

pub use activate::{ACTIVATE, Activate};
pub use delete_release::{DELETE_RELEASE, DeleteRelease};
pub use delete_site::{DELETE_SITE, DeleteSite, DeleteSiteInput};
pub use deploy::{DEPLOY, Deploy, DeployInput};

use crate::Sites;
use crate::domain::{DomainKind, Site};
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
    /// Those of the hosts that the edge may refuse and nothing fails by it: what is published anew has no part in that.
    #[serde(default)]
    pub apart: Vec<String>,
    /// Those of the hosts that show the release, when one is published: if the edge refuses them all, nobody sees it.
    #[serde(default)]
    pub showing: Vec<String>,
}

/// What waiting for what was published leaves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Waited {
    served: bool,
    #[serde(default)]
    warning: Option<String>,
    /// Whether some host goes on with an older release.
    #[serde(default)]
    older: bool,
}

impl Published {
    pub(crate) fn new(site: &Site, generation: i64) -> Result<Self, Error> {
        Ok(Self {
            generation: Some(generation),
            hosts: site.host_names()?.iter().map(ToString::to_string).collect(),
            apart: Vec::new(),
            showing: Vec::new(),
        })
    }

    /// As [`Published::new`] for another release: redirects show none, and what was `refused` before is not its doing.
    pub(crate) fn release(site: &Site, generation: i64, refused: Vec<String>) -> Result<Self, Error> {
        let mut published = Self::new(site, generation)?;
        let redirects = site
            .domains()?
            .into_iter()
            .filter(|domain| domain.kind == DomainKind::Redirect);
        published.apart = redirects.map(|domain| domain.name.to_string()).chain(refused).collect();
        published.showing = showing(site)?;
        Ok(published)
    }

    fn output(&self) -> Result<Value, StepError> {
        output(self)
    }
}

fn output(left: &impl Serialize) -> Result<Value, StepError> {
    serde_json::to_value(left).map_err(|error| Error::from(error).into())
}

/// The hosts that show a site's release; redirects show none.
fn showing(site: &Site) -> Result<Vec<String>, Error> {
    let mut hosts = vec![site.preview()?.to_string()];
    let domains = site.domains()?.into_iter();
    let domains = domains.filter(|domain| domain.kind != DomainKind::Redirect);
    hosts.extend(domains.map(|domain| domain.name.to_string()));
    Ok(hosts)
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
        return output(&Waited {
            served: true,
            ..Waited::default()
        });
    };
    let waiting = sites.served(&published.hosts, generation, sites.settings.served_within);
    let all = tokio::select! {
        all = waiting => all?,
        () = cx.cancelled() => return Err(StepError::retry("cancelled")),
    };
    let refused = |(host, served): &(String, Served)| match served {
        Served::Refused(why) => Some((
            published.apart.contains(host),
            format!("the edge cannot serve {host} like that and goes on with what it had: {why}"),
        )),
        _ => None,
    };
    if let Some((_, text)) = all.iter().filter_map(refused).find(|(apart, _)| !apart) {
        return Err(StepError::failed("sites.edge.refused", text));
    }
    // Each may be refused for a reason of its own, but a release that none of them shows is not served at all.
    let older: Vec<String> = all
        .iter()
        .filter(|(host, _)| published.showing.contains(host))
        .filter_map(refused)
        .map(|(_, text)| text)
        .collect();
    if let Some(text) = older.first().filter(|_| older.len() == published.showing.len()) {
        return Err(StepError::failed("sites.edge.refused", text.clone()));
    }
    let missing: Vec<&(String, Served)> = all.iter().filter(|(_, served)| *served != Served::Everywhere).collect();
    if let Some((host, served)) = missing.first() {
        tracing::warn!(operation = %cx.operation_id(), host, ?served, "change is not served everywhere yet");
    }
    let warning = all.iter().find_map(refused).map(|(_, text)| text);
    output(&Waited {
        served: missing.is_empty(),
        warning,
        older: !older.is_empty(),
    })
}
