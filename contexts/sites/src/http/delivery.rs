//! How a site is delivered, on the wire.

mod sections;

use std::collections::BTreeMap;

use axum::response::IntoResponse;
use mpanel_engine_edge::{Policy, TlsRules};
use mpanel_http::{Cx, Ids, IfMatch, Json, ProblemDocument, Result, etag};
use mpanel_kernel::ids::SiteId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::Delivery;
use crate::service::SetDelivery;
use crate::store::delivery::Stored;
use sections::{
    AccessDto, AreaDto, CacheDto, HeadersDto, HstsDto, MaintenanceDto, RateDto, RedirectDto, ServersDto, TlsDto,
};

/// What stands before a site, who answers in place of its files, and what is kept of these answers. Paths are `/exact`, `/area/*`
/// (which covers `/area` too) or `/a/:any/b`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Delivery)]
pub struct DeliveryDto {
    /// Other places for paths; the first that matches is followed.
    redirects: Vec<RedirectDto>,
    /// Changes to the header of answers, in order.
    headers: Vec<HeadersDto>,
    /// Who may come, by address. All that match must agree.
    access: Vec<AccessDto>,
    /// How often one may ask. All that match must agree.
    rates: Vec<RateDto>,
    /// Areas that ask for a name and a password; the first that matches asks.
    areas: Vec<AreaDto>,
    /// A page in place of the site.
    #[schema(required)]
    maintenance: Option<MaintenanceDto>,
    /// Tells browsers to come by HTTPS alone.
    #[schema(required)]
    hsts: Option<HstsDto>,
    /// What handshakes demand.
    #[schema(required)]
    tls: Option<TlsDto>,
    /// Who answers in place of the site's files.
    #[schema(required)]
    servers: Option<ServersDto>,
    /// How answers of the servers are kept.
    #[schema(required)]
    cache: Option<CacheDto>,
    /// Grows with each change, 0 before the first; also the `ETag`.
    version: i64,
}

impl From<Stored> for DeliveryDto {
    fn from(stored: Stored) -> Self {
        let Delivery { policy, servers, cache } = stored.document;
        Self {
            redirects: policy.rules.into_iter().map(Into::into).collect(),
            headers: policy.headers.into_iter().map(Into::into).collect(),
            access: policy.access.into_iter().map(Into::into).collect(),
            rates: policy.rates.into_iter().map(Into::into).collect(),
            areas: policy.auth.into_iter().map(Into::into).collect(),
            maintenance: policy.maintenance.map(Into::into),
            hsts: policy.hsts.map(Into::into),
            tls: policy.tls.map(Into::into),
            servers: servers.map(Into::into),
            cache: cache.map(Into::into),
            version: stored.version,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::SetDelivery)]
pub struct SetDeliveryDto {
    /// At most 1000.
    #[serde(default)]
    redirects: Vec<RedirectDto>,
    /// At most 50.
    #[serde(default)]
    headers: Vec<HeadersDto>,
    /// At most 50.
    #[serde(default)]
    access: Vec<AccessDto>,
    /// At most 20.
    #[serde(default)]
    rates: Vec<RateDto>,
    /// At most 20.
    #[serde(default)]
    areas: Vec<AreaDto>,
    #[serde(default)]
    maintenance: Option<MaintenanceDto>,
    #[serde(default)]
    hsts: Option<HstsDto>,
    #[serde(default)]
    tls: Option<TlsDto>,
    #[serde(default)]
    servers: Option<ServersDto>,
    #[serde(default)]
    cache: Option<CacheDto>,
}

impl SetDeliveryDto {
    fn wanted(self, seen: Option<i64>) -> SetDelivery {
        let mut passwords = BTreeMap::new();
        for (index, area) in self.areas.iter().enumerate() {
            let new = area
                .users
                .iter()
                .filter_map(|(user, password)| Some((user, password.as_ref()?)));
            passwords.extend(new.map(|(user, password)| ((index, user.clone()), password.clone())));
        }
        let policy = Policy {
            tls: self.tls.map(TlsRules::from),
            access: self.access.into_iter().map(Into::into).collect(),
            rates: self.rates.into_iter().map(Into::into).collect(),
            maintenance: self.maintenance.map(Into::into),
            rules: self.redirects.into_iter().map(Into::into).collect(),
            auth: self.areas.into_iter().map(Into::into).collect(),
            headers: self.headers.into_iter().map(Into::into).collect(),
            hsts: self.hsts.map(Into::into),
        };
        SetDelivery {
            document: Delivery {
                policy,
                servers: self.servers.map(Into::into),
                cache: self.cache.map(Into::into),
            },
            passwords,
            seen,
        }
    }
}

/// Shows how a site is delivered: the rules before it, its servers, its cache.
#[utoipa::path(get, path = "/sites/{site_id}/delivery", operation_id = "delivery_get", tag = "sites",
    params(("site_id" = String, Path)),
    responses((status = 200, body = DeliveryDto), (status = 404, body = ProblemDocument)))]
pub async fn get(sites: State, Cx(cx): Cx, Ids(site): Ids<SiteId>) -> Result<impl IntoResponse + use<>> {
    let stored = sites.delivery(&cx, site).await?;
    Ok(([etag(stored.version)], Json(DeliveryDto::from(stored))))
}

/// Replaces how a site is delivered.
///
/// It is one document: what is left out is gone. Visitors meet it within a moment. Passwords are never shown again; a user whose
/// password is `null` keeps the one that the area for the same path had.
#[utoipa::path(put, path = "/sites/{site_id}/delivery", operation_id = "delivery_set", tag = "sites",
    params(("site_id" = String, Path)), request_body = SetDeliveryDto,
    responses((status = 200, body = DeliveryDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
        (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn set(
    sites: State,
    Cx(cx): Cx,
    Ids(site): Ids<SiteId>,
    IfMatch(seen): IfMatch,
    Json(body): Json<SetDeliveryDto>,
) -> Result<impl IntoResponse + use<>> {
    let stored = sites.set_delivery(&cx, site, body.wanted(seen)).await?;
    Ok(([etag(stored.version)], Json(DeliveryDto::from(stored))))
}
