//! Routes and what goes over the wire; no SQL and no rules.

mod api_tokens;
mod arrival;
mod me;
mod sessions;
mod sign_in;

use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};
use mpanel_http::{Api, Routes};

use crate::Identity;

type State = axum::extract::State<Identity>;

fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(me::get))
        .routes(routes!(me::change_password))
        .routes(routes!(me::start_totp, me::disable_totp))
        .routes(routes!(me::confirm_totp))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end_current))
        .routes(routes!(sessions::end))
        .routes(routes!(api_tokens::list, api_tokens::create))
        .routes(routes!(api_tokens::delete))
}

pub fn routes(identity: Identity) -> Routes {
    router().with_state(identity)
}

fn public_router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::setup))
        .routes(routes!(sign_in::claim))
        .routes(routes!(sign_in::create_session))
        .routes(routes!(sign_in::activate))
}

pub fn public_routes(identity: Identity) -> Routes {
    public_router().with_state(identity)
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: public_router().into_openapi(),
    }
}
