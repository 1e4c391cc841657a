use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, Paging, Problem, ProblemDocument, Query, Result};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{OperationId, ReleaseId, SiteId, UploadId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::uploads::content_length;
use super::{StartedDto, State, location};
use crate::domain::{Release, ReleaseState};
use crate::service::{Deploying, NewRelease, NewUpload};

/// Of what a release was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::ReleaseSource)]
pub struct SourceDto {
    filename: String,
    /// Hexadecimal.
    #[schema(required)]
    sha256: Option<String>,
    /// Of the archive.
    size: i64,
}

mpanel_http::words!(
    /// Where a release is in its life.
    StateWord as "sites.ReleaseState" = ReleaseState::ALL.map(ReleaseState::as_str)
);

/// One version of a site's files.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Release)]
pub struct ReleaseDto {
    #[schema(value_type = String, example = "rel_01h2xcejqtf2nbrexx3vqjhp41")]
    id: ReleaseId,
    /// Counts up within the site.
    number: i32,
    /// `unpacking`, `ready`, `active`, `failed` or `deleting`.
    #[schema(value_type = StateWord)]
    state: &'static str,
    /// `null` until it is unpacked.
    #[schema(required)]
    files: Option<i64>,
    /// Bytes of disk space that it takes of the plan: each file in whole blocks of 4096 bytes, one at least, and a block
    /// for each folder, its own included; `null` until it is unpacked.
    #[schema(required)]
    bytes: Option<i64>,
    source: SourceDto,
    #[schema(required)]
    note: Option<String>,
    /// Why it failed.
    #[schema(required)]
    problem: Option<String>,
    created_at: Timestamp,
    #[schema(required)]
    activated_at: Option<Timestamp>,
    /// `usr_…` or `tok_…`.
    created_by: String,
}

impl From<Release> for ReleaseDto {
    fn from(release: Release) -> Self {
        Self {
            id: release.id,
            number: release.number,
            state: release.state.as_str(),
            files: release.files,
            bytes: release.bytes,
            source: SourceDto {
                filename: release.filename,
                sha256: release.sha256,
                size: release.size,
            },
            note: release.note,
            problem: release.problem,
            created_at: release.created_at,
            activated_at: release.activated_at,
            created_by: release.created_by,
        }
    }
}

mpanel_http::list!(ReleaseList of ReleaseDto as sites::ReleaseList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::CreateRelease)]
pub struct CreateReleaseDto {
    /// A finished upload of the site.
    #[schema(value_type = String)]
    upload_id: UploadId,
    /// Whether it becomes the active release when it is ready.
    #[serde(default = "yes")]
    activate: bool,
    /// At most 500 characters.
    #[serde(default)]
    note: Option<String>,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Deploying)]
pub struct DeployingDto {
    /// Follow it at `/api/v1/operations/{operation_id}`.
    #[schema(value_type = String)]
    operation_id: OperationId,
    #[schema(value_type = String)]
    release_id: ReleaseId,
}

/// What goes along with an archive that is the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyQuery {
    activate: Option<bool>,
    note: Option<String>,
}

/// A JSON body says these things itself: ignored, `?activate=false` would put a release live against the caller's wish.
fn beside_json(query: &BodyQuery) -> Result<()> {
    let pointer = match query {
        BodyQuery { activate: Some(_), .. } => "?activate",
        BodyQuery { note: Some(_), .. } => "?note",
        _ => return Ok(()),
    };
    let text = "this goes into the body when the body is JSON";
    Err(Problem::field(FieldError::new(
        pointer,
        "sites.release.not_beside_json",
        text,
    )))
}

/// Lists a site's releases, newest first.
#[utoipa::path(get, path = "/sites/{site_id}/releases", operation_id = "releases_list", tag = "sites",
    params(
        ("site_id" = String, Path),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = ReleaseList), (status = 404, body = ProblemDocument)))]
pub async fn list(sites: State, Cx(cx): Cx, Ids(site): Ids<SiteId>, Paging(page): Paging) -> Result<Json<ReleaseList>> {
    Ok(Json(sites.list_releases(&cx, site, page).await?.into()))
}

/// Begins to make a release: of a finished upload, or of an archive that is the body itself.
///
/// The parameters belong to the second form; its file name comes in `Content-Disposition`, if at all.
#[utoipa::path(post, path = "/sites/{site_id}/releases", operation_id = "releases_create", tag = "sites",
    params(
        ("site_id" = String, Path),
        ("activate" = Option<bool>, Query, description = "whether it becomes the active release; true when absent"),
        ("note" = Option<String>, Query, description = "at most 500 characters"),
    ),
    request_body(content((CreateReleaseDto = "application/json"), (String = "application/zip"), (String = "application/gzip"))),
    responses(
        (status = 202, body = DeployingDto, headers(("Location" = String, description = "the operation"))),
        (status = 400, body = ProblemDocument),
        (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
        (status = 503, body = ProblemDocument),
    ))]
pub async fn create(
    sites: State,
    Cx(cx): Cx,
    Ids(site): Ids<SiteId>,
    Query(query): Query<BodyQuery>,
    request: Request,
) -> Result<impl IntoResponse + use<>> {
    let deploying = match extension(request.headers()) {
        Some(extension) => {
            let length = content_length(request.headers()).ok_or_else(|| {
                Problem::field(FieldError::new(
                    "#Content-Length",
                    "sites.upload.no_length",
                    "say in the header Content-Length how long the archive is",
                ))
            })?;
            let new = NewUpload {
                filename: filename(request.headers()).unwrap_or_else(|| format!("site.{extension}")),
                size: i64::try_from(length).unwrap_or(i64::MAX),
            };
            let body = request.into_body().into_data_stream();
            sites
                .create_release_of(&cx, site, new, (query.activate.unwrap_or_else(yes), query.note), body)
                .await?
        }
        None => {
            beside_json(&query)?;
            let Json(body) = Json::<CreateReleaseDto>::from_request(request, &()).await?;
            let new = NewRelease {
                upload: body.upload_id,
                activate: body.activate,
                note: body.note,
                own_upload: false,
            };
            sites.create_release(&cx, site, new).await?
        }
    };
    let Deploying { operation, release } = deploying;
    let dto = DeployingDto {
        operation_id: operation,
        release_id: release,
    };
    Ok((StatusCode::ACCEPTED, [location(operation)], Json(dto)))
}

/// The file name extension of an archive that is the body.
fn extension(headers: &HeaderMap) -> Option<&'static str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next()?.trim() {
        "application/zip" | "application/x-zip-compressed" => Some("zip"),
        "application/gzip" | "application/x-gzip" | "application/x-tgz" => Some("tar.gz"),
        _ => None,
    }
}

/// `filename="…"` of `Content-Disposition` (RFC 6266), without a path.
fn filename(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let name = value
        .split(';')
        .find_map(|part| part.trim().strip_prefix("filename="))?;
    let name = name.trim_matches('"');
    let name = name.rsplit(['/', '\\']).next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Shows a release.
#[utoipa::path(get, path = "/sites/{site_id}/releases/{release_id}", operation_id = "releases_get", tag = "sites",
    params(("site_id" = String, Path), ("release_id" = String, Path)),
    responses((status = 200, body = ReleaseDto), (status = 404, body = ProblemDocument)))]
pub async fn get(sites: State, Cx(cx): Cx, Ids((site, id)): Ids<(SiteId, ReleaseId)>) -> Result<Json<ReleaseDto>> {
    Ok(Json(sites.get_release(&cx, site, id).await?.into()))
}

/// Begins to remove a release that is not served.
#[utoipa::path(delete, path = "/sites/{site_id}/releases/{release_id}", operation_id = "releases_delete", tag = "sites", extensions(("x-step-up" = json!(true))),
    params(("site_id" = String, Path), ("release_id" = String, Path)),
    responses((status = 202, body = StartedDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn delete(
    sites: State,
    Cx(cx): Cx,
    Ids((site, id)): Ids<(SiteId, ReleaseId)>,
) -> Result<impl IntoResponse + use<>> {
    let operation_id = sites.delete_release(&cx, site, id).await?;
    let place = location(operation_id);
    Ok((StatusCode::ACCEPTED, [place], Json(StartedDto { operation_id })))
}

/// Begins to make a release the active one, back or forward.
#[utoipa::path(post, path = "/sites/{site_id}/releases/{release_id}/activate", operation_id = "releases_activate", tag = "sites",
    params(("site_id" = String, Path), ("release_id" = String, Path)),
    responses((status = 202, body = StartedDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn activate(
    sites: State,
    Cx(cx): Cx,
    Ids((site, id)): Ids<(SiteId, ReleaseId)>,
) -> Result<impl IntoResponse + use<>> {
    let operation_id = sites.activate_release(&cx, site, id).await?;
    let place = location(operation_id);
    Ok((StatusCode::ACCEPTED, [place], Json(StartedDto { operation_id })))
}
