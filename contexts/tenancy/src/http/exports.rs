use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use mpanel_authz::OpCx;
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Query, RECHECK, Result, Standing};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::{OperationId, TenantId};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use super::State;
use crate::service::{AskedExport, ExportShown, Service};

/// Bytes that are read at once.
const CHUNK: u64 = 256 << 10;

mpanel_http::words!(
    /// Where an archive is in its life.
    StateWord as "tenancy.ExportState" = ["running", "ready", "removed", "failed", "cancelled"]
);

/// How far the making of an archive is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::ExportProgress)]
pub struct ProgressDto {
    done: u64,
    #[schema(required)]
    total: Option<u64>,
    /// Of what: `files`.
    unit: String,
}

/// An archive of everything that is a tenant's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Export)]
pub struct ExportDto {
    /// Also that of the tenant's operation that makes it.
    #[schema(value_type = String, example = "op_01h2xcejqtf2nbrexx3vqjhp41")]
    id: OperationId,
    /// `running`, `ready`, `removed`, `failed` or `cancelled`.
    #[schema(value_type = StateWord)]
    state: &'static str,
    /// Of one that is running.
    #[schema(required)]
    progress: Option<ProgressDto>,
    /// Bytes, of one that is ready.
    #[schema(required)]
    size: Option<u64>,
    /// When one that is ready is removed.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// Why it failed.
    #[schema(required)]
    problem: Option<String>,
    created_at: Timestamp,
    /// `usr_…` or `tok_…`.
    created_by: String,
}

impl From<ExportShown> for ExportDto {
    fn from(export: ExportShown) -> Self {
        let operation = export.operation;
        let progress = operation.progress.filter(|_| export.state == "running");
        Self {
            id: operation.id,
            state: export.state,
            progress: progress.map(|progress| ProgressDto {
                done: progress.done,
                total: progress.total,
                unit: progress.unit,
            }),
            size: export.size,
            expires_at: export.expires_at,
            problem: operation.error.map(|error| error.message),
            created_at: operation.created_at,
            created_by: operation.actor,
        }
    }
}

mpanel_http::list!(ExportList of ExportDto as tenancy::ExportList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::CreateExport)]
pub struct CreateExportDto {
    /// Also everything of the tenants below, but for those that want to be asked before anybody looks at what is theirs.
    #[serde(default)]
    tenants_below: bool,
    /// The files of all releases, and not only of those that are shown.
    #[serde(default)]
    all_releases: bool,
    /// Why, in 5 to 300 characters on one line: for an archive with anything of a tenant below the acting one, which reads
    /// it in its log.
    #[serde(default)]
    reason: Option<String>,
}

/// Lists the archives of a tenant, newest first.
#[utoipa::path(get, path = "/tenants/{tenant_id}/exports", operation_id = "exports_list", tag = "tenancy",
    params(
        ("tenant_id" = String, Path),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = ExportList), (status = 404, body = ProblemDocument)))]
pub async fn list(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<TenantId>,
    Paging(page): Paging,
) -> Result<Json<ExportList>> {
    Ok(Json(service.list_exports(&cx, id, page).await?.into()))
}

/// Begins to make an archive of everything that is a tenant's: the acting one or one below it.
///
/// It is a tar file compressed by zstd, with `SHA256SUMS` and a manifest: the tenant, its members, plans, use, sites with their
/// files, zones, certificates without keys, and the audit log. It is kept for `exports.expire_hours`. One is made at a time,
/// and three are kept. An account that is suspended or ending may make one as well.
#[utoipa::path(post, path = "/tenants/{tenant_id}/exports", operation_id = "exports_create", tag = "tenancy",
    extensions(("x-step-up" = json!(true)), ("x-rate-class" = json!("costly"))),
    params(("tenant_id" = String, Path)), request_body = CreateExportDto,
    responses((status = 202, body = ExportDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 503, description = "The disk is full", body = ProblemDocument)))]
pub async fn create(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<TenantId>,
    Json(body): Json<CreateExportDto>,
) -> Result<Response> {
    let asked = AskedExport {
        below: body.tenants_below,
        all_releases: body.all_releases,
        reason: body.reason,
    };
    let export: ExportDto = service.create_export(&cx, id, asked).await?.into();
    let place = format!("/api/v1/tenants/{id}/exports/{}", export.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(export)).into_response())
}

/// Reads how far an archive is.
#[utoipa::path(get, path = "/tenants/{tenant_id}/exports/{export_id}", operation_id = "exports_get", tag = "tenancy",
    params(("tenant_id" = String, Path), ("export_id" = String, Path)),
    responses((status = 200, body = ExportDto), (status = 404, body = ProblemDocument)))]
pub async fn get(service: State, Cx(cx): Cx, Ids(at): Ids<(TenantId, OperationId)>) -> Result<Json<ExportDto>> {
    Ok(Json(service.get_export(&cx, at).await?.into()))
}

/// Removes an archive; one that is being made is cancelled.
#[utoipa::path(delete, path = "/tenants/{tenant_id}/exports/{export_id}", operation_id = "exports_delete", tag = "tenancy",
    params(("tenant_id" = String, Path), ("export_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn delete(service: State, Cx(cx): Cx, Ids(at): Ids<(TenantId, OperationId)>) -> Result<StatusCode> {
    service.delete_export(&cx, at).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Output {
    /// acting tenant, where a header cannot be sent
    #[expect(dead_code, reason = "the gate reads it; it is here to be described")]
    tenant: Option<String>,
}

/// Downloads an archive, or with `Range` a part of it.
///
/// Each download stands in the log. From above it is given to whoever asked for it; others act for the account. It is cut short
/// when whoever downloads it may no longer have it: the right to it is looked at every ten seconds. `Range` goes on with one.
#[utoipa::path(get, path = "/tenants/{tenant_id}/exports/{export_id}/download", operation_id = "exports_download", tag = "tenancy",
    extensions(("x-step-up" = json!(true)), ("x-rate-class" = json!("costly"))),
    params(("tenant_id" = String, Path), ("export_id" = String, Path), Output),
    responses(
        (status = 200, description = "The archive", content((Vec<u8> = "application/zstd"))),
        (status = 206, description = "The part of it that was asked for", content((Vec<u8> = "application/zstd"))),
        (status = 416, body = ProblemDocument),
        (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn download(
    service: State,
    Cx(cx): Cx,
    Ids(at): Ids<(TenantId, OperationId)>,
    Query(_output): Query<Output>,
    method: Method,
    headers: HeaderMap,
    standing: Standing,
) -> Result<Response> {
    let found = service.open_export(&cx, at).await?;
    let size = found.archive.size;
    // The file of an id never changes.
    let etag = format!("\"{}\"", at.1);
    let same = headers
        .get(header::IF_RANGE)
        .is_none_or(|seen| seen.as_bytes() == etag.as_bytes());
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let part = part(range.filter(|_| same), size);
    let (first, last) = match part {
        Part::All => (0, size.saturating_sub(1)),
        Part::Some(first, last) => (first, last),
        Part::None => {
            let place = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, place).into_response());
        }
    };
    // Without a body nothing is taken away.
    if method != Method::HEAD {
        service.note_download(&cx, at, (first, last)).await?;
    }
    let disposition = format!("attachment; filename=\"{}\"", found.name);
    let common = [
        (header::CONTENT_TYPE, "application/zstd".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, etag),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
        (header::CONTENT_LENGTH, (last - first + 1).to_string()),
    ];
    let sent = Sent {
        service: service.0,
        standing,
        looked_at: cx.clock().now(),
        cx,
        export: at,
        file: Arc::new(found.archive.file),
        next: first,
        end: last + 1,
    };
    let content = content(sent);
    Ok(match part {
        Part::Some(..) => {
            let place = [(header::CONTENT_RANGE, format!("bytes {first}-{last}/{size}"))];
            (StatusCode::PARTIAL_CONTENT, common, place, content).into_response()
        }
        _ => (common, content).into_response(),
    })
}

/// What of a file is asked for, by its first and last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Some(u64, u64),
    /// It ends before.
    None,
}

/// Reads a `Range` (RFC 9110, section 14.2). What is not understood, and several at once, is as good as none.
fn part(range: Option<&str>, size: u64) -> Part {
    let Some((first, last)) = range
        .and_then(|range| range.strip_prefix("bytes="))
        .filter(|range| !range.contains(','))
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Part::All;
    };
    let end = size.saturating_sub(1);
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), _) if first >= size => Part::None,
        (Ok(first), Ok(last)) if last >= first => Part::Some(first, last.min(end)),
        (Ok(first), Err(_)) if last.is_empty() => Part::Some(first, end),
        (Err(_), Ok(0)) if first.is_empty() => Part::None,
        (Err(_), Ok(length)) if first.is_empty() && size > 0 => Part::Some(size.saturating_sub(length), end),
        (Err(_), Ok(_)) if first.is_empty() => Part::None,
        _ => Part::All,
    }
}

/// A download under way.
struct Sent {
    service: Arc<Service>,
    standing: Standing,
    cx: OpCx,
    /// When the right to it was looked at last.
    looked_at: Timestamp,
    export: (TenantId, OperationId),
    file: Arc<File>,
    next: u64,
    end: u64,
}

impl Sent {
    /// Looks at the rights again when it is time: a long download must not outlast the right to it.
    async fn still_admitted(&mut self) -> std::io::Result<()> {
        let now = self.cx.clock().now();
        if now.duration_since(self.looked_at).unsigned_abs() < RECHECK {
            return Ok(());
        }
        let over = || std::io::Error::other("whoever downloads it may no longer have it");
        self.cx = self.standing.again(&self.cx).await.ok_or_else(over)?;
        match self.service.open_export(&self.cx, self.export).await {
            Ok(_) => {}
            // A database that is away takes nobody's rights.
            Err(error) if error.kind() == Kind::Unavailable => {}
            Err(_) => return Err(over()),
        }
        self.looked_at = now;
        Ok(())
    }

    async fn chunk(&mut self) -> std::io::Result<Option<Bytes>> {
        if self.next >= self.end {
            return Ok(None);
        }
        self.still_admitted().await?;
        let (file, at) = (self.file.clone(), self.next);
        let length = usize::try_from(CHUNK.min(self.end - at)).unwrap_or_default();
        let read = spawn_blocking(move || {
            let mut buffer = vec![0; length];
            file.read_exact_at(&mut buffer, at).map(|()| buffer)
        });
        let buffer = read.await.map_err(std::io::Error::other)??;
        self.next += buffer.len() as u64;
        Ok(Some(Bytes::from(buffer)))
    }
}

/// What breaks off ends without the end of its transfer: whoever reads does not take it for whole.
fn content(sent: Sent) -> Body {
    let chunks = stream::try_unfold(sent, |mut sent| async move {
        let chunk = sent.chunk().await.inspect_err(|error| {
            tracing::warn!(%error, export = %sent.export.1, "download of an archive broken off");
        })?;
        Ok::<_, std::io::Error>(chunk.map(|chunk| (chunk, sent)))
    });
    Body::from_stream(chunks)
}

#[cfg(test)]
mod tests;
