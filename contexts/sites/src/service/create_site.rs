use mpanel_authz::{OpCx, actions};
use mpanel_events::{Begin, Record};
use mpanel_kernel::ids::SiteId;
use mpanel_kernel::names::{DomainName, Slug, Title};
use mpanel_pg::TenantTx;
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::{ClaimKind, EntitlementKey, NameError};
use serde_json::json;

use super::AddDomain;
use super::sites::facts;
use crate::domain::{DomainKind, Site};
use crate::error::Error;
use crate::{Sites, authz, store};

/// Labels that end in a number are tried up to here; then the end is random.
const NUMBERED: u32 = 9;
/// Leaves room for what is added, within a DNS label.
const BASE: usize = 32;

pub struct CreateSite {
    pub name: String,
    /// Made of the name when absent.
    pub slug: Option<Slug>,
    /// Becomes the primary domain.
    pub domain: Option<DomainName>,
}

impl Sites {
    pub async fn create_site(&self, cx: &OpCx, new: CreateSite) -> Result<Site, Error> {
        let allowed = cx.authorize::<authz::Site, _>(actions::Create)?;
        let name = Title::parse(&new.name).map_err(|error| error.at("/name"))?;
        let slug = new.slug.unwrap_or_else(|| Slug::from_title(name.as_str()));
        let mut change = match self.spine.begin_once(cx, "sites_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(id) => return self.site_changed(cx, id).await,
        };
        let id = SiteId::generate();
        let entitlements = &self.ports.entitlements;
        entitlements.reserve(change.tx(), EntitlementKey::Sites, 1).await?;
        let tx = change.tx();
        let (label, preview) = self.claim_preview(tx, id, &slug).await?;
        let node = self.ports.nodes.local();
        let row = store::sites::NewSite {
            id,
            name: &name,
            slug: &label,
            preview_host: &preview,
            node,
            keep_releases: self.settings.keep_releases.clamp(1, 100),
        };
        store::sites::insert(tx, &allowed, &row, cx.clock().now()).await?;
        self.ports.certificates.want(tx, &preview).await?;
        if let Some(domain) = new.domain {
            let domain = AddDomain {
                name: domain,
                kind: DomainKind::Primary,
                target: None,
                status: None,
            };
            self.attach(cx, change.tx(), (id, node), &domain, "/domain").await?;
        }
        self.publish(change.tx(), id, &[]).await?;
        let site = store::sites::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let record = Record::new(events::SITE_CREATED, id, json!({"slug": label}));
        change.record(record.after(facts(&site)?)).await?;
        change.commit_with(&id).await?;
        self.site_changed(cx, id).await
    }

    /// Claims a name for previews: of the slug itself, or of the slug with something added.
    async fn claim_preview(&self, tx: &mut TenantTx, id: SiteId, slug: &Slug) -> Result<(Slug, DomainName), Error> {
        let base = slug.as_str();
        let short = base.get(..BASE).unwrap_or(base).trim_end_matches('-');
        let numbered = (2..=NUMBERED).map(|number| format!("{short}-{number}"));
        // The end of an id is random; its alphabet is a label's.
        let text = id.to_string();
        let random = format!("{short}-{}", &text[text.len() - 6..]);
        for label in std::iter::once(base.to_owned()).chain(numbered).chain([random]) {
            let label = Slug::parse(&label).map_err(|error| error.at("/slug"))?;
            let name = self.settings.previews.name(&label);
            if self.settings.reserved_hosts.contains(&name) {
                continue;
            }
            match self.ports.claims.claim(tx, &name, ClaimKind::Preview).await {
                // A claim that the tenant has already is no new one.
                Ok(()) if store::sites::has_preview(tx, &name).await? => {}
                Ok(()) => return Ok((label, name)),
                Err(NameError::Db(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Err(Error::field(
            "/slug",
            "sites.site.slug_taken",
            "this short name is not available; choose another one",
        ))
    }
}
