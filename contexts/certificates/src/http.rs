//! Routes and what goes over the wire; no SQL and no rules.

mod issuers;

use std::sync::Arc;

use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_authz::actions;
use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};
use mpanel_http::{Api, Cx, Ids, Json, Paging, ProblemDocument, Result, Routes};
use mpanel_kernel::ids::CertificateId;
use mpanel_kernel::paging::Page;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::store::certificates::{self as store, Stored};
use crate::{CertificateStore, authz};

type State = axum::extract::State<Arc<CertificateStore>>;

fn router() -> OpenApiRouter<Arc<CertificateStore>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(issuers::list, issuers::create))
        .routes(routes!(issuers::get, issuers::delete))
}

pub fn routes(certificates: Arc<CertificateStore>) -> Routes {
    router().with_state(certificates)
}

fn public_router() -> OpenApiRouter<Arc<CertificateStore>> {
    OpenApiRouter::new().routes(routes!(authority))
}

pub fn public_routes(certificates: Arc<CertificateStore>) -> Routes {
    public_router().with_state(certificates)
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: public_router().into_openapi(),
    }
}

/// A certificate; its private key is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = certificates::Certificate)]
pub struct CertificateDto {
    #[schema(value_type = String, example = "cert_01h2xcejqtf2nbrexx3vqjhp41")]
    id: CertificateId,
    names: Vec<String>,
    issuer: String,
    /// `valid` or `expired`.
    #[schema(value_type = StateWord)]
    state: &'static str,
    not_before: Timestamp,
    not_after: Timestamp,
    /// SHA-256 of the certificate, hexadecimal.
    fingerprint: String,
    /// Leaf first, PEM.
    chain_pem: String,
}

mpanel_http::words!(
    /// Whether a certificate may be shown to visitors now.
    StateWord as "certificates.CertificateState" = ["valid", "expired"]
);

mpanel_http::list!(CertificateList of CertificateDto as certificates::CertificateList);

impl CertificateDto {
    fn new(stored: Stored, now: Timestamp) -> Self {
        Self {
            id: stored.id,
            names: stored.names,
            issuer: stored.issuer,
            state: if stored.not_after > now { "valid" } else { "expired" },
            not_before: stored.not_before,
            not_after: stored.not_after,
            fingerprint: stored.fingerprint,
            chain_pem: stored.chain_pem,
        }
    }
}

/// Lists the tenant's certificates.
#[utoipa::path(get, path = "/certificates", operation_id = "certificates_list", tag = "certificates",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = CertificateList), (status = 422, body = ProblemDocument)))]
async fn list(certificates: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<CertificateList>> {
    cx.authorize::<authz::Certificate, _>(actions::List)?;
    let mut tx = certificates.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
    let rows = store::list(&mut tx, page).await.map_err(Error::from)?;
    tx.end_read();
    let now = cx.clock().now();
    let page = Page::cut(page, rows, |row| row.id.uuid());
    Ok(Json(page.map(|row| CertificateDto::new(row, now)).into()))
}

/// Shows a certificate.
#[utoipa::path(get, path = "/certificates/{certificate_id}", operation_id = "certificates_get", tag = "certificates",
    params(("certificate_id" = String, Path)),
    responses((status = 200, body = CertificateDto), (status = 404, body = ProblemDocument)))]
async fn get(certificates: State, Cx(cx): Cx, Ids(id): Ids<CertificateId>) -> Result<Json<CertificateDto>> {
    let mut tx = certificates.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
    let row = store::get(&mut tx, id)
        .await
        .map_err(Error::from)?
        .ok_or(Error::NotFound)?;
    tx.end_read();
    cx.authorize::<authz::Certificate, _>(actions::Read)?;
    Ok(Json(CertificateDto::new(row, cx.clock().now())))
}

/// The internal authority's certificate, to be added to trust stores.
#[utoipa::path(get, path = "/certificate-authority", operation_id = "certificate_authority_get", tag = "certificates",
    responses((status = 200, body = String, content_type = "application/x-pem-file"), (status = 503, body = ProblemDocument)))]
async fn authority(certificates: State) -> impl IntoResponse + use<> {
    (
        [(header::CONTENT_TYPE, "application/x-pem-file")],
        certificates.authority_pem().to_owned(),
    )
}
