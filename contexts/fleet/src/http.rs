//! Routes and what goes over the wire; no SQL and no rules.

use std::sync::Arc;

use jiff::Timestamp;
use mpanel_authz::{OpCx, actions};
use mpanel_events::ConsumerStatus;
use mpanel_http::utoipa::openapi::OpenApi;
use mpanel_http::utoipa_axum::{router::OpenApiRouter, routes};
use mpanel_http::{Api, Cx, Ids, Json, Paging, ProblemDocument, Result, Routes};
use mpanel_kernel::ids::NodeId;
use mpanel_kernel::paging::Page;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::{Fleet, authz, store};

type State = axum::extract::State<Arc<Fleet>>;

fn router() -> OpenApiRouter<Arc<Fleet>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
}

pub fn routes(fleet: Arc<Fleet>) -> Routes {
    router().with_state(fleet)
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: OpenApi::default(),
    }
}

/// A data-plane process on a node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = fleet::Process)]
pub struct ProcessDto {
    /// `edge` or `dns`.
    #[schema(value_type = ProcessRoleWord)]
    role: &'static str,
    process: String,
    version: String,
    connected: bool,
    /// Everything up to this number of the feed is served by it.
    acked_seq: i64,
    last_seen_at: Timestamp,
}

impl From<ConsumerStatus> for ProcessDto {
    fn from(status: ConsumerStatus) -> Self {
        Self {
            role: status.role.as_str(),
            process: status.process,
            version: status.version,
            connected: status.connected,
            acked_seq: status.acked_seq,
            last_seen_at: status.last_seen,
        }
    }
}

/// A machine of the platform.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = fleet::Node)]
pub struct NodeDto {
    #[schema(value_type = String, example = "node_01h2xcejqtf2nbrexx3vqjhp41")]
    id: NodeId,
    name: String,
    #[schema(value_type = Vec<NodeRoleWord>)]
    roles: Vec<String>,
    /// `ready` when all of its processes are connected, else `degraded`; sites are served in both.
    #[schema(value_type = NodeStateWord)]
    state: &'static str,
    version: String,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    processes: Vec<ProcessDto>,
}

mpanel_http::words!(
    /// What a process does.
    ProcessRoleWord as "fleet.ProcessRole" = ["edge", "dns"]
);

mpanel_http::words!(
    /// What a machine is for.
    NodeRoleWord as "fleet.NodeRole" = ["panel", "edge", "dns", "sites"]
);

mpanel_http::words!(
    /// Whether all of a machine's processes are connected.
    NodeStateWord as "fleet.NodeState" = ["ready", "degraded"]
);

mpanel_http::list!(NodeList of NodeDto as fleet::NodeList);

impl Fleet {
    fn describe(&self, node: store::Node) -> NodeDto {
        let wire_id = node.id.to_string();
        let processes: Vec<ProcessDto> = self
            .board
            .consumers()
            .into_iter()
            .filter(|c| c.node == wire_id)
            .map(Into::into)
            .collect();
        let complete = ["edge", "dns"]
            .iter()
            .all(|role| processes.iter().any(|p| p.role == *role))
            && processes.iter().all(|p| p.connected);
        let last_seen_at = processes
            .iter()
            .map(|p| p.last_seen_at)
            .max()
            .unwrap_or(node.last_seen_at);
        NodeDto {
            id: node.id,
            name: node.name,
            roles: node.roles,
            state: if complete { "ready" } else { "degraded" },
            version: node.version,
            created_at: node.created_at,
            last_seen_at,
            processes,
        }
    }

    async fn find(&self, cx: &OpCx, id: NodeId) -> std::result::Result<store::Node, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let node = store::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Node, _>(actions::Read)?;
        tx.end_read();
        Ok(node)
    }
}

/// Lists the machines of the platform.
#[utoipa::path(get, path = "/nodes", operation_id = "nodes_list", tag = "fleet",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = NodeList), (status = 403, body = ProblemDocument)))]
async fn list(fleet: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<NodeList>> {
    cx.authorize::<authz::Node, _>(actions::List)?;
    let mut tx = fleet.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
    let rows = store::list(&mut tx, page).await?;
    tx.end_read();
    let page = Page::cut(page, rows, |node| node.id.uuid());
    Ok(Json(page.map(|node| fleet.describe(node)).into()))
}

/// Shows a machine with its processes.
#[utoipa::path(get, path = "/nodes/{node_id}", operation_id = "nodes_get", tag = "fleet",
    params(("node_id" = String, Path)),
    responses((status = 200, body = NodeDto), (status = 404, body = ProblemDocument)))]
async fn get(fleet: State, Cx(cx): Cx, Ids(id): Ids<NodeId>) -> Result<Json<NodeDto>> {
    let node = fleet.find(&cx, id).await?;
    Ok(Json(fleet.describe(node)))
}
