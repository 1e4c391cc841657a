//! What keeps everything as it is wanted. It is the platform's, and only its members see it.

use http::StatusCode;
use jiff::Timestamp;
use mpanel_authz::{Resource, actions};
use mpanel_events::Record;
use mpanel_http::{Cx, Ids, Json, Problem, ProblemDocument, Result};
use mpanel_jobs::{ASKED, ReconcilerStatus};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::State;

/// The platform's reconcilers.
pub struct Reconcilers;
impl Resource for Reconcilers {
    const NAME: &'static str = "spine.reconciler";
}

mpanel_http::words!(
    /// How a reconciler is.
    ReconcilerStateWord as "spine.ReconcilerState" = ["running", "well", "failing"]
);

/// Something that compares what is wanted with what is, again and again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::Reconciler)]
pub struct ReconcilerDto {
    #[schema(example = "sites.edge")]
    name: String,
    /// `running`: a pass is under way; else how the last one went.
    #[schema(value_type = ReconcilerStateWord)]
    state: &'static str,
    #[schema(required)]
    started_at: Option<Timestamp>,
    #[schema(required)]
    finished_at: Option<Timestamp>,
    /// When the next pass begins at the latest.
    #[schema(required)]
    next_at: Option<Timestamp>,
    /// Why the last pass failed.
    #[schema(required)]
    error: Option<String>,
    /// Passes that failed since the last that went well.
    failures: u32,
    #[schema(required)]
    failing_since: Option<Timestamp>,
    passes: u64,
}

impl From<ReconcilerStatus> for ReconcilerDto {
    fn from(status: ReconcilerStatus) -> Self {
        let state = match (status.at_work, &status.error) {
            (true, _) => "running",
            (false, Some(_)) => "failing",
            (false, None) => "well",
        };
        Self {
            name: status.name,
            state,
            started_at: status.started_at,
            finished_at: status.finished_at,
            next_at: status.next_at,
            error: status.error,
            failures: status.failures,
            failing_since: status.failing_since,
            passes: status.passes,
        }
    }
}

mpanel_http::list!(ReconcilerList of ReconcilerDto as spine::ReconcilerList);

/// Lists the reconcilers and how their last passes went, by name.
#[utoipa::path(get, path = "/reconcilers", operation_id = "reconcilers_list", tag = "spine",
    responses((status = 200, body = ReconcilerList), (status = 403, body = ProblemDocument)))]
pub async fn list(state: State, Cx(cx): Cx) -> Result<Json<ReconcilerList>> {
    cx.authorize::<Reconcilers, _>(actions::List)?;
    let mut tx = state.all("spine.reconcilers").await?;
    let all = mpanel_jobs::reconcilers(&mut tx).await?;
    Ok(Json(ReconcilerList {
        items: all.into_iter().map(Into::into).collect(),
        next_cursor: None,
    }))
}

/// Begins a pass of a reconciler at once, also of one that waits because its last pass failed.
#[utoipa::path(post, path = "/reconcilers/{reconciler}/run", operation_id = "reconcilers_run", tag = "spine",
    params(("reconciler" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn run(state: State, Cx(cx): Cx, Ids(name): Ids<String>) -> Result<StatusCode> {
    cx.authorize::<Reconcilers, _>(actions::Operate)?;
    if !state.reconcilers.iter().any(|reconciler| reconciler.name() == name) {
        return Err(Problem::not_found());
    }
    let mut change = state.spine.begin(&cx).await?;
    change.record(Record::new(ASKED, name, json!({}))).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
