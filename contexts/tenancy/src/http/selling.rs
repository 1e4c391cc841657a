use axum::response::IntoResponse;
use mpanel_http::{Cx, Ids, IfMatch, Json, ProblemDocument, Result, etag};
use mpanel_kernel::ids::TenantId;
use mpanel_tenancy_contract::ProviderPage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::Selling;
use crate::service::SellingShown;

/// What visitors read in place of the sites of a tenant that is suspended or ending. Plain text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::ProviderPage)]
pub struct PageDto {
    /// 1 to 80 characters on one line.
    #[schema(example = "This website is resting")]
    title: String,
    /// 1 to 600 characters, also on several lines.
    text: String,
    /// Where visitors may turn to: an `https://` or `mailto:` address of at most 200 characters.
    #[serde(default)]
    #[schema(example = "mailto:help@provider.example")]
    contact: Option<String>,
}

/// How a seller treats the tenants below it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Selling)]
pub struct SellingDto {
    /// `null` for that of the nearest seller above that has one, or the built-in one.
    #[schema(required)]
    page: Option<PageDto>,
    /// Days in which a tenant that is to end can be restored; `null` for what those above have set.
    #[schema(required)]
    grace_days: Option<u32>,
    /// The days that hold for those below, whoever has set them.
    effective_grace_days: u32,
    /// Grows with each change; also the `ETag`.
    version: i64,
}

impl From<SellingShown> for SellingDto {
    fn from(shown: SellingShown) -> Self {
        Self {
            page: shown.own.page.map(|page| PageDto {
                title: page.title,
                text: page.text,
                contact: page.contact,
            }),
            grace_days: shown.own.grace_days,
            effective_grace_days: shown.grace_days,
            version: shown.version,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::SetSelling)]
pub struct SetSellingDto {
    #[serde(default)]
    page: Option<PageDto>,
    /// 0 to 3650, and no fewer than those above have set.
    #[serde(default)]
    grace_days: Option<u32>,
}

/// Shows how a seller treats the tenants below it.
#[utoipa::path(get, path = "/tenants/{tenant_id}/selling", operation_id = "selling_get", tag = "tenancy",
    params(("tenant_id" = String, Path)),
    responses((status = 200, body = SellingDto), (status = 404, body = ProblemDocument)))]
pub async fn get(service: State, Cx(cx): Cx, Ids(tenant): Ids<TenantId>) -> Result<impl IntoResponse + use<>> {
    let shown = service.selling(&cx, tenant).await?;
    Ok(([etag(shown.version)], Json(SellingDto::from(shown))))
}

/// Says what visitors read in place of sites that are not shown, and how long a tenant that is to end can be restored.
///
/// It holds for everybody below who has no seller in between that says otherwise; time is only ever added to. What is left out is
/// as those above have it.
#[utoipa::path(put, path = "/tenants/{tenant_id}/selling", operation_id = "selling_set", tag = "tenancy",
    params(("tenant_id" = String, Path)), request_body = SetSellingDto,
    responses((status = 200, body = SellingDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn set(
    service: State,
    Cx(cx): Cx,
    Ids(tenant): Ids<TenantId>,
    IfMatch(seen): IfMatch,
    Json(body): Json<SetSellingDto>,
) -> Result<impl IntoResponse + use<>> {
    let wanted = Selling {
        page: body.page.map(|page| ProviderPage {
            title: page.title,
            text: page.text,
            contact: page.contact,
        }),
        grace_days: body.grace_days,
    };
    let shown = service.set_selling(&cx, tenant, wanted, seen).await?;
    Ok(([etag(shown.version)], Json(SellingDto::from(shown))))
}
