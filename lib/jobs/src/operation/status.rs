//! Operations as the services that start them and the HTTP layer see them.

use std::collections::HashMap;

use jiff::Timestamp;
use mpanel_authz::{Actor, OpCx};
use mpanel_kernel::ids::{OperationId, RequestId, TenantId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::{TenantTx, Ts, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Error, Failure, Kind};

/// The event that tells of every change of an operation, with throttled progress.
pub const CHANGED: &str = "jobs.operation.changed.v1";

macro_rules! states {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($variant),+ }

        impl $name {
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            pub(crate) fn stored(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    // The column's check allows no other.
                    _ => unreachable!("state {text} is in no list"),
                }
            }
        }
    };
}

states! {
    /// Where an operation is.
    OperationState {
        Pending = "pending",
        Running = "running",
        Undoing = "undoing",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled"
    }
}

states! {
    /// Where a step is. A step that failed stays `failed` when what it left was undone.
    StepState {
        Pending = "pending",
        Running = "running",
        Done = "done",
        Failed = "failed",
        Undone = "undone",
        Skipped = "skipped"
    }
}

impl OperationState {
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How far the step at work is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: u64,
    /// Unknown while absent.
    pub total: Option<u64>,
    /// In the plural: `bytes`, `files`.
    pub unit: String,
}

/// An operation with its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationStatus {
    pub id: OperationId,
    pub kind: String,
    /// What it changes, by wire id.
    pub subject: String,
    pub state: OperationState,
    pub progress: Option<Progress>,
    pub steps: Vec<StepStatus>,
    pub error: Option<Failure>,
    pub cancel_requested: bool,
    /// Whether asking for its cancellation would still do something.
    pub cancellable: bool,
    /// When the step that failed is tried again, while it waits for that.
    pub next_try_at: Option<Timestamp>,
    /// `usr_…`, `tok_…` or `system:name`.
    pub actor: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// A step of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStatus {
    pub key: String,
    pub title: String,
    pub state: StepState,
    /// Times it was begun.
    pub attempts: u32,
    /// Why it failed, or is tried again.
    pub error: Option<String>,
    /// What is not as it should be though it has done its work: `warning` in what it leaves.
    pub warning: Option<String>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// Which operations are wanted; an absent field matches all.
#[derive(Debug, Clone, Default)]
pub struct OperationFilter {
    pub subject: Option<String>,
    pub kind: Option<String>,
    /// `true`: only those that have not ended; `false`: only those that have.
    pub unfinished: Option<bool>,
}

/// Starts an operation in the caller's transaction; it runs once that commits.
///
/// # Errors
/// When the database refuses or is away.
pub async fn start(
    tx: &mut TenantTx,
    cx: &OpCx,
    kind: &'static Kind,
    subject: impl ToString,
    input: &impl Serialize,
) -> Result<OperationId, Error> {
    let id = OperationId::generate();
    let tenant = tx.tenant();
    let subject = subject.to_string();
    let now = cx.clock().now();
    sqlx::query!(
        "insert into jobs.operations
             (tenant_id, id, kind, subject, input, actor, assumed_from, assumption, assumption_reason, request_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant.uuid(),
        id.uuid(),
        kind.name,
        subject,
        serde_json::to_value(input)?,
        cx.actor().reference(),
        cx.assumed_from().map(TenantId::uuid),
        cx.assumption().map(|assumption| assumption.id.uuid()),
        cx.assumption().map(|assumption| &*assumption.reason),
        cx.request_id().uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    let keys: Vec<String> = kind.steps.iter().map(|step| step.key.to_owned()).collect();
    let titles: Vec<String> = kind.steps.iter().map(|step| step.title.to_owned()).collect();
    sqlx::query!(
        "insert into jobs.operation_steps (tenant_id, operation_id, position, key, title)
         select $1, $2, position, key, title
         from unnest($3::text[], $4::text[]) with ordinality as step (key, title, position)",
        tenant.uuid(),
        id.uuid(),
        &keys,
        &titles,
    )
    .execute(tx.conn())
    .await?;
    let data = changed_data(kind.name, &subject, OperationState::Pending, None, None);
    changed(tx, tenant, id, cx.actor(), cx.request_id(), &data, now).await?;
    Ok(id)
}

/// What [`CHANGED`] carries: enough to draw a line of the drawer without asking.
pub(crate) fn changed_data(
    kind: &str,
    subject: &str,
    state: OperationState,
    step: Option<&str>,
    progress: Option<&Progress>,
) -> Value {
    json!({ "kind": kind, "subject": subject, "state": state, "step": step, "progress": progress })
}

pub(crate) async fn changed(
    tx: &mut impl Tx,
    tenant: TenantId,
    id: OperationId,
    actor: &Actor,
    request: RequestId,
    data: &Value,
    now: Timestamp,
) -> Result<(), Error> {
    Ok(mpanel_events::event(tx, Some(tenant), CHANGED, &id.to_string(), actor, request, data, now).await?)
}

/// One operation of the tenant.
///
/// # Errors
/// [`Error::NotFound`], or when the database is away.
pub async fn get(tx: &mut TenantTx, id: OperationId) -> Result<OperationStatus, Error> {
    let rows = select(
        tx,
        Some(id),
        &OperationFilter::default(),
        PageRequest { limit: 1, after: None },
    )
    .await?;
    rows.into_iter().next().ok_or(Error::NotFound)
}

/// The tenant's operations, newest first.
///
/// # Errors
/// When the database is away.
pub async fn list(
    tx: &mut TenantTx,
    filter: &OperationFilter,
    page: PageRequest,
) -> Result<Page<OperationStatus>, Error> {
    let rows = select(tx, None, filter, page).await?;
    Ok(Page::cut(page, rows, |operation| operation.id.uuid()))
}

/// How many of the tenant's operations have not ended, and what kinds these are, some of them.
///
/// # Errors
/// When the database is away.
pub async fn unfinished(tx: &mut TenantTx) -> Result<(i64, Vec<String>), mpanel_pg::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", coalesce((array_agg(distinct kind order by kind))[1:5], '{}') as "kinds!"
           from jobs.operations where tenant_id = $1 and finished_at is null"#,
        tx.tenant().uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.count, row.kinds))
}

async fn select(
    tx: &mut TenantTx,
    id: Option<OperationId>,
    filter: &OperationFilter,
    page: PageRequest,
) -> Result<Vec<OperationStatus>, Error> {
    let rows = sqlx::query!(
        r#"select id, kind, subject, state, progress_done, progress_total, progress_unit, error, cancel_requested, actor,
                  finished_at is null and state <> 'undoing' and not irrevocable and not cancel_requested as "cancellable!",
                  case when finished_at is null and started_at is not null and due_at > now() then due_at end as "next_try_at: Ts",
                  created_at as "created_at: Ts", started_at as "started_at: Ts", finished_at as "finished_at: Ts"
           from jobs.operations
           where tenant_id = $1
             and ($2::uuid is null or id = $2)
             and ($3::text is null or subject = $3)
             and ($4::text is null or kind = $4)
             and ($5::boolean is null or (finished_at is null) = $5)
             and ($6::uuid is null or id < $6)
           order by id desc limit $7"#,
        tx.tenant().uuid(),
        id.map(OperationId::uuid),
        filter.subject,
        filter.kind,
        filter.unfinished,
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut steps = steps_of(tx, &ids).await?;
    rows.into_iter()
        .map(|row| {
            Ok(OperationStatus {
                id: OperationId::from_uuid(row.id),
                kind: row.kind,
                subject: row.subject,
                state: OperationState::stored(&row.state),
                progress: progress(row.progress_done, row.progress_total, row.progress_unit),
                steps: steps.remove(&row.id).unwrap_or_default(),
                error: row.error.map(serde_json::from_value).transpose()?,
                cancel_requested: row.cancel_requested,
                cancellable: row.cancellable,
                next_try_at: row.next_try_at.map(Timestamp::from),
                actor: row.actor,
                created_at: row.created_at.0,
                started_at: row.started_at.map(Timestamp::from),
                finished_at: row.finished_at.map(Timestamp::from),
            })
        })
        .collect()
}

fn progress(done: Option<i64>, total: Option<i64>, unit: Option<String>) -> Option<Progress> {
    Some(Progress {
        done: done.and_then(|n| u64::try_from(n).ok())?,
        total: total.and_then(|n| u64::try_from(n).ok()),
        unit: unit.unwrap_or_default(),
    })
}

async fn steps_of(tx: &mut TenantTx, operations: &[Uuid]) -> Result<HashMap<Uuid, Vec<StepStatus>>, Error> {
    let rows = sqlx::query!(
        r#"select operation_id, key, title, state, attempts, error, output->>'warning' as warning, started_at as "started_at: Ts", finished_at as "finished_at: Ts"
           from jobs.operation_steps where tenant_id = $1 and operation_id = any($2) order by position"#,
        tx.tenant().uuid(),
        operations,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut steps: HashMap<Uuid, Vec<StepStatus>> = HashMap::new();
    for row in rows {
        steps.entry(row.operation_id).or_default().push(StepStatus {
            key: row.key,
            title: row.title,
            state: StepState::stored(&row.state),
            attempts: row.attempts.unsigned_abs(),
            error: row.error,
            warning: row.warning,
            started_at: row.started_at.map(Timestamp::from),
            finished_at: row.finished_at.map(Timestamp::from),
        });
    }
    Ok(steps)
}

/// Asks for an operation to be cancelled: it stops before its next step and is undone. Asked again,
/// it changes nothing.
///
/// # Errors
/// [`Error::NotFound`], or when it is too late [`Error::Ended`] and [`Error::Irrevocable`].
pub async fn request_cancel(tx: &mut TenantTx, id: OperationId) -> Result<(), Error> {
    let operation = sqlx::query!(
        "select state, irrevocable from jobs.operations where tenant_id = $1 and id = $2 for update",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)?;
    if OperationState::stored(&operation.state).is_final() {
        return Err(Error::Ended);
    }
    if operation.irrevocable {
        return Err(Error::Irrevocable);
    }
    // One that waits for another attempt need not wait any longer.
    sqlx::query!(
        "update jobs.operations set cancel_requested = true, due_at = least(due_at, now())
         where tenant_id = $1 and id = $2 and not cancel_requested",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
