//! Objects that a reconciler cannot bring to what is wanted, and operations that can neither go on nor back: both are tried
//! again, later and later.

use jiff::Timestamp;
use mpanel_authz::{OpCx, Resource, TenantKind, actions};
use mpanel_events::{Change, Record};
use mpanel_http::{Cx, Json, Problem, ProblemDocument, Result};
use mpanel_jobs::{ASKED, Stuck};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{OperationId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{State, Work, sees_all};

/// A tenant's stuck objects.
pub struct StuckObjects;
impl Resource for StuckObjects {
    const NAME: &'static str = "spine.stuck_object";
}

/// Of each reconciler: whoever has more begins with these.
const MOST: u32 = 100;
const RETRIED: &str = "spine.stuck_object.retried.v1";

/// An object that cannot be brought to what is wanted, or an operation that cannot be brought to its end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::StuckObject)]
pub struct StuckDto {
    /// Which reconciler fails with it; of an operation, its kind.
    #[schema(example = "sites.edge")]
    reconciler: String,
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// The object, by id or name.
    #[schema(example = "site_01h2xcejqtf2nbrexx3vqjhp41")]
    subject: String,
    /// What people call it; of an operation, what the step does that fails, or that it is to be brought to its end.
    name: String,
    /// Why it failed at last.
    problem: String,
    /// How often in a row it has failed.
    failures: u32,
    since: Timestamp,
    /// When it is tried again.
    next_at: Timestamp,
}

impl StuckDto {
    fn new(reconciler: &str, stuck: Stuck) -> Self {
        Self {
            reconciler: reconciler.to_owned(),
            tenant_id: stuck.tenant,
            subject: stuck.subject,
            name: stuck.name,
            problem: stuck.problem,
            failures: stuck.failures,
            since: stuck.since,
            next_at: stuck.next_at,
        }
    }
}

mpanel_http::list!(StuckList of StuckDto as spine::StuckObjectList);

async fn find(work: &Work, cx: &OpCx) -> Result<Vec<StuckDto>> {
    let of = (!sees_all(cx)).then(|| cx.tenant());
    let mut all = Vec::new();
    for reconciler in &work.reconcilers {
        let stuck = reconciler.stuck(of, MOST).await.map_err(unavailable)?;
        all.extend(stuck.into_iter().map(|stuck| StuckDto::new(reconciler.name(), stuck)));
    }
    let mut tx = work.all("spine.stuck_objects").await?;
    let operations = mpanel_jobs::stuck_operations(&mut tx, of, MOST).await?;
    tx.end_read();
    all.extend(operations.into_iter().map(|(kind, stuck)| StuckDto::new(&kind, stuck)));
    all.sort_by_key(|stuck| stuck.since);
    Ok(all)
}

/// What a reconciler says goes to the log; nothing can be read while it does.
fn unavailable(error: mpanel_jobs::BoxError) -> Problem {
    tracing::warn!(error, "stuck objects cannot be read");
    Problem::new(
        mpanel_kernel::error::Kind::Unavailable,
        "spine.database.unavailable",
        "the database is not available at the moment; nothing was changed",
    )
}

/// Lists what cannot be brought to what is wanted, the longest first: the tenant's, or everybody's for those who run the
/// platform. At most 100 of each kind.
#[utoipa::path(get, path = "/stuck-objects", operation_id = "stuck_objects_list", tag = "spine",
    responses((status = 200, body = StuckList), (status = 403, body = ProblemDocument)))]
pub async fn list(state: State, Cx(cx): Cx) -> Result<Json<StuckList>> {
    cx.authorize::<StuckObjects, _>(actions::List)?;
    Ok(Json(StuckList {
        items: find(&state, &cx).await?,
        next_cursor: None,
    }))
}

/// Which stuck objects are to be tried now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = spine::RetryStuckObjects)]
pub struct RetryDto {
    /// The one with this id or name; all when absent.
    subject: Option<String>,
}

/// How many objects are tried now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::RetriedObjects)]
pub struct RetriedDto {
    retried: u64,
}

/// Tries stuck objects now, rather than when they are due: one of them or all that the list shows.
#[utoipa::path(post, path = "/stuck-objects/retry", operation_id = "stuck_objects_retry", tag = "spine",
    request_body = RetryDto,
    responses((status = 200, body = RetriedDto), (status = 403, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn retry(state: State, Cx(cx): Cx, Json(which): Json<RetryDto>) -> Result<Json<RetriedDto>> {
    cx.authorize::<StuckObjects, _>(actions::Operate)?;
    let meant = |stuck: &StuckDto| which.subject.as_ref().is_none_or(|subject| *subject == stuck.subject);
    let stuck: Vec<StuckDto> = find(&state, &cx).await?.into_iter().filter(meant).collect();
    if stuck.is_empty() && which.subject.is_some() {
        let text = "nothing with this id or name is stuck here";
        return Err(Problem::field(FieldError::new("/subject", "spine.not_stuck", text)));
    }
    let mut change = state.spine.begin(&cx).await?;
    let mut retried = 0;
    for object in &stuck {
        if let Ok(operation) = object.subject.parse::<OperationId>() {
            let tx = change.tx();
            tx.switch(object.tenant_id).await.map_err(mpanel_events::Error::from)?;
            retried += u64::from(mpanel_jobs::try_operation_now(tx, operation).await?);
        }
    }
    let tx = change.tx();
    tx.switch(cx.tenant()).await.map_err(mpanel_events::Error::from)?;
    write_down(&mut change, &cx, &stuck, which.subject).await?;
    // Reconcilers have transactions of their own: what is tried was written down before.
    change.commit().await?;
    for reconciler in &state.reconcilers {
        let own = stuck.iter().filter(|stuck| stuck.reconciler == reconciler.name());
        let mut woken = false;
        for object in own {
            let due = reconciler.try_now(object.tenant_id, &object.subject).await;
            if due.map_err(unavailable)? {
                woken = true;
                retried += 1;
            }
        }
        if woken {
            wake(&state, &cx, reconciler.name()).await?;
        }
    }
    Ok(Json(RetriedDto { retried }))
}

/// In the log of whoever asks, and of each tenant whose object it is.
async fn write_down(change: &mut Change, cx: &OpCx, stuck: &[StuckDto], subject: Option<String>) -> Result<()> {
    for object in stuck.iter().filter(|object| object.tenant_id != cx.tenant()) {
        if let Some(there) = cx.for_descendant(object.tenant_id, TenantKind::Customer) {
            let data = json!({"reconciler": object.reconciler});
            let record = Record::new(RETRIED, &object.subject, data.clone()).after(data);
            change.record_for(&there, record).await?;
        }
    }
    let subject = subject.unwrap_or_else(|| cx.tenant().to_string());
    let data = json!({"objects": stuck.len()});
    change
        .record(Record::new(RETRIED, subject, data.clone()).after(data))
        .await?;
    Ok(())
}

/// Has the reconciler look at once, whatever it waits for.
async fn wake(work: &Work, cx: &OpCx, reconciler: &str) -> Result<()> {
    let mut tx = work.all("spine.stuck_objects").await?;
    let (actor, request, now) = (cx.actor(), cx.request_id(), cx.clock().now());
    mpanel_events::event(&mut tx, None, ASKED, reconciler, actor, request, &json!({}), now).await?;
    Ok(tx.commit().await.map_err(mpanel_events::Error::from)?)
}
