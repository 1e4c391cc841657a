use jiff::Timestamp;
use mpanel_authz::actions;
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Query, Result};
use mpanel_jobs::{OperationFilter, OperationState, OperationStatus, StepState};
use mpanel_kernel::ids::OperationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Operation, State};

/// How far an operation's step at work is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::Progress)]
pub struct ProgressDto {
    done: u64,
    /// Unknown while `null`.
    #[schema(required)]
    total: Option<u64>,
    /// In the plural: `bytes`, `files`.
    unit: String,
}

mpanel_http::words!(
    /// Where a step is.
    StepStateWord as "spine.StepState" = [StepState::Pending, StepState::Running, StepState::Done, StepState::Failed, StepState::Undone, StepState::Skipped].map(StepState::as_str)
);

mpanel_http::words!(
    /// Where an operation is.
    OperationStateWord as "spine.OperationState" = [OperationState::Pending, OperationState::Running, OperationState::Undoing, OperationState::Succeeded, OperationState::Failed, OperationState::Cancelled].map(OperationState::as_str)
);

/// A step of an operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::OperationStep)]
pub struct StepDto {
    key: String,
    title: String,
    /// `pending`, `running`, `done`, `failed`, `undone` or `skipped`.
    #[schema(value_type = StepStateWord)]
    state: StepState,
    /// Times it was begun; more than one when it was tried again.
    attempts: u32,
    #[schema(required)]
    started_at: Option<Timestamp>,
    #[schema(required)]
    finished_at: Option<Timestamp>,
    /// Why it failed, or is tried again.
    #[schema(required)]
    error: Option<String>,
    /// What is not as it should be though the step has done its work.
    #[schema(required)]
    warning: Option<String>,
}

/// Why an operation failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::OperationError)]
pub struct FailureDto {
    code: String,
    message: String,
}

/// A change with steps that can be watched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::Operation)]
pub struct OperationDto {
    #[schema(value_type = String, example = "op_01h2xcejqtf2nbrexx3vqjhp41")]
    id: OperationId,
    kind: String,
    /// What it changes, by id.
    subject: String,
    /// `pending`, `running`, `undoing`, `succeeded`, `failed` or `cancelled`.
    #[schema(value_type = OperationStateWord)]
    state: OperationState,
    #[schema(required)]
    progress: Option<ProgressDto>,
    steps: Vec<StepDto>,
    #[schema(required)]
    error: Option<FailureDto>,
    cancel_requested: bool,
    /// Whether cancelling it would still do something: it goes on, nobody has cancelled it, and nothing that it has begun is
    /// beyond recall.
    cancellable: bool,
    /// When the step that failed is tried again, while it waits for that.
    #[schema(required)]
    next_try_at: Option<Timestamp>,
    actor: String,
    created_at: Timestamp,
    #[schema(required)]
    started_at: Option<Timestamp>,
    #[schema(required)]
    finished_at: Option<Timestamp>,
}

impl From<OperationStatus> for OperationDto {
    fn from(status: OperationStatus) -> Self {
        Self {
            id: status.id,
            kind: status.kind,
            subject: status.subject,
            state: status.state,
            progress: status.progress.map(|p| ProgressDto {
                done: p.done,
                total: p.total,
                unit: p.unit,
            }),
            steps: status
                .steps
                .into_iter()
                .map(|step| StepDto {
                    key: step.key,
                    title: step.title,
                    state: step.state,
                    attempts: step.attempts,
                    started_at: step.started_at,
                    finished_at: step.finished_at,
                    error: step.error,
                    warning: step.warning,
                })
                .collect(),
            error: status.error.map(|failure| FailureDto {
                code: failure.code,
                message: failure.message,
            }),
            cancel_requested: status.cancel_requested,
            cancellable: status.cancellable,
            next_try_at: status.next_try_at,
            actor: status.actor,
            created_at: status.created_at,
            started_at: status.started_at,
            finished_at: status.finished_at,
        }
    }
}

mpanel_http::list!(OperationList of OperationDto as spine::OperationList);

#[derive(Debug, Deserialize)]
pub struct Filter {
    #[serde(rename = "filter[subject]")]
    subject: Option<String>,
    #[serde(rename = "filter[kind]")]
    kind: Option<String>,
    #[serde(rename = "filter[unfinished]")]
    unfinished: Option<bool>,
}

/// Lists the tenant's operations, newest first.
#[utoipa::path(get, path = "/operations", operation_id = "operations_list", tag = "spine",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("filter[subject]" = Option<String>, Query, description = "only those that change this object"),
        ("filter[kind]" = Option<String>, Query, description = "only those of this kind"),
        ("filter[unfinished]" = Option<bool>, Query, description = "`true`: only those that have not ended"),
    ),
    responses((status = 200, body = OperationList), (status = 422, body = ProblemDocument)))]
pub async fn list(
    state: State,
    Cx(cx): Cx,
    Paging(page): Paging,
    Query(filter): Query<Filter>,
) -> Result<Json<OperationList>> {
    cx.authorize::<Operation, _>(actions::List)?;
    let filter = OperationFilter {
        subject: filter.subject,
        kind: filter.kind,
        unfinished: filter.unfinished,
    };
    let mut tx = state.read(&cx).await?;
    let page = mpanel_jobs::list(&mut tx, &filter, page).await?;
    tx.end_read();
    Ok(Json(page.into()))
}

/// Shows an operation with its steps.
#[utoipa::path(get, path = "/operations/{operation_id}", operation_id = "operations_get", tag = "spine",
    params(("operation_id" = String, Path)),
    responses((status = 200, body = OperationDto), (status = 404, body = ProblemDocument)))]
pub async fn get(state: State, Cx(cx): Cx, Ids(id): Ids<OperationId>) -> Result<Json<OperationDto>> {
    let mut tx = state.read(&cx).await?;
    let operation = mpanel_jobs::get(&mut tx, id).await?;
    tx.end_read();
    cx.authorize::<Operation, _>(actions::Read)?;
    Ok(Json(operation.into()))
}

/// Asks an operation to stop after the step at work and to undo what it has done.
#[utoipa::path(post, path = "/operations/{operation_id}/cancel", operation_id = "operations_cancel", tag = "spine",
    params(("operation_id" = String, Path)),
    responses((status = 200, body = OperationDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn cancel(state: State, Cx(cx): Cx, Ids(id): Ids<OperationId>) -> Result<Json<OperationDto>> {
    let mut change = state.spine.begin(&cx).await?;
    mpanel_jobs::get(change.tx(), id).await?;
    cx.authorize::<Operation, _>(actions::Operate)?;
    mpanel_jobs::request_cancel(change.tx(), id).await?;
    let operation = mpanel_jobs::get(change.tx(), id).await?;
    let facts = serde_json::json!({"kind": operation.kind, "subject": operation.subject});
    change
        .record(mpanel_events::Record::new(
            "spine.operation.cancel_requested.v1",
            id,
            facts,
        ))
        .await?;
    change.commit().await?;
    Ok(Json(operation.into()))
}
