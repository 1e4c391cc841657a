use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, IfMatch, Json, ProblemDocument, Result, etag};
use mpanel_kernel::ids::{ReleaseId, SiteId};
use mpanel_kernel::names::{DomainName, RelPath, Slug};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::domains::DomainDto;
use super::{StartedDto, State, location};
use crate::domain::{Address, Site, SiteState};
use crate::error::Error;
use crate::service::{CreateSite, SettingsPatch, SitePatch};

mpanel_http::words!(
    /// Whether a site is there to stay.
    StateWord as "sites.SiteState" = [SiteState::Active, SiteState::Deleting].map(SiteState::as_str)
);

mpanel_http::words!(
    /// Whether something is as it must be.
    TruthWord as "sites.Truth" = ["true", "false", "unknown"]
);

mpanel_http::words!(
    /// What must be right for a site to be reached.
    ConditionWord as "sites.ConditionType" = ["suspended", "traffic", "release", "dns", "certificate", "edge"]
);

/// One thing that must be right for a site to be reached. Documents JSON that is passed on as it is stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Condition)]
pub struct ConditionDto {
    /// `suspended` when it is, `traffic` when it is used up, `release`, `dns`, `certificate` or `edge`.
    #[serde(rename = "type")]
    #[schema(value_type = ConditionWord)]
    kind: String,
    /// `true`, `false`, or `unknown` for not yet or not for us to know.
    #[schema(value_type = TruthWord)]
    status: String,
    /// One word for programs.
    reason: String,
    /// A sentence for people.
    message: String,
    /// Since when it is so.
    #[schema(value_type = Timestamp)]
    at: Timestamp,
}

/// How a site does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Status)]
pub struct StatusDto {
    ready: bool,
    /// In plain words.
    summary: String,
    #[schema(value_type = Vec<ConditionDto>)]
    conditions: Box<RawValue>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Settings)]
pub struct SettingsDto {
    /// What is not found is answered with the start page: for applications that route in the browser.
    spa_fallback: bool,
    /// Page for what is not found, a path in the release; `404.html` of the release when `null`.
    #[schema(required)]
    not_found_page: Option<String>,
    /// Whether plain HTTP is redirected to HTTPS.
    https_redirect: bool,
    /// How many releases are kept, the active one included.
    keep_releases: i32,
}

/// A website.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Site)]
pub struct SiteDto {
    #[schema(value_type = String, example = "site_01h2xcejqtf2nbrexx3vqjhp41")]
    id: SiteId,
    name: String,
    slug: String,
    /// `active` or `deleting`.
    #[schema(value_type = StateWord)]
    state: &'static str,
    status: StatusDto,
    /// At its primary domain; `null` without one.
    #[schema(required)]
    url: Option<String>,
    /// Works before any domain is owned.
    preview_url: String,
    /// The primary one first.
    #[schema(value_type = Vec<DomainDto>)]
    domains: Box<RawValue>,
    #[schema(value_type = Option<String>, required)]
    active_release_id: Option<ReleaseId>,
    settings: SettingsDto,
    /// The sum of `bytes` of all its releases. The plan also counts archives, until they have become releases.
    disk_bytes: i64,
    created_at: Timestamp,
    /// Grows with each change of name and settings; also the `ETag`.
    version: i64,
}

impl SiteDto {
    /// JSON that the database made and checked goes on as it is: lists are long.
    fn new(site: Site, address: Address) -> std::result::Result<Self, Error> {
        Ok(Self {
            id: site.id,
            state: site.state.as_str(),
            status: StatusDto {
                ready: site.ready,
                summary: site.summary,
                conditions: RawValue::from_string(site.conditions)?,
            },
            url: site.primary_host.as_deref().map(|host| address.of(host)),
            preview_url: address.of(&site.preview_host),
            domains: RawValue::from_string(site.domain_list)?,
            active_release_id: site.active_release,
            settings: SettingsDto {
                spa_fallback: site.settings.spa_fallback,
                not_found_page: site.settings.not_found_page,
                https_redirect: site.settings.https_redirect,
                keep_releases: site.settings.keep_releases,
            },
            disk_bytes: site.disk_bytes,
            created_at: site.created_at,
            version: site.version,
            name: site.name,
            slug: site.slug,
        })
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::CreateSite)]
pub struct CreateSiteDto {
    /// 1 to 100 characters.
    name: String,
    /// Names the preview; made of the name when absent, and made unique by adding to it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    slug: Option<Slug>,
    /// Its primary domain.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "example.com")]
    domain: Option<DomainName>,
}

/// Absent fields stay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::SettingsPatch)]
pub struct SettingsPatchDto {
    #[serde(default)]
    spa_fallback: Option<bool>,
    /// `null` for the release's own `404.html`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    not_found_page: Option<Option<RelPath>>,
    #[serde(default)]
    https_redirect: Option<bool>,
    /// 1 to 100.
    #[serde(default)]
    keep_releases: Option<i32>,
}

/// Tells `null` from an absent field.
fn present<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<Option<Option<RelPath>>, D::Error> {
    Option::<RelPath>::deserialize(d).map(Some)
}

/// Absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::SitePatch)]
pub struct SitePatchDto {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    settings: Option<SettingsPatchDto>,
}

/// Creates a site, which answers at its preview address at once.
#[utoipa::path(post, path = "/sites", operation_id = "sites_create", tag = "sites", request_body = CreateSiteDto,
    responses((status = 201, body = SiteDto), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(sites: State, Cx(cx): Cx, Json(body): Json<CreateSiteDto>) -> Result<impl IntoResponse + use<>> {
    let new = CreateSite {
        name: body.name,
        slug: body.slug,
        domain: body.domain,
    };
    let site = sites.create_site(&cx, new).await?;
    let tag = etag(site.version);
    Ok((StatusCode::CREATED, [tag], Json(SiteDto::new(site, sites.address())?)))
}

/// Shows a site, with what is known of it at this moment.
#[utoipa::path(get, path = "/sites/{site_id}", operation_id = "sites_get", tag = "sites",
    params(("site_id" = String, Path)),
    responses((status = 200, body = SiteDto), (status = 404, body = ProblemDocument)))]
pub async fn get(sites: State, Cx(cx): Cx, Ids(id): Ids<SiteId>) -> Result<impl IntoResponse + use<>> {
    let site = sites.get_site(&cx, id).await?;
    Ok(([etag(site.version)], Json(SiteDto::new(site, sites.address())?)))
}

/// Renames a site or changes how it is served.
#[utoipa::path(patch, path = "/sites/{site_id}", operation_id = "sites_update", tag = "sites",
    params(("site_id" = String, Path)), request_body = SitePatchDto,
    responses((status = 200, body = SiteDto), (status = 404, body = ProblemDocument), (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn update(
    sites: State,
    Cx(cx): Cx,
    Ids(id): Ids<SiteId>,
    IfMatch(seen): IfMatch,
    Json(body): Json<SitePatchDto>,
) -> Result<impl IntoResponse + use<>> {
    let settings = body.settings.unwrap_or_default();
    let patch = SitePatch {
        name: body.name,
        settings: SettingsPatch {
            spa_fallback: settings.spa_fallback,
            not_found_page: settings.not_found_page,
            https_redirect: settings.https_redirect,
            keep_releases: settings.keep_releases,
        },
        seen,
    };
    let site = sites.update_site(&cx, id, patch).await?;
    Ok(([etag(site.version)], Json(SiteDto::new(site, sites.address())?)))
}

/// Begins to remove a site with its domains, records, certificates and files.
#[utoipa::path(delete, path = "/sites/{site_id}", operation_id = "sites_delete", tag = "sites", extensions(("x-step-up" = json!(true))),
    params(("site_id" = String, Path)),
    responses((status = 202, body = StartedDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn delete(sites: State, Cx(cx): Cx, Ids(id): Ids<SiteId>) -> Result<impl IntoResponse + use<>> {
    let operation_id = sites.delete_site(&cx, id).await?;
    let place = location(operation_id);
    Ok((StatusCode::ACCEPTED, [place], Json(StartedDto { operation_id })))
}
