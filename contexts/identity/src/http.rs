//! Routes and what goes over the wire; no SQL and no rules.

mod api_tokens;
mod arrival;
mod me;
mod sessions;
mod sign_in;

use mpanel_http::Routes;
use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};

use crate::Identity;

type State = axum::extract::State<Identity>;

pub fn routes(identity: Identity) -> Routes {
    OpenApiRouter::new()
        .routes(routes!(me::get))
        .routes(routes!(me::start_totp, me::disable_totp))
        .routes(routes!(me::confirm_totp))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end_current))
        .routes(routes!(sessions::end))
        .routes(routes!(api_tokens::list, api_tokens::create))
        .routes(routes!(api_tokens::delete))
        .with_state(identity)
}

pub fn public_routes(identity: Identity) -> Routes {
    OpenApiRouter::new()
        .routes(routes!(sign_in::setup))
        .routes(routes!(sign_in::claim))
        .routes(routes!(sign_in::create_session))
        .routes(routes!(sign_in::activate))
        .with_state(identity)
}
