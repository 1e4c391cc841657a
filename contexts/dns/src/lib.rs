//! DNS zones and records. What the API accepts is exactly what the answering engine can load: both
//! use its checks. See README.md.
#![forbid(unsafe_code)]

mod authz;
mod challenges;
mod domain;
mod error;
mod estates;
mod export;
mod http;
mod ports;
mod service;
mod store;

use std::sync::Arc;

use mpanel_events::{ServedBoard, Spine};
use mpanel_http::{Context, Module};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::names::DomainName;
use mpanel_pg::Migrations;
use mpanel_tenancy_contract::{Entitlements, NameClaims};

pub use error::Error;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "dns",
    files: &[("0001_dns", include_str!("../migrations/0001_dns.sql"))],
};

/// The context before anything of it is open.
pub const CONTEXT: Context = Context {
    migrations: MIGRATIONS,
    roles: authz::ROLES,
    resources: authz::RESOURCES,
    sealed: &[],
    api: http::api,
};

/// The context. Cheap to clone.
#[derive(Clone)]
pub struct Dns {
    spine: Spine,
    clock: SharedClock,
    entitlements: Arc<dyn Entitlements>,
    claims: Arc<dyn NameClaims>,
    /// What new zones name as their servers.
    nameservers: Arc<[DomainName]>,
    board: ServedBoard,
}

impl Dns {
    #[must_use]
    pub fn new(
        spine: Spine,
        clock: SharedClock,
        (entitlements, claims): (Arc<dyn Entitlements>, Arc<dyn NameClaims>),
        nameservers: Vec<DomainName>,
        board: ServedBoard,
    ) -> Self {
        Self {
            spine,
            clock,
            entitlements,
            claims,
            nameservers: nameservers.into(),
            board,
        }
    }
}

/// Everything that the server needs to know about the context.
#[must_use]
pub fn module(dns: Dns) -> Module {
    Module {
        name: "dns",
        routes: http::routes(Arc::new(dns)),
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
