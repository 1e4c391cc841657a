use mpanel_authz::{Action, OpCx, Role};
use mpanel_http::{Cx, Json, Result, RoleWord};
use serde::Serialize;
use utoipa::ToSchema;

mpanel_http::words!(
    /// What can be done to a resource.
    ActionWord as "tenancy.Action" = Action::ALL.map(Action::as_str)
);

/// Something that can be done to a resource.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::PermissionAction)]
pub struct ActionDto {
    #[schema(value_type = ActionWord)]
    action: &'static str,
    /// As roles and scopes name it.
    #[schema(example = "sites.site:read")]
    permission: String,
    /// The built-in roles that may.
    #[schema(value_type = Vec<RoleWord>)]
    roles: Vec<Role>,
    /// It is one's own: everybody may, and no role gives it.
    personal: bool,
    /// Whether the caller may, and so may let others.
    held: bool,
}

/// A kind of thing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::PermissionResource)]
pub struct ResourceDto {
    #[schema(example = "sites.site")]
    resource: &'static str,
    title: &'static str,
    description: &'static str,
    actions: Vec<ActionDto>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::PermissionTable)]
pub struct TableDto {
    /// The caller's role: a built-in one, or the id of one that the tenant has defined.
    #[schema(example = "developer")]
    role: String,
    /// Whether the caller may act for the tenants below, and so may let others.
    reaches_descendants: bool,
    resources: Vec<ResourceDto>,
}

/// Lists everything that can be permitted in the acting tenant, to whom the built-in roles permit it, and what the caller
/// may.
#[utoipa::path(get, path = "/permissions", operation_id = "permissions_list", tag = "tenancy",
    responses((status = 200, body = TableDto)))]
pub async fn list(Cx(cx): Cx) -> Result<Json<TableDto>> {
    let resources = cx.permissions().resources().filter_map(|name| resource(&cx, name));
    Ok(Json(TableDto {
        role: cx.role().to_string(),
        reaches_descendants: cx.rights().reaches_descendants(),
        resources: resources.collect(),
    }))
}

/// `None` for what is not there in a tenant of this kind.
fn resource(cx: &OpCx, name: &'static str) -> Option<ResourceDto> {
    let (table, kind) = (cx.permissions(), cx.tenant_kind());
    let exists = |action: &Action| table.exists(kind, name, *action);
    let actions: Vec<ActionDto> = Action::ALL
        .into_iter()
        .filter(exists)
        .map(|action| ActionDto {
            action: action.as_str(),
            permission: format!("{name}:{}", action.as_str()),
            roles: Role::ALL
                .into_iter()
                .filter(|role| table.allows(*role, kind, name, action))
                .collect(),
            personal: table.is_personal(kind, name, action),
            held: cx.may(name, action),
        })
        .collect();
    let about = table.about(name);
    (!actions.is_empty()).then_some(ResourceDto {
        resource: name,
        title: about.map_or(name, |info| info.title),
        description: about.map_or("", |info| info.text),
        actions,
    })
}
