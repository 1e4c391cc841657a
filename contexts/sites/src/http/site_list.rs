use jiff::Timestamp;
use mpanel_http::{Cx, Json, Paging, ProblemDocument, Result};
use mpanel_kernel::ids::{ReleaseId, SiteId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::State;
use super::domains::DomainDto;
use super::sites::{ConditionWord, StateWord};
use crate::domain::{Address, SiteSummary, SiteUrl};
use crate::error::Error;

/// How a site does, in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::StatusSummary)]
pub struct StatusSummaryDto {
    ready: bool,
    /// Types of the conditions that are false: it waits for somebody rather than for time.
    #[schema(value_type = Vec<ConditionWord>)]
    blocked_by: Box<RawValue>,
    /// In plain words.
    summary: String,
}

/// A website in a list; settings and conditions are in the site itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::SiteSummary)]
pub struct SiteSummaryDto {
    #[schema(value_type = String, example = "site_01h2xcejqtf2nbrexx3vqjhp41")]
    id: SiteId,
    name: String,
    slug: String,
    /// `active` or `deleting`.
    #[schema(value_type = StateWord)]
    state: &'static str,
    status: StatusSummaryDto,
    /// At its primary domain; `null` without one.
    #[schema(value_type = Option<String>, required)]
    url: Option<SiteUrl<String>>,
    /// Works before any domain is owned.
    #[schema(value_type = String)]
    preview_url: SiteUrl<String>,
    /// The primary one first.
    #[schema(value_type = Vec<DomainDto>)]
    domains: Box<RawValue>,
    #[schema(value_type = Option<String>, required)]
    active_release_id: Option<ReleaseId>,
    /// Of the files of all releases.
    disk_bytes: i64,
    created_at: Timestamp,
}

impl SiteSummaryDto {
    fn new(site: SiteSummary, address: Address) -> std::result::Result<Self, Error> {
        Ok(Self {
            id: site.id,
            state: site.state.as_str(),
            status: StatusSummaryDto {
                ready: site.ready,
                blocked_by: RawValue::from_string(site.blocked_by)?,
                summary: site.summary,
            },
            url: site.primary_host.map(|host| address.url(host)),
            preview_url: address.url(site.preview_host),
            domains: RawValue::from_string(site.domain_list)?,
            active_release_id: site.active_release,
            disk_bytes: site.disk_bytes,
            created_at: site.created_at,
            name: site.name,
            slug: site.slug,
        })
    }
}

/// One page of the list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::SiteList)]
pub struct SiteList {
    items: Vec<SiteSummaryDto>,
    /// Pass as `cursor` for the next page; `null` at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Lists sites, with what was last seen of them.
#[utoipa::path(get, path = "/sites", operation_id = "sites_list", tag = "sites",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = SiteList), (status = 422, body = ProblemDocument)))]
pub async fn list(sites: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<SiteList>> {
    let page = sites.list_sites(&cx, page).await?;
    let address = sites.address();
    let items = page.items.into_iter().map(|site| SiteSummaryDto::new(site, address));
    Ok(Json(SiteList {
        items: items.collect::<std::result::Result<_, _>>()?,
        next_cursor: page.next_cursor,
    }))
}
