//! Routes and what goes over the wire; no SQL and no rules.

mod records;
mod zones;

use std::sync::Arc;

use mpanel_http::Routes;
use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};

use crate::Dns;

type State = axum::extract::State<Arc<Dns>>;

pub fn routes(dns: Arc<Dns>) -> Routes {
    OpenApiRouter::new()
        .routes(routes!(zones::list, zones::create))
        .routes(routes!(zones::get, zones::delete))
        .routes(routes!(records::list, records::create))
        .routes(routes!(records::update, records::delete))
        .with_state(dns)
}
