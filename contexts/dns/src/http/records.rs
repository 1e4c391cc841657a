use axum::http::StatusCode;
use axum::response::IntoResponse;
use mpanel_engine_dns::RecordType;
use mpanel_http::{Cx, Ids, IfMatch, Json, Paging, ProblemDocument, Result, etag};
use mpanel_kernel::ids::{RecordId, ZoneId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::{NewRecord, Record};
use crate::service::RecordPatch;

/// A record of a zone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dns::Record)]
pub struct RecordDto {
    #[schema(value_type = String, example = "rec_01h2xcejqtf2nbrexx3vqjhp41")]
    id: RecordId,
    /// Absolute, without the final dot.
    name: String,
    #[serde(rename = "type")]
    #[schema(value_type = TypeWord)]
    rtype: String,
    /// Seconds.
    ttl: i32,
    /// Presentation format.
    data: String,
    /// Kept by the platform: an address of a site's domain, changed by changing the site, or the
    /// zone's own name servers.
    managed: bool,
    /// Grows with each change; also the `ETag`.
    version: i64,
}

impl From<Record> for RecordDto {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            name: record.name,
            rtype: record.rtype,
            ttl: record.ttl,
            data: record.data,
            managed: record.managed_for.is_some(),
            version: record.version,
        }
    }
}

mpanel_http::words!(
    /// The types of record that a zone may hold.
    TypeWord as "dns.RecordType" = RecordType::ALL.map(RecordType::as_str)
);

mpanel_http::list!(RecordList of RecordDto as dns::RecordList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dns::CreateRecord)]
pub struct CreateRecordDto {
    /// `@` for the apex, relative to it, or absolute.
    #[schema(example = "www")]
    name: String,
    /// A, AAAA, CNAME, MX, TXT, NS, CAA or SRV.
    #[serde(rename = "type")]
    #[schema(value_type = TypeWord)]
    rtype: String,
    /// Seconds.
    #[serde(default = "default_ttl")]
    ttl: i64,
    #[schema(example = "192.0.2.1")]
    data: String,
}

fn default_ttl() -> i64 {
    3600
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dns::RecordPatch)]
pub struct RecordPatchDto {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "type")]
    #[schema(value_type = Option<TypeWord>)]
    rtype: Option<String>,
    #[serde(default)]
    ttl: Option<i64>,
    #[serde(default)]
    data: Option<String>,
}

/// Lists a zone's records.
#[utoipa::path(get, path = "/zones/{zone_id}/records", operation_id = "records_list", tag = "dns",
    params(
        ("zone_id" = String, Path),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = RecordList), (status = 404, body = ProblemDocument)))]
pub async fn list(dns: State, Cx(cx): Cx, Ids(zone): Ids<ZoneId>, Paging(page): Paging) -> Result<Json<RecordList>> {
    Ok(Json(dns.list_records(&cx, zone, page).await?.into()))
}

/// Adds a record; the name servers answer it at once.
#[utoipa::path(post, path = "/zones/{zone_id}/records", operation_id = "records_create", tag = "dns",
    params(("zone_id" = String, Path)), request_body = CreateRecordDto,
    responses((status = 201, body = RecordDto), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(
    dns: State,
    Cx(cx): Cx,
    Ids(zone): Ids<ZoneId>,
    Json(body): Json<CreateRecordDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = NewRecord {
        name: body.name,
        rtype: body.rtype,
        ttl: body.ttl,
        data: body.data,
    };
    let record = dns.create_record(&cx, zone, &new).await?;
    Ok((
        StatusCode::CREATED,
        [etag(record.version)],
        Json(RecordDto::from(record)),
    ))
}

/// Changes a record.
#[utoipa::path(patch, path = "/zones/{zone_id}/records/{record_id}", operation_id = "records_update", tag = "dns",
    params(("zone_id" = String, Path), ("record_id" = String, Path)), request_body = RecordPatchDto,
    responses((status = 200, body = RecordDto), (status = 404, body = ProblemDocument), (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn update(
    dns: State,
    Cx(cx): Cx,
    Ids((zone, id)): Ids<(ZoneId, RecordId)>,
    IfMatch(seen): IfMatch,
    Json(body): Json<RecordPatchDto>,
) -> Result<impl IntoResponse + use<>> {
    let patch = RecordPatch {
        name: body.name,
        rtype: body.rtype,
        ttl: body.ttl,
        data: body.data,
        seen,
    };
    let record = dns.update_record(&cx, zone, id, patch).await?;
    Ok(([etag(record.version)], Json(RecordDto::from(record))))
}

/// Removes a record.
#[utoipa::path(delete, path = "/zones/{zone_id}/records/{record_id}", operation_id = "records_delete", tag = "dns",
    params(("zone_id" = String, Path), ("record_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn delete(dns: State, Cx(cx): Cx, Ids((zone, id)): Ids<(ZoneId, RecordId)>) -> Result<StatusCode> {
    dns.delete_record(&cx, zone, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
