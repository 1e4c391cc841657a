//! Public authorities over the wire.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::IssuerId;
use crate::service::{NewExternal, NewIssuer};
use crate::store::issuers::StoredIssuer;

/// A public authority that certificates are ordered of; its secrets are never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = certificates::Issuer)]
pub struct IssuerDto {
    #[schema(value_type = String, example = "issuer_01h2xcejqtf2nbrexx3vqjhp41")]
    id: IssuerId,
    name: String,
    directory_url: String,
    /// Mail addresses that it may write to.
    contact: Vec<String>,
    /// `registering` until there is an account, `paused` while it is left alone, else `ready`.
    #[schema(value_type = IssuerStateWord)]
    state: &'static str,
    /// What its last trouble was; empty when there is none.
    problem: String,
    /// Until when it is left alone.
    paused_until: Option<Timestamp>,
    /// The account's URL, which CAA records may name (RFC 8657).
    account_url: Option<String>,
    /// The account elsewhere that it is bound to.
    external_kid: Option<String>,
    /// The lowest is asked first.
    preference: i32,
    /// Orders that it takes in three hours.
    orders_per_3h: i32,
    /// Certificates that it issues in seven days for one registered domain.
    certificates_per_domain_7d: i32,
    /// When somebody agreed to its terms, and who.
    agreed_at: Timestamp,
    agreed_by: String,
    created_at: Timestamp,
}

mpanel_http::words!(
    /// Whether an authority can be asked.
    IssuerStateWord as "certificates.IssuerState" = ["registering", "ready", "paused"]
);

mpanel_http::list!(IssuerList of IssuerDto as certificates::IssuerList);

impl IssuerDto {
    fn new(issuer: StoredIssuer, now: Timestamp) -> Self {
        Self {
            state: issuer.state(now),
            id: issuer.id,
            name: issuer.name,
            directory_url: issuer.directory_url,
            contact: issuer.contact,
            problem: issuer.problem,
            paused_until: issuer.paused_until.filter(|until| *until > now),
            account_url: issuer.account_url,
            external_kid: issuer.external_kid,
            preference: issuer.preference,
            orders_per_3h: issuer.orders_per_3h,
            certificates_per_domain_7d: issuer.certificates_per_domain_7d,
            agreed_at: issuer.agreed_at,
            agreed_by: issuer.agreed_by,
            created_at: issuer.created_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = certificates::CreateIssuer)]
pub struct CreateIssuerDto {
    /// 1 to 40 of a-z, 0-9 and `-`. Known by name are `letsencrypt`, `letsencrypt-staging`, `zerossl`, `google`, `sslcom`.
    name: String,
    /// Its directory (RFC 8555 §7.1.1), `https://…`; for those that are not known by name.
    #[serde(default)]
    directory_url: Option<String>,
    /// Mail addresses that it may write to; at most five.
    #[serde(default)]
    contact: Vec<String>,
    /// Must be true: that you have read its terms and agree.
    agree_terms: bool,
    #[serde(default)]
    external_account: Option<ExternalAccountDto>,
    /// The root of its own server's certificate (PEM), when trust stores do not have it.
    #[serde(default)]
    root_pem: Option<String>,
    /// 0 to 1000, 100 when absent; the lowest is asked first.
    #[serde(default)]
    preference: Option<i32>,
}

/// An account that you have there by other means (RFC 8555 §7.3.4).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = certificates::ExternalAccount)]
pub struct ExternalAccountDto {
    kid: String,
    /// base64url.
    #[schema(format = Password)]
    hmac_key: String,
}

/// Lists the public authorities.
#[utoipa::path(get, path = "/certificate-issuers", operation_id = "certificate_issuers_list", tag = "certificates",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = IssuerList), (status = 422, body = ProblemDocument)))]
pub async fn list(certificates: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<IssuerList>> {
    let now = cx.clock().now();
    let page = certificates.list_issuers(&cx, page).await?;
    Ok(Json(page.map(|issuer| IssuerDto::new(issuer, now)).into()))
}

/// Sets a public authority up. An account is made with it a moment later; certificates are ordered then.
#[utoipa::path(post, path = "/certificate-issuers", operation_id = "certificate_issuers_create", tag = "certificates",
    request_body = CreateIssuerDto,
    responses((status = 201, body = IssuerDto), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(
    certificates: State,
    Cx(cx): Cx,
    Json(body): Json<CreateIssuerDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = NewIssuer {
        name: body.name,
        directory_url: body.directory_url,
        contact: body.contact,
        agree_terms: body.agree_terms,
        external: body.external_account.map(|external| NewExternal {
            kid: external.kid,
            hmac_key: external.hmac_key,
        }),
        root_pem: body.root_pem,
        preference: body.preference,
    };
    let issuer = certificates.create_issuer(&cx, &new).await?;
    Ok((StatusCode::CREATED, Json(IssuerDto::new(issuer, cx.clock().now()))))
}

/// Shows a public authority.
#[utoipa::path(get, path = "/certificate-issuers/{issuer_id}", operation_id = "certificate_issuers_get", tag = "certificates",
    params(("issuer_id" = String, Path)),
    responses((status = 200, body = IssuerDto), (status = 404, body = ProblemDocument)))]
pub async fn get(certificates: State, Cx(cx): Cx, Ids(id): Ids<IssuerId>) -> Result<Json<IssuerDto>> {
    let issuer = certificates.get_issuer(&cx, id).await?;
    Ok(Json(IssuerDto::new(issuer, cx.clock().now())))
}

/// Asks a public authority no longer. Its certificates stay until they are renewed by another one.
#[utoipa::path(delete, path = "/certificate-issuers/{issuer_id}", operation_id = "certificate_issuers_delete", tag = "certificates", extensions(("x-step-up" = json!(true))),
    params(("issuer_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn delete(certificates: State, Cx(cx): Cx, Ids(id): Ids<IssuerId>) -> Result<StatusCode> {
    certificates.delete_issuer(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
