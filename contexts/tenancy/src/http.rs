//! Routes and what goes over the wire; no SQL and no rules.

mod assumptions;
mod ending;
mod exports;
mod members;
mod merge;
mod permissions;
mod plans;
mod resources;
mod roles;
mod selling;
mod tenants;
mod tree;

use std::sync::Arc;

use mpanel_http::utoipa::openapi::OpenApi;
use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};
use mpanel_http::{Api, Routes};

use crate::service::Service;

type State = axum::extract::State<Arc<Service>>;

fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::get, tenants::update, ending::end))
        .routes(routes!(ending::restore))
        .routes(routes!(exports::list, exports::create))
        .routes(routes!(exports::get, exports::delete))
        .routes(routes!(exports::download))
        .routes(routes!(tree::place))
        .routes(routes!(tree::plans))
        .routes(routes!(merge::preview, merge::merge))
        .routes(routes!(resources::list))
        .routes(routes!(tenants::usage))
        .routes(routes!(tenants::subscribe))
        .routes(routes!(members::list, members::create))
        .routes(routes!(members::update, members::delete))
        .routes(routes!(assumptions::list, assumptions::create))
        .routes(routes!(assumptions::end))
        .routes(routes!(assumptions::agree))
        .routes(routes!(assumptions::settings, assumptions::set_settings))
        .routes(routes!(selling::get, selling::set))
        .routes(routes!(permissions::list))
        .routes(routes!(roles::list, roles::create))
        .routes(routes!(roles::get, roles::update, roles::delete))
        .routes(routes!(plans::list, plans::create))
        .routes(routes!(plans::get, plans::update))
        .routes(routes!(plans::create_version))
}

pub fn routes(service: Arc<Service>) -> Routes {
    router().with_state(service)
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: OpenApi::default(),
    }
}
