use mpanel_http::{Cx, Json, Paging, ProblemDocument, Query, Result, TenantKindWord};
use mpanel_kernel::ids::{SiteId, TenantId, ZoneId};
use mpanel_tenancy_contract::{ItemKind, Subject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::tenants::StateWord;
use crate::domain::{self, Found};
use crate::error::Error;

/// Whose something is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::FoundTenant)]
pub struct FoundTenantDto {
    #[schema(value_type = String, example = "tnt_01h2xcejqtf2nbrexx3vqjhp41")]
    id: TenantId,
    name: String,
    /// `platform`, `reseller` or `customer`.
    #[schema(value_type = TenantKindWord)]
    kind: &'static str,
    /// `active`, `suspended` or `terminating`.
    #[schema(value_type = StateWord)]
    state: &'static str,
}

/// Something that the acting tenant or one below it has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Found)]
pub struct FoundDto {
    /// `site`, `domain` or `zone`.
    #[schema(value_type = FoundKindWord)]
    kind: &'static str,
    name: String,
    /// `active` or `deleting`.
    status: String,
    /// The site that it is, or that answers at it.
    #[schema(value_type = Option<String>, required)]
    site_id: Option<SiteId>,
    /// The zone that it is.
    #[schema(value_type = Option<String>, required)]
    zone_id: Option<ZoneId>,
    tenant: FoundTenantDto,
}

mpanel_http::words!(
    /// What can be found.
    FoundKindWord as "tenancy.FoundKind" = ItemKind::ALL.map(ItemKind::as_str)
);

mpanel_http::list!(FoundList of FoundDto as tenancy::FoundList);

impl From<Found> for FoundDto {
    fn from(found: Found) -> Self {
        let (site_id, zone_id) = match found.subject {
            Subject::Site(site) => (Some(site), None),
            Subject::Zone(zone) => (None, Some(zone)),
        };
        Self {
            kind: found.kind.as_str(),
            name: found.name,
            status: found.status,
            site_id,
            zone_id,
            tenant: FoundTenantDto {
                id: found.owner,
                name: found.owner_name,
                kind: found.owner_kind.as_str(),
                state: found.owner_state.as_str(),
            },
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct FoundFilter {
    q: Option<String>,
    #[serde(rename = "filter[kind]")]
    kind: Option<String>,
}

/// Finds what the acting tenant and everybody below it have: whose domain is this?
///
/// With `q`, what begins with it or is a name below it, one page of what fits best; without, everything, in pages.
/// What has just been made is found a moment later.
#[utoipa::path(get, path = "/subtree", operation_id = "subtree_list", tag = "tenancy",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before; without `q`"),
        ("q" = Option<String>, Query, description = "the beginning of a site's name or a host name, or a domain"),
        ("filter[kind]" = Option<FoundKindWord>, Query, description = "`site`, `domain` or `zone`"),
    ),
    responses((status = 200, body = FoundList), (status = 422, body = ProblemDocument)))]
pub async fn list(
    service: State,
    Cx(cx): Cx,
    Paging(page): Paging,
    Query(filter): Query<FoundFilter>,
) -> Result<Json<FoundList>> {
    let of = |word: &str| ItemKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    let kind = match filter.kind.as_deref() {
        None => None,
        Some(word) => Some(of(word).ok_or_else(|| {
            let text = "what can be found are a site, a domain and a zone";
            Error::field("?filter[kind]", "tenancy.subtree.bad_kind", text)
        })?),
    };
    let query = domain::Query::of(filter.q.as_deref(), kind);
    Ok(Json(service.find(&cx, &query, page).await?.into()))
}
