use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, ProblemDocument, Result};
use mpanel_kernel::ids::SiteId;
use mpanel_kernel::names::DomainName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::{Domain, DomainKind};
use crate::service::AddDomain;

/// A host name at which a site answers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Domain)]
pub struct DomainDto {
    #[schema(value_type = String, example = "www.example.com")]
    name: DomainName,
    /// `primary`, `alias` (serves the same) or `redirect`.
    #[schema(value_type = KindWord)]
    kind: &'static str,
    /// Where a redirect leads; `null` for the site's own address.
    #[schema(required)]
    target: Option<String>,
    /// The redirect's HTTP status.
    #[schema(required)]
    status: Option<u16>,
    created_at: Timestamp,
}

impl From<Domain> for DomainDto {
    fn from(domain: Domain) -> Self {
        Self {
            name: domain.name,
            kind: domain.kind.as_str(),
            target: domain.target,
            status: domain.status,
            created_at: domain.created_at,
        }
    }
}

mpanel_http::words!(
    /// What a domain does for its site.
    KindWord as "sites.DomainKind" = [DomainKind::Primary, DomainKind::Alias, DomainKind::Redirect].map(DomainKind::as_str)
);

/// All domains of a site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::DomainList)]
pub struct DomainList {
    items: Vec<DomainDto>,
    /// Always `null`: the list is whole.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::AddDomain)]
pub struct AddDomainDto {
    #[schema(value_type = String, example = "www.example.com")]
    name: DomainName,
    /// `primary` (the one before becomes an alias), `alias` or `redirect`.
    #[schema(value_type = KindWord)]
    kind: DomainKind,
    /// Of a redirect: a host such as `https://example.com`; the site's own address when absent.
    #[serde(default)]
    target: Option<String>,
    /// Of a redirect: 301, 302, 307 or 308; 301 when absent.
    #[serde(default)]
    status: Option<i64>,
}

/// Lists a site's domains, the primary one first.
#[utoipa::path(get, path = "/sites/{site_id}/domains", operation_id = "domains_list", tag = "sites",
    params(("site_id" = String, Path)),
    responses((status = 200, body = DomainList), (status = 404, body = ProblemDocument)))]
pub async fn list(sites: State, Cx(cx): Cx, Ids(site): Ids<SiteId>) -> Result<Json<DomainList>> {
    let domains = sites.list_domains(&cx, site).await?;
    Ok(Json(DomainList {
        items: domains.into_iter().map(Into::into).collect(),
        next_cursor: None,
    }))
}

/// Adds a domain; its records, certificate and what is served follow by themselves.
#[utoipa::path(post, path = "/sites/{site_id}/domains", operation_id = "domains_create", tag = "sites",
    params(("site_id" = String, Path)), request_body = AddDomainDto,
    responses((status = 201, body = DomainDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(
    sites: State,
    Cx(cx): Cx,
    Ids(site): Ids<SiteId>,
    Json(body): Json<AddDomainDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = AddDomain {
        name: body.name,
        kind: body.kind,
        target: body.target,
        status: body.status,
    };
    let domain = sites.add_domain(&cx, site, new).await?;
    Ok((StatusCode::CREATED, Json(DomainDto::from(domain))))
}

/// Removes a domain from a site, with the records and the certificate that were made for it.
#[utoipa::path(delete, path = "/sites/{site_id}/domains/{name}", operation_id = "domains_delete", tag = "sites", extensions(("x-step-up" = json!(true))),
    params(("site_id" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn delete(sites: State, Cx(cx): Cx, Ids((site, name)): Ids<(SiteId, DomainName)>) -> Result<StatusCode> {
    sites.remove_domain(&cx, site, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
