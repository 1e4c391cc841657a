//! Finds out how a site does.

use std::time::Duration;

use mpanel_events::Served;
use mpanel_feed::frame::Role;
use mpanel_feed::topics::EDGE_HOST;
use mpanel_kernel::ids::{SiteId, TenantId};
use tokio::time::Instant;

use crate::domain::{Condition, Observation, Site, assess, keep_times, misses_files};
use crate::error::Error;
use crate::{Sites, store};

impl Sites {
    /// Whether the edges serve these hosts as of `generation`, waiting for it for at most `within`.
    pub(crate) async fn served(
        &self,
        hosts: &[String],
        generation: i64,
        within: Duration,
    ) -> Result<Vec<(String, Served)>, Error> {
        let deadline = Instant::now() + within;
        let mut all = Vec::with_capacity(hosts.len());
        for host in hosts {
            let left = deadline.saturating_duration_since(Instant::now());
            let object = (EDGE_HOST, host.as_str(), generation);
            let db = self.spine.db();
            let served = self.ports.board.wait(db, &self.ports.tail, Role::Edge, object, left);
            all.push((host.clone(), served.await?));
        }
        Ok(all)
    }

    /// Who serves these hosts as of `generation` now, in their order.
    async fn served_now(&self, hosts: &[String], generation: i64) -> Result<Vec<Served>, Error> {
        let objects: Vec<(&str, i64)> = hosts.iter().map(|host| (host.as_str(), generation)).collect();
        let board = &self.ports.board;
        Ok(board.now(self.spine.db(), Role::Edge, EDGE_HOST, &objects).await?)
    }

    /// The hosts of a site that the edge cannot serve as they are now.
    pub(crate) async fn refused(&self, tenant: TenantId, site: SiteId) -> Result<Vec<String>, Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let site = store::sites::get(&mut tx, site).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        let hosts: Vec<String> = site.host_names()?.iter().map(ToString::to_string).collect();
        let served = self.served_now(&hosts, site.generation).await?;
        let refused = hosts.into_iter().zip(served);
        Ok(refused
            .filter_map(|(host, served)| matches!(served, Served::Refused(_)).then_some(host))
            .collect())
    }

    /// Brings a site's conditions, readiness and summary up to date with what is found now. `files`
    /// says whether those of the active release are there, if somebody looked; what was found the last time holds
    /// until somebody looks again or the site changes.
    pub(crate) async fn observe(
        &self,
        tenant: TenantId,
        site: &mut Site,
        files: Option<bool>,
    ) -> Result<Vec<Condition>, Error> {
        let hosts = site.host_names()?;
        // Previews stand below the platform's own domain, which its own zone answers.
        let domains = &hosts[1..];

        let mut tx = self.spine.db().tenant(tenant).await?;
        let dns = self.ports.records.status(&mut tx, domains).await?;
        let certificates = self.ports.certificates.status(&mut tx, &hosts).await?;
        let paused = store::pauses::paused(&mut tx).await?.map(|(paused, _)| paused);
        let delivery = store::delivery::get(&mut tx, site.id).await?.unwrap_or_default();
        tx.end_read();

        let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let served = self.served_now(&names, site.generation).await?;
        let edge = names.iter().cloned().zip(served).collect();
        let addresses = self.ports.nodes.addresses(site.node);
        let old: Vec<Condition> = serde_json::from_str(&site.conditions)?;
        let known = site.observed_generation == site.generation && misses_files(&old);
        let files = files.or(known.then_some(false));
        let seen = Observation {
            dns: names[1..].iter().cloned().zip(dns).collect(),
            certificates: names.into_iter().zip(certificates).collect(),
            edge,
            addresses: addresses.iter().map(ToString::to_string).collect(),
            files,
            passed_on: delivery.document.servers.is_some_and(|servers| servers.is_whole()),
            paused,
        };
        let (conditions, ready, summary) = assess(site, &seen, self.address(), self.clock.now());
        let conditions = keep_times(conditions, &old);
        site.conditions = serde_json::to_string(&conditions)?;
        site.ready = ready;
        site.summary = summary;
        Ok(conditions)
    }
}
