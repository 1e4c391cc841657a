use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Result};
use mpanel_kernel::ids::ZoneId;
use mpanel_kernel::names::DomainName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::Dns;
use crate::domain::Zone;

/// Whether the name servers answer the zone as it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dns::ZoneStatus)]
pub struct ZoneStatusDto {
    served: bool,
    /// In plain words.
    message: String,
}

/// A DNS zone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dns::Zone)]
pub struct ZoneDto {
    #[schema(value_type = String, example = "zone_01h2xcejqtf2nbrexx3vqjhp41")]
    id: ZoneId,
    apex: String,
    serial: i64,
    /// The servers to enter at the registrar.
    nameservers: Vec<String>,
    record_count: i64,
    status: ZoneStatusDto,
    created_at: Timestamp,
}

mpanel_http::list!(ZoneList of ZoneDto as dns::ZoneList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dns::CreateZone)]
pub struct CreateZoneDto {
    /// The domain itself, such as `example.com`.
    #[schema(value_type = String, example = "example.com")]
    apex: DomainName,
}

impl Dns {
    async fn describe(&self, zones: Vec<Zone>) -> Result<Vec<ZoneDto>> {
        let statuses = self.statuses(&zones).await?;
        let described = zones.into_iter().zip(statuses).map(|(zone, status)| ZoneDto {
            id: zone.id,
            apex: zone.apex,
            serial: zone.serial,
            nameservers: self.nameservers.iter().map(ToString::to_string).collect(),
            record_count: zone.records,
            status: ZoneStatusDto {
                served: status.served,
                message: status.message,
            },
            created_at: zone.created_at,
        });
        Ok(described.collect())
    }

    async fn describe_one(&self, zone: Zone) -> Result<ZoneDto> {
        let mut described = self.describe(vec![zone]).await?;
        Ok(described.pop().expect("as many as were given"))
    }
}

/// Lists the tenant's zones.
#[utoipa::path(get, path = "/zones", operation_id = "zones_list", tag = "dns",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = ZoneList), (status = 422, body = ProblemDocument)))]
pub async fn list(dns: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<ZoneList>> {
    let page = dns.list_zones(&cx, page).await?;
    Ok(Json(ZoneList {
        items: dns.describe(page.items).await?,
        next_cursor: page.next_cursor,
    }))
}

/// Creates a zone that names our servers.
#[utoipa::path(post, path = "/zones", operation_id = "zones_create", tag = "dns",
    request_body = CreateZoneDto,
    responses((status = 201, body = ZoneDto), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(dns: State, Cx(cx): Cx, Json(body): Json<CreateZoneDto>) -> Result<impl IntoResponse + use<>> {
    let zone = dns.create_zone(&cx, &body.apex).await?;
    Ok((StatusCode::CREATED, Json(dns.describe_one(zone).await?)))
}

/// Shows a zone.
#[utoipa::path(get, path = "/zones/{zone_id}", operation_id = "zones_get", tag = "dns",
    params(("zone_id" = String, Path)),
    responses((status = 200, body = ZoneDto), (status = 404, body = ProblemDocument)))]
pub async fn get(dns: State, Cx(cx): Cx, Ids(id): Ids<ZoneId>) -> Result<Json<ZoneDto>> {
    let zone = dns.get_zone(&cx, id).await?;
    Ok(Json(dns.describe_one(zone).await?))
}

/// Deletes a zone with all its records; the name servers refuse it at once.
#[utoipa::path(delete, path = "/zones/{zone_id}", operation_id = "zones_delete", tag = "dns", extensions(("x-step-up" = json!(true))),
    params(("zone_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn delete(dns: State, Cx(cx): Cx, Ids(id): Ids<ZoneId>) -> Result<StatusCode> {
    dns.delete_zone(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
