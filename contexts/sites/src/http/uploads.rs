use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, Problem, ProblemDocument, Result};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{SiteId, UploadId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::{Upload, UploadState};
use crate::error::Error;
use crate::service::NewUpload;

/// How many bytes of an upload have arrived.
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

mpanel_http::words!(
    /// Where an upload is in its life.
    StateWord as "sites.UploadState" = [UploadState::Open, UploadState::Finished, UploadState::Used, UploadState::Deleting].map(UploadState::as_str)
);

/// An archive on its way in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Upload)]
pub struct UploadDto {
    #[schema(value_type = String, example = "upl_01h2xcejqtf2nbrexx3vqjhp41")]
    id: UploadId,
    filename: String,
    /// Bytes that have arrived; where to continue.
    offset: i64,
    size: i64,
    /// `open`, `finished` or `used`.
    #[schema(value_type = StateWord)]
    state: &'static str,
    /// Hexadecimal; once it is finished.
    #[schema(required)]
    sha256: Option<String>,
    created_at: Timestamp,
    /// Until when it has to become a release.
    expires_at: Timestamp,
}

impl From<Upload> for UploadDto {
    fn from(upload: Upload) -> Self {
        Self {
            id: upload.id,
            filename: upload.filename,
            offset: upload.received,
            size: upload.size,
            state: upload.state.as_str(),
            sha256: upload.sha256,
            created_at: upload.created_at,
            expires_at: upload.expires_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sites::CreateUpload)]
pub struct CreateUploadDto {
    /// Ends in `.zip`, `.tar.gz` or `.tgz`.
    #[schema(example = "site.zip")]
    filename: String,
    /// Bytes.
    size: i64,
}

fn offset_header(at: i64) -> (HeaderName, HeaderValue) {
    (UPLOAD_OFFSET, HeaderValue::from(at))
}

pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Makes room for an archive, which then comes in as many requests as it takes.
#[utoipa::path(post, path = "/sites/{site_id}/uploads", operation_id = "uploads_create", tag = "sites",
    params(("site_id" = String, Path)), request_body = CreateUploadDto,
    responses((status = 201, body = UploadDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(
    sites: State,
    Cx(cx): Cx,
    Ids(site): Ids<SiteId>,
    Json(body): Json<CreateUploadDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = NewUpload {
        filename: body.filename,
        size: body.size,
    };
    let upload = sites.create_upload(&cx, site, new).await?;
    Ok((
        StatusCode::CREATED,
        [offset_header(upload.received)],
        Json(UploadDto::from(upload)),
    ))
}

/// Says how many bytes of an upload have arrived.
#[utoipa::path(get, path = "/sites/{site_id}/uploads/{upload_id}", operation_id = "uploads_get", tag = "sites",
    params(("site_id" = String, Path), ("upload_id" = String, Path)),
    responses((status = 200, body = UploadDto), (status = 404, body = ProblemDocument)))]
pub async fn get(
    sites: State,
    Cx(cx): Cx,
    Ids((site, id)): Ids<(SiteId, UploadId)>,
) -> Result<impl IntoResponse + use<>> {
    let upload = sites.get_upload(&cx, site, id).await?;
    Ok(([offset_header(upload.received)], Json(UploadDto::from(upload))))
}

/// Sends the next bytes of an upload.
///
/// What has arrived when a request breaks off is kept; the answer 409 says in `Upload-Offset` where to continue.
#[utoipa::path(patch, path = "/sites/{site_id}/uploads/{upload_id}", operation_id = "uploads_append", tag = "sites",
    params(
        ("site_id" = String, Path),
        ("upload_id" = String, Path),
        ("Upload-Offset" = i64, Header, description = "bytes that have arrived before this request"),
    ),
    request_body(content = String, content_type = "application/octet-stream"),
    responses(
        (status = 204, headers(("Upload-Offset" = i64, description = "bytes that have arrived"))),
        (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument, headers(("Upload-Offset" = i64, description = "bytes that have arrived"))),
        (status = 410, body = ProblemDocument),
        (status = 413, body = ProblemDocument),
        (status = 422, body = ProblemDocument),
        (status = 503, body = ProblemDocument),
    ))]
pub async fn append(
    sites: State,
    Cx(cx): Cx,
    Ids((site, id)): Ids<(SiteId, UploadId)>,
    request: Request,
) -> Result<Response> {
    let headers = request.headers();
    let offset = headers
        .get(UPLOAD_OFFSET)
        .and_then(|value| value.to_str().ok()?.parse::<i64>().ok())
        .filter(|offset| *offset >= 0)
        .ok_or_else(|| {
            Problem::field(FieldError::new(
                "#Upload-Offset",
                "sites.upload.bad_offset",
                "say in the header Upload-Offset how many bytes have arrived before",
            ))
        })?;
    let length = content_length(headers);
    let body = request.into_body().into_data_stream();
    match sites.append(&cx, (site, id), offset, length, body).await {
        Ok(upload) => Ok((StatusCode::NO_CONTENT, [offset_header(upload.received)]).into_response()),
        Err(error @ Error::UploadOffset { current }) => {
            let mut response = Problem::from(error).into_response();
            response.headers_mut().insert(UPLOAD_OFFSET, current.into());
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives an upload up.
#[utoipa::path(delete, path = "/sites/{site_id}/uploads/{upload_id}", operation_id = "uploads_delete", tag = "sites",
    params(("site_id" = String, Path), ("upload_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn delete(sites: State, Cx(cx): Cx, Ids((site, id)): Ids<(SiteId, UploadId)>) -> Result<StatusCode> {
    sites.delete_upload(&cx, site, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
