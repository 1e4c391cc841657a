//! Routes and what goes over the wire; no SQL and no rules.

mod delivery;
mod domains;
mod purge;
mod releases;
mod site_list;
mod sites;
mod traffic;
mod uploads;

use std::sync::Arc;

use axum::http::header::LOCATION;
use axum::http::{HeaderName, HeaderValue};
use mpanel_http::utoipa::openapi::OpenApi;
use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};
use mpanel_http::{Api, Routes};
use mpanel_kernel::ids::OperationId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Sites;

type State = axum::extract::State<Arc<Sites>>;

fn router() -> OpenApiRouter<Arc<Sites>> {
    OpenApiRouter::new()
        .routes(routes!(site_list::list, sites::create))
        .routes(routes!(sites::get, sites::update, sites::delete))
        .routes(routes!(traffic::get))
        .routes(routes!(delivery::get, delivery::set))
        .routes(routes!(purge::purge))
        .routes(routes!(domains::list, domains::create))
        .routes(routes!(domains::delete))
        .routes(routes!(uploads::create))
        .routes(routes!(uploads::get, uploads::append, uploads::delete))
        .routes(routes!(releases::list, releases::create))
        .routes(routes!(releases::get, releases::delete))
        .routes(routes!(releases::activate))
}

pub fn routes(sites: Arc<Sites>) -> Routes {
    router().with_state(sites)
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: OpenApi::default(),
    }
}

/// What was asked for has begun.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Started)]
pub struct StartedDto {
    /// Follow it at `/api/v1/operations/{operation_id}`.
    #[schema(value_type = String, example = "op_01h2xcejqtf2nbrexx3vqjhp41")]
    operation_id: OperationId,
}

/// Where an operation is followed.
fn location(operation: OperationId) -> (HeaderName, HeaderValue) {
    let place = format!("/api/v1/operations/{operation}");
    let value = HeaderValue::try_from(place).expect("an id is visible ASCII");
    (LOCATION, value)
}
