use std::sync::Arc;

use mpanel_authz::RoleRow;
use mpanel_jobs::{Job, Operation, Reconciler};
use utoipa::openapi::OpenApi;

use crate::Routes;

/// What a context gives to the server, which folds over all of them. Migrations stand beside it, as
/// a constant, because they run before anything can be built.
#[derive(Default)]
pub struct Module {
    pub name: &'static str,
    /// What each role may do to the context's resources.
    pub roles: Vec<RoleRow>,
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
