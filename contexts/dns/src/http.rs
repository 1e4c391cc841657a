//! Routes and what goes over the wire; no SQL and no rules.

mod records;
mod zones;

use std::sync::Arc;

use mpanel_http::utoipa::openapi::OpenApi;
use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};
use mpanel_http::{Api, Routes};

use crate::Dns;

type State = axum::extract::State<Arc<Dns>>;

fn router() -> OpenApiRouter<Arc<Dns>> {
    OpenApiRouter::new()
        .routes(routes!(zones::list, zones::create))
        .routes(routes!(zones::get, zones::delete))
        .routes(routes!(records::list, records::create))
        .routes(routes!(records::update, records::delete))
}

pub fn routes(dns: Arc<Dns>) -> Routes {
    router().with_state(dns)
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: OpenApi::default(),
    }
}
