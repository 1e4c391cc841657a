//! Jobs that nothing more is tried with. A tenant sees its own; those who run the platform see everybody's.

use http::StatusCode;
use jiff::Timestamp;
use mpanel_authz::{OpCx, Resource, actions};
use mpanel_events::Record;
use mpanel_http::{Cx, Ids, Json, Paging, Problem, ProblemDocument, Query, Result};
use mpanel_jobs::{DeadFilter, DeadJob, Reach};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{JobId, TenantId};
use mpanel_kernel::paging::PageRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::parts::{self, All, COUNTED, RetriedDto, is_name};
use super::{State, Work, sees_all};

/// A tenant's dead jobs.
pub struct DeadJobs;
impl Resource for DeadJobs {
    const NAME: &'static str = "spine.dead_job";
}

const REASON: &str = "spine.dead_jobs";

/// A job that nothing more is tried with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::DeadJob)]
pub struct DeadJobDto {
    #[schema(value_type = String, example = "job_01h2xcejqtf2nbrexx3vqjhp41")]
    id: JobId,
    /// Whose it is; `null` for the platform's own.
    #[schema(value_type = Option<String>, required)]
    tenant_id: Option<TenantId>,
    /// What it was to do.
    kind: String,
    /// What it was to do it with: ids, numbers and what is true or false. Other texts are not shown.
    payload: Value,
    attempts: u32,
    /// Why the last attempt failed.
    error: String,
    created_at: Timestamp,
    died_at: Timestamp,
}

impl From<DeadJob> for DeadJobDto {
    fn from(job: DeadJob) -> Self {
        Self {
            id: job.id,
            tenant_id: job.tenant,
            kind: job.kind,
            payload: job.payload,
            attempts: job.attempts,
            error: job.error,
            created_at: job.created_at,
            died_at: job.died_at,
        }
    }
}

/// One page of dead jobs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::DeadJobList)]
pub struct DeadJobList {
    items: Vec<DeadJobDto>,
    /// Pass as `cursor` for the next page; `null` at the end.
    #[schema(required)]
    next_cursor: Option<String>,
    /// How many there are in all, counted up to 1,000.
    total: u32,
}

#[derive(Debug, Deserialize)]
pub struct Filter {
    #[serde(rename = "filter[kind]")]
    kind: Option<String>,
}

fn of_kind(kind: Option<String>) -> DeadFilter {
    DeadFilter {
        kind,
        ..DeadFilter::default()
    }
}

/// Whose dead jobs the caller reaches: all there are, for those who may act for everybody below the platform.
fn reach(cx: &OpCx) -> Reach {
    if sees_all(cx) {
        Reach::Everyone
    } else {
        Reach::Of(cx.tenant())
    }
}

async fn find(state: &Work, cx: &OpCx, id: JobId) -> Result<DeadJob> {
    if reach(cx) == Reach::Everyone {
        let mut tx = state.all(REASON).await?;
        return Ok(mpanel_jobs::get_dead(&mut tx, Reach::Everyone, id).await?);
    }
    let mut tx = state.own(cx).await?;
    let job = mpanel_jobs::get_dead(&mut tx, reach(cx), id).await?;
    tx.end_read();
    Ok(job)
}

async fn page_of(
    state: &Work,
    cx: &OpCx,
    filter: &DeadFilter,
    page: PageRequest,
) -> Result<(mpanel_kernel::paging::Page<DeadJob>, u32)> {
    let reach = reach(cx);
    if reach == Reach::Everyone {
        let mut tx = state.all(REASON).await?;
        let jobs = mpanel_jobs::list_dead(&mut tx, reach, filter, page).await?;
        return Ok((jobs, mpanel_jobs::count_dead(&mut tx, reach, filter, COUNTED).await?));
    }
    let mut tx = state.own(cx).await?;
    let jobs = mpanel_jobs::list_dead(&mut tx, reach, filter, page).await?;
    let total = mpanel_jobs::count_dead(&mut tx, reach, filter, COUNTED).await?;
    tx.end_read();
    Ok((jobs, total))
}

/// Lists jobs that nothing more is tried with, newest first: the tenant's, or everybody's for those who run the platform.
#[utoipa::path(get, path = "/dead-jobs", operation_id = "dead_jobs_list", tag = "spine",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("filter[kind]" = Option<String>, Query, description = "only those of this kind"),
    ),
    responses((status = 200, body = DeadJobList), (status = 422, body = ProblemDocument)))]
pub async fn list(
    state: State,
    Cx(cx): Cx,
    Paging(page): Paging,
    Query(filter): Query<Filter>,
) -> Result<Json<DeadJobList>> {
    cx.authorize::<DeadJobs, _>(actions::List)?;
    let (page, total) = page_of(&state, &cx, &of_kind(filter.kind), page).await?;
    Ok(Json(DeadJobList {
        items: page.items.into_iter().map(Into::into).collect(),
        next_cursor: page.next_cursor,
        total,
    }))
}

/// Shows a job that nothing more is tried with.
#[utoipa::path(get, path = "/dead-jobs/{job_id}", operation_id = "dead_jobs_get", tag = "spine",
    params(("job_id" = String, Path)),
    responses((status = 200, body = DeadJobDto), (status = 404, body = ProblemDocument)))]
pub async fn get(state: State, Cx(cx): Cx, Ids(id): Ids<JobId>) -> Result<Json<DeadJobDto>> {
    let job = find(&state, &cx, id).await?;
    cx.authorize::<DeadJobs, _>(actions::Read)?;
    Ok(Json(job.into()))
}

/// What happens to a dead job.
#[derive(Clone, Copy)]
enum Fate {
    Retried,
    Discarded,
}

/// Does it in the tenant whose job it is and writes it down there, and here when that is another.
async fn decide(state: &Work, cx: &OpCx, job: &DeadJob, fate: Fate) -> Result<()> {
    let event = match fate {
        Fate::Retried => "jobs.job.retried.v1",
        Fate::Discarded => "jobs.job.discarded.v1",
    };
    let mut change = state.spine.begin(cx).await?;
    let tx = change.tx();
    tx.switch(job.owner()).await.map_err(mpanel_events::Error::from)?;
    match fate {
        Fate::Retried => mpanel_jobs::retry_dead(tx, Reach::Everyone, job.id).await?,
        Fate::Discarded => mpanel_jobs::discard_dead(tx, Reach::Everyone, job.id).await?,
    }
    tx.switch(cx.tenant()).await.map_err(mpanel_events::Error::from)?;
    let data = json!({"kind": job.kind, "tenant": job.tenant});
    let record = Record::new(event, job.id, data.clone()).before(data);
    parts::commit(change, cx, job.tenant, record).await
}

/// Gives a dead job all its attempts again, from now on.
#[utoipa::path(post, path = "/dead-jobs/{job_id}/retry", operation_id = "dead_jobs_retry", tag = "spine",
    params(("job_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn retry(state: State, Cx(cx): Cx, Ids(id): Ids<JobId>) -> Result<StatusCode> {
    let job = find(&state, &cx, id).await?;
    cx.authorize::<DeadJobs, _>(actions::Operate)?;
    decide(&state, &cx, &job, Fate::Retried).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a dead job for good: what it was to do is not done.
#[utoipa::path(delete, path = "/dead-jobs/{job_id}", operation_id = "dead_jobs_discard", tag = "spine", extensions(("x-step-up" = json!(true))),
    params(("job_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn discard(state: State, Cx(cx): Cx, Ids(id): Ids<JobId>) -> Result<StatusCode> {
    let job = find(&state, &cx, id).await?;
    cx.authorize::<DeadJobs, _>(actions::Delete)?;
    decide(&state, &cx, &job, Fate::Discarded).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which dead jobs are to be tried again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = spine::RetryDeadJobs)]
pub struct RetryDto {
    /// Those of this kind.
    #[schema(example = "mail.send")]
    kind: String,
    /// `next_cursor` of the answer before; absent at first.
    #[serde(default)]
    cursor: Option<String>,
}

/// Gives dead jobs of a kind all their attempts again: the tenant's, or everybody's for those who run the platform, of a thousand
/// tenants at once. Ask again with `next_cursor` until there is none.
#[utoipa::path(post, path = "/dead-jobs/retry", operation_id = "dead_jobs_retry_all", tag = "spine",
    request_body = RetryDto,
    responses((status = 200, body = RetriedDto), (status = 422, body = ProblemDocument)))]
pub async fn retry_all(state: State, Cx(cx): Cx, Json(which): Json<RetryDto>) -> Result<Json<RetriedDto>> {
    cx.authorize::<DeadJobs, _>(actions::Operate)?;
    if !is_name(&which.kind) {
        return Err(Problem::field(FieldError::new(
            "/kind",
            "jobs.job.bad_kind",
            "kind is that of a dead job, such as mail.send",
        )));
    }
    let after = parts::cursor(which.cursor.as_deref())?;
    let owners = match reach(&cx) {
        Reach::Everyone => {
            let mut tx = state.all(REASON).await?;
            mpanel_jobs::dead_owners(&mut tx, &which.kind, after, state.parts.owners + 1).await?
        }
        Reach::Of(_) | Reach::Platform => vec![cx.tenant()],
    };
    let done = state.retry_in_parts(&cx, All::Jobs(&which.kind), owners).await?;
    let left = match done.next {
        Some(_) => {
            let filter = DeadFilter {
                owners_after: done.next,
                ..of_kind(Some(which.kind))
            };
            let mut tx = state.all(REASON).await?;
            mpanel_jobs::count_dead(&mut tx, Reach::Everyone, &filter, COUNTED).await?
        }
        None => 0,
    };
    Ok(Json(RetriedDto::new(&done, left)))
}
