use std::sync::Arc;

use mpanel_authz::{ResourceInfo, RoleRow};
use mpanel_events::SealedColumn;
use mpanel_jobs::{Job, Operation, Reconciler};
use mpanel_pg::Migrations;
use utoipa::openapi::OpenApi;

use crate::Routes;

/// What a context is before anything of it is open. The server folds over all of them.
pub struct Context {
    pub migrations: Migrations,
    /// What each role may do to the context's resources.
    pub roles: &'static [RoleRow],
    /// What people are told of these resources when they put a role together.
    pub resources: &'static [ResourceInfo],
    /// What only the master key opens.
    pub sealed: &'static [SealedColumn],
    /// What its operations are like, without anything that answers them.
    pub api: fn() -> Api,
}

/// What a context that is open gives to the server, which folds over all of them.
#[derive(Default)]
pub struct Module {
    pub name: &'static str,
    /// Operations with an actor; they stand behind [`admit`](crate::admit).
    pub routes: Routes,
    /// Operations that anybody may call: signing in.
    pub public_routes: Routes,
    pub reconcilers: Vec<Arc<dyn Reconciler>>,
    pub operations: Vec<Arc<dyn Operation>>,
    pub jobs: Vec<Arc<dyn Job>>,
}

/// A context's part of the OpenAPI document.
pub struct Api {
    /// Operations with an actor.
    pub operations: OpenApi,
    /// Operations that anybody may call.
    pub public: OpenApi,
}
