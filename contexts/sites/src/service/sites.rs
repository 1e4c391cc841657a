use mpanel_authz::{OpCx, actions};
use mpanel_events::Record;
use mpanel_kernel::ids::{OperationId, SiteId};
use mpanel_kernel::names::{RelPath, Title};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_sites_contract::events;
use serde_json::{Value, json};

use crate::domain::{Site, SiteState, SiteSummary};
use crate::error::Error;
use crate::ops::{DELETE_SITE, DeleteSiteInput};
use crate::{Sites, authz, store};

/// What is to be changed; an absent field stays.
#[derive(Default)]
pub struct SitePatch {
    pub name: Option<String>,
    pub settings: SettingsPatch,
    /// The version that the caller has seen.
    pub seen: Option<i64>,
}

#[derive(Default)]
pub struct SettingsPatch {
    pub spa_fallback: Option<bool>,
    /// `Some(None)` removes it.
    pub not_found_page: Option<Option<RelPath>>,
    pub https_redirect: Option<bool>,
    pub keep_releases: Option<i32>,
}

impl Sites {
    /// A site with what is known of it at this moment.
    pub async fn get_site(&self, cx: &OpCx, id: SiteId) -> Result<Site, Error> {
        let site = self.stored_site(cx, id).await?;
        cx.authorize::<authz::Site, _>(actions::Read)?;
        self.observed(cx, site).await
    }

    /// The answer to whoever has just made or changed a site: who may do that need not be one who may look.
    pub(super) async fn site_changed(&self, cx: &OpCx, id: SiteId) -> Result<Site, Error> {
        let site = self.stored_site(cx, id).await?;
        self.observed(cx, site).await
    }

    async fn stored_site(&self, cx: &OpCx, id: SiteId) -> Result<Site, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let site = store::sites::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(site)
    }

    async fn observed(&self, cx: &OpCx, mut site: Site) -> Result<Site, Error> {
        if site.state == SiteState::Active {
            self.observe(cx.tenant(), &mut site, None).await?;
        }
        Ok(site)
    }

    /// Sites with what the reconciler has last seen of them.
    pub async fn list_sites(&self, cx: &OpCx, page: PageRequest) -> Result<Page<SiteSummary>, Error> {
        cx.authorize::<authz::Site, _>(actions::List)?;
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let rows = store::sites::list(&mut tx, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |site| site.id.uuid()))
    }

    pub async fn update_site(&self, cx: &OpCx, id: SiteId, patch: SitePatch) -> Result<Site, Error> {
        let mut change = self.spine.begin(cx).await?;
        let before = store::sites::lock(change.tx(), id).await?;
        let allowed = cx.authorize::<authz::Site, _>(actions::Modify)?;
        let before = before.active()?;
        if patch.seen.is_some_and(|seen| seen != before.version) {
            return Err(Error::Stale);
        }
        let name = match &patch.name {
            Some(name) => Title::parse(name).map_err(|error| error.at("/name"))?.into(),
            None => before.name.clone(),
        };
        let mut settings = before.settings.clone();
        let wanted = patch.settings;
        settings.spa_fallback = wanted.spa_fallback.unwrap_or(settings.spa_fallback);
        settings.https_redirect = wanted.https_redirect.unwrap_or(settings.https_redirect);
        if let Some(page) = wanted.not_found_page {
            settings.not_found_page = page.map(not_found_page).transpose()?;
        }
        if let Some(keep) = wanted.keep_releases {
            if !(1..=100).contains(&keep) {
                return Err(Error::field(
                    "/settings/keep_releases",
                    "sites.site.keep_out_of_range",
                    "a site keeps 1 to 100 releases",
                ));
            }
            settings.keep_releases = keep;
        }
        store::sites::update(change.tx(), &allowed, id, &name, &settings).await?;
        self.publish(change.tx(), id, &[]).await?;
        let after = store::sites::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        change
            .record(
                Record::new(events::SITE_CHANGED, id, json!({"version": after.version}))
                    .before(facts(&before)?)
                    .after(facts(&after)?),
            )
            .await?;
        change.commit().await?;
        self.site_changed(cx, id).await
    }

    /// Begins the removal of a site with everything it has.
    pub async fn delete_site(&self, cx: &OpCx, id: SiteId) -> Result<OperationId, Error> {
        let mut change = self.spine.begin(cx).await?;
        let site = store::sites::lock(change.tx(), id).await?;
        let allowed = cx.authorize::<authz::Site, _>(actions::Delete)?;
        let site = site.active()?;
        store::sites::bury(change.tx(), &allowed, id).await?;
        let input = DeleteSiteInput { site: id };
        let operation = mpanel_jobs::start(change.tx(), cx, &DELETE_SITE, id, &input).await?;
        let record = Record::new(events::SITE_DELETING, id, json!({"operation": operation}));
        change.record(record.before(facts(&site)?)).await?;
        change.commit().await?;
        Ok(operation)
    }
}

/// The edges serve no file whose path has a part that begins with a dot.
fn not_found_page(page: RelPath) -> Result<String, Error> {
    if page.as_str().split('/').any(|part| part.starts_with('.')) {
        return Err(Error::field(
            "/settings/not_found_page",
            "sites.site.hidden_page",
            "a page is no hidden file: no part of its path begins with a dot",
        ));
    }
    Ok(page.to_string())
}

/// What the log tells of a site, before and after.
pub(crate) fn facts(site: &Site) -> Result<Value, Error> {
    let domains = site.domains()?;
    Ok(json!({
        "name": site.name,
        "slug": site.slug,
        "primary_host": site.primary_host,
        "domains": domains.iter().map(|domain| &domain.name).collect::<Vec<_>>(),
        "spa_fallback": site.settings.spa_fallback,
        "not_found_page": site.settings.not_found_page,
        "https_redirect": site.settings.https_redirect,
        "keep_releases": site.settings.keep_releases,
    }))
}
