use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Result};
use mpanel_kernel::ids::TenantId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::credential::host;
use crate::domain::{NewRealm, Realm, RealmId, RealmPatch};

/// Who shares a sign-in page: the people of a tenant's brand, or everybody else.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::Realm)]
pub struct RealmDto {
    #[schema(value_type = String, example = "realm_01h2xcejqtf2nbrexx3vqjhp41")]
    id: RealmId,
    name: String,
    /// The tenant whose brand it is: people at home there and below sign in here. `null` for everybody else's.
    #[schema(value_type = Option<String>, required)]
    tenant_id: Option<TenantId>,
    /// Where they sign in. Everybody else signs in at every other name.
    hosts: Vec<String>,
    created_at: Timestamp,
}

impl From<Realm> for RealmDto {
    fn from(realm: Realm) -> Self {
        Self {
            id: realm.id,
            name: realm.name,
            tenant_id: realm.brand,
            hosts: realm.hosts,
            created_at: realm.created_at,
        }
    }
}

mpanel_http::list!(RealmList of RealmDto as identity::RealmList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::CreateRealm)]
pub struct CreateRealmDto {
    /// 1 to 100 characters.
    name: String,
    /// The tenant whose brand it is.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// At most 20 host names, none of another realm.
    hosts: Vec<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::UpdateRealm)]
pub struct UpdateRealmDto {
    #[serde(default)]
    name: Option<String>,
    /// In place of those before.
    #[serde(default)]
    hosts: Option<Vec<String>>,
}

/// Lists the realms of the installation.
#[utoipa::path(get, path = "/realms", operation_id = "realms_list", tag = "identity",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = RealmList), (status = 403, body = ProblemDocument)))]
pub async fn list(identity: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<RealmList>> {
    Ok(Json(identity.list_realms(&cx, page).await?.into()))
}

/// Shows a realm.
#[utoipa::path(get, path = "/realms/{realm_id}", operation_id = "realms_get", tag = "identity",
    params(("realm_id" = String, Path)),
    responses((status = 200, body = RealmDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn get(identity: State, Cx(cx): Cx, Ids(id): Ids<RealmId>) -> Result<Json<RealmDto>> {
    Ok(Json(identity.get_realm(&cx, id).await?.into()))
}

/// Makes the realm of a tenant's brand. Accounts at home there and below move to it, and their sessions end.
#[utoipa::path(post, path = "/realms", operation_id = "realms_create", tag = "identity",
    request_body = CreateRealmDto, extensions(("x-step-up" = json!(true))),
    responses((status = 201, body = RealmDto), (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn create(
    identity: State,
    Cx(cx): Cx,
    headers: HeaderMap,
    Json(body): Json<CreateRealmDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = NewRealm {
        name: body.name,
        brand: body.tenant_id,
        hosts: body.hosts,
    };
    let realm = identity.create_realm(&cx, new, &host(&headers)).await?;
    Ok((StatusCode::CREATED, Json(RealmDto::from(realm))))
}

/// Gives a realm another name or other hosts; sessions at a host that it loses work no more.
#[utoipa::path(patch, path = "/realms/{realm_id}", operation_id = "realms_update", tag = "identity",
    params(("realm_id" = String, Path)),
    request_body = UpdateRealmDto, extensions(("x-step-up" = json!(true))),
    responses((status = 200, body = RealmDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn update(
    identity: State,
    Cx(cx): Cx,
    Ids(id): Ids<RealmId>,
    headers: HeaderMap,
    Json(body): Json<UpdateRealmDto>,
) -> Result<Json<RealmDto>> {
    let patch = RealmPatch {
        name: body.name,
        hosts: body.hosts,
    };
    Ok(Json(
        identity.update_realm(&cx, id, patch, &host(&headers)).await?.into(),
    ))
}
