//! Routes and what goes over the wire; no SQL and no rules.

mod members;
mod plans;
mod tenants;

use std::sync::Arc;

use mpanel_http::Routes;
use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};

use crate::service::Service;

type State = axum::extract::State<Arc<Service>>;

pub fn routes(service: Arc<Service>) -> Routes {
    OpenApiRouter::new()
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::get, tenants::update))
        .routes(routes!(tenants::usage))
        .routes(routes!(tenants::subscribe))
        .routes(routes!(members::list, members::create))
        .routes(routes!(members::delete))
        .routes(routes!(plans::list, plans::create))
        .routes(routes!(plans::get, plans::update))
        .routes(routes!(plans::create_version))
        .with_state(service)
}
