//! Routes and what goes over the wire; no SQL and no rules.

mod api_tokens;
mod arrival;
mod email;
mod invitations;
mod mail;
mod me;
mod realms;
mod resets;
mod service_accounts;
mod service_tokens;
mod sessions;
mod sign_in;
mod sign_ins;

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
        .routes(routes!(email::change))
        .routes(routes!(email::confirm))
        .routes(routes!(invitations::list))
        .routes(routes!(invitations::resend))
        .routes(routes!(invitations::revoke))
        .routes(routes!(mail::test))
        .routes(routes!(sign_ins::list))
        .routes(routes!(sessions::list, sessions::end_all))
        .routes(routes!(sessions::end_current))
        .routes(routes!(sessions::step_up))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::end_of_person))
        .routes(routes!(api_tokens::list, api_tokens::create))
        .routes(routes!(api_tokens::delete))
        .routes(routes!(service_accounts::list, service_accounts::create))
        .routes(routes!(
            service_accounts::get,
            service_accounts::update,
            service_accounts::delete
        ))
        .routes(routes!(service_tokens::list, service_tokens::create))
        .routes(routes!(service_tokens::delete))
        .routes(routes!(service_tokens::rotate))
        .routes(routes!(realms::list, realms::create))
        .routes(routes!(realms::get, realms::update))
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
        .routes(routes!(resets::request))
        .routes(routes!(resets::accept))
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
