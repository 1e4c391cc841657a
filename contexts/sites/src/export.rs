//! What a tenant takes away: its sites, and the files of their releases, which the agent writes: this process reads none.

use std::fs::File;
use std::io::Write as _;

use async_trait::async_trait;
use mpanel_client_agent::{Error as AgentError, Failure, PackRelease};
use mpanel_kernel::ids::{ReleaseId, SiteId, TenantId};
use mpanel_kernel::paging::{MAX_LIMIT, PageRequest};
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter};
use serde_json::{Value, json};

use crate::domain::{Delivery, Release, ReleaseState, Site};
use crate::error::Error;
use crate::{Sites, store};

const FOLDER: &str = "sites/";
const ABOUT: &str = "/site.json";
const RELEASES: &str = "/releases/";
/// What can be uploaded again.
const PACKED: &str = ".tar.gz";

/// A file of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The site with its domains, settings and releases.
    About(SiteId),
    /// The files of a release.
    Files(SiteId, ReleaseId),
}

impl Wanted {
    fn path(self) -> String {
        match self {
            Self::About(site) => format!("{FOLDER}{site}{ABOUT}"),
            Self::Files(site, release) => format!("{FOLDER}{site}{RELEASES}{release}{PACKED}"),
        }
    }

    fn parse(path: &str) -> Option<Self> {
        let name = path.strip_prefix(FOLDER)?;
        if let Some(site) = name.strip_suffix(ABOUT) {
            return Some(Self::About(site.parse().ok()?));
        }
        let (site, release) = name.strip_suffix(PACKED)?.split_once(RELEASES)?;
        Some(Self::Files(site.parse().ok()?, release.parse().ok()?))
    }
}

fn has_files(release: &Release, all: bool) -> bool {
    match release.state {
        ReleaseState::Active => true,
        ReleaseState::Ready => all,
        ReleaseState::Unpacking | ReleaseState::Failed | ReleaseState::Deleting => false,
    }
}

fn described(site: &Site, delivery: &Delivery, releases: &[Release]) -> Result<Value, Error> {
    let releases = releases.iter().map(|release| {
        json!({
            "id": release.id, "number": release.number, "state": release.state.as_str(), "files": release.files,
            "bytes": release.bytes, "filename": release.filename, "sha256": release.sha256, "size": release.size,
            "note": release.note, "problem": release.problem, "created_by": release.created_by,
            "created_at": release.created_at, "activated_at": release.activated_at,
        })
    });
    let domains: Value = serde_json::from_str(&site.domain_list)?;
    let settings = &site.settings;
    Ok(json!({
        "id": site.id, "name": site.name, "slug": site.slug, "preview_host": site.preview_host,
        "primary_host": site.primary_host, "domains": domains, "active_release": site.active_release,
        "disk_bytes": site.disk_bytes, "created_at": site.created_at,
        "settings": {
            "spa_fallback": settings.spa_fallback, "not_found_page": settings.not_found_page,
            "https_redirect": settings.https_redirect, "keep_releases": settings.keep_releases,
        },
        "delivery": delivery.facts()?,
        "releases": releases.collect::<Vec<_>>(),
    }))
}

impl Sites {
    async fn wanted_of(&self, tenant: TenantId, scope: ExportScope) -> Result<Vec<Wanted>, Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let (mut wanted, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest {
                limit: MAX_LIMIT,
                after,
            };
            let sites = store::sites::list(&mut tx, page).await?;
            for site in sites.iter().take(MAX_LIMIT as usize) {
                after = Some(site.id.uuid());
                wanted.push(Wanted::About(site.id));
                let releases = store::releases::all(&mut tx, site.id).await?;
                let releases = releases.iter().filter(|release| has_files(release, scope.all_releases));
                wanted.extend(releases.map(|release| Wanted::Files(site.id, release.id)));
            }
            if sites.len() <= MAX_LIMIT as usize {
                tx.end_read();
                return Ok(wanted);
            }
        }
    }

    async fn about(&self, tenant: TenantId, id: SiteId) -> Result<Option<Value>, Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let site = store::sites::get(&mut tx, id).await?;
        let delivery = store::delivery::get(&mut tx, id).await?.unwrap_or_default();
        let releases = store::releases::all(&mut tx, id).await?;
        tx.end_read();
        site.map(|site| described(&site, &delivery.document, &releases))
            .transpose()
    }

    async fn pack(&self, tenant: TenantId, at: (SiteId, ReleaseId), into: File, most: u64) -> Result<(), ExportError> {
        let mut tx = self.spine.db().tenant(tenant).await.map_err(ExportError::other)?;
        let site = store::sites::get(&mut tx, at.0).await;
        tx.end_read();
        let site = site.map_err(ExportError::other)?.ok_or(ExportError::Gone)?;
        let request = PackRelease {
            site: at.0,
            release: at.1,
            uid: site.uid().map_err(ExportError::other)?,
            max_bytes: most,
        };
        match self.ports.agent.pack_release(request, into).await {
            Ok(_) => Ok(()),
            Err(AgentError::Failed(Failure::NoSpace {})) => Err(ExportError::NoSpace),
            // Removed since it was listed.
            Err(AgentError::Failed(Failure::NoRelease {})) => Err(ExportError::Gone),
            Err(error) => Err(ExportError::other(error)),
        }
    }
}

#[async_trait]
impl Exporter for Sites {
    fn name(&self) -> &'static str {
        "sites"
    }

    async fn list(&self, tenant: TenantId, scope: ExportScope) -> Result<Vec<String>, ExportError> {
        let wanted = self.wanted_of(tenant, scope).await.map_err(ExportError::other)?;
        Ok(wanted.into_iter().map(Wanted::path).collect())
    }

    async fn write(&self, tenant: TenantId, path: &str, mut into: File, most: u64) -> Result<(), ExportError> {
        match Wanted::parse(path).ok_or(ExportError::Gone)? {
            Wanted::Files(site, release) => self.pack(tenant, (site, release), into, most).await,
            Wanted::About(site) => {
                let about = self.about(tenant, site).await.map_err(ExportError::other)?;
                let about = about.ok_or(ExportError::Gone)?;
                Ok(into.write_all(format!("{about:#}\n").as_bytes())?)
            }
        }
    }
}
