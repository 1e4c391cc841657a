//! Events that a consumer could not take on and tries no more. They are the platform's to look at: what is wrong is said from
//! inside.

use http::StatusCode;
use jiff::Timestamp;
use mpanel_authz::{OpCx, Resource, actions};
use mpanel_events::{DeadEvent, Record};
use mpanel_http::{Cx, Ids, Json, Paging, Problem, ProblemDocument, Query, Result};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{DeadEventId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::parts::{self, All, COUNTED, RetriedDto};
use super::{State, Work, sees_all};

/// The platform's dead events.
pub struct DeadEvents;
impl Resource for DeadEvents {
    const NAME: &'static str = "spine.dead_event";
}

const REASON: &str = "spine.dead_events";

/// An event that a consumer could not take on and tries no more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::DeadEvent)]
pub struct DeadEventDto {
    #[schema(value_type = String, example = "devt_01h2xcejqtf2nbrexx3vqjhp41")]
    id: DeadEventId,
    /// Whose it is; `null` for the platform's own.
    #[schema(value_type = Option<String>, required)]
    tenant_id: Option<TenantId>,
    /// What could not take it on.
    #[schema(example = "tenancy.subtree")]
    consumer: String,
    /// Its type with its version.
    #[schema(example = "sites.site.created.v1")]
    event: String,
    /// The resource that it is about.
    #[schema(example = "site_01h2xcejqtf2nbrexx3vqjhp41")]
    resource: String,
    attempts: u32,
    /// Why the last attempt failed.
    error: String,
    /// Later events of the same resource that wait for what becomes of this one.
    behind: u64,
    died_at: Timestamp,
}

impl From<DeadEvent> for DeadEventDto {
    fn from(event: DeadEvent) -> Self {
        Self {
            id: event.id,
            tenant_id: event.tenant,
            consumer: event.consumer,
            event: event.event,
            resource: event.subject,
            attempts: event.attempts,
            error: event.error,
            behind: event.behind,
            died_at: event.died_at,
        }
    }
}

/// One page of dead events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::DeadEventList)]
pub struct DeadEventList {
    items: Vec<DeadEventDto>,
    /// Pass as `cursor` for the next page; `null` at the end.
    #[schema(required)]
    next_cursor: Option<String>,
    /// How many there are in all, counted up to 1,000.
    total: u32,
}

#[derive(Debug, Deserialize)]
pub struct Filter {
    #[serde(rename = "filter[consumer]")]
    consumer: Option<String>,
}

/// Whose dead events the caller reaches: all there are, for those who may act for everybody below the platform.
fn reach(cx: &OpCx) -> Option<TenantId> {
    (!sees_all(cx)).then(|| cx.tenant())
}

/// Lists events that a consumer could not take on and tries no more, newest first.
#[utoipa::path(get, path = "/dead-events", operation_id = "dead_events_list", tag = "spine",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("filter[consumer]" = Option<String>, Query, description = "only those of this consumer"),
    ),
    responses((status = 200, body = DeadEventList), (status = 403, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn list(
    state: State,
    Cx(cx): Cx,
    Paging(page): Paging,
    Query(filter): Query<Filter>,
) -> Result<Json<DeadEventList>> {
    cx.authorize::<DeadEvents, _>(actions::List)?;
    let (of, consumer) = (reach(&cx), filter.consumer.as_deref());
    let mut tx = state.all(REASON).await?;
    let page = mpanel_events::list_dead_events(&mut tx, of, consumer, page).await?;
    let total = mpanel_events::count_dead_events(&mut tx, of, consumer, None, COUNTED).await?;
    Ok(Json(DeadEventList {
        items: page.items.into_iter().map(Into::into).collect(),
        next_cursor: page.next_cursor,
        total,
    }))
}

/// What happens to a dead event.
#[derive(Clone, Copy)]
enum Fate {
    Retried,
    Discarded,
}

/// Does it in the tenant whose event it is and writes it down there, and here when that is another.
async fn decide(state: &Work, cx: &OpCx, id: DeadEventId, fate: Fate) -> Result<()> {
    let event = {
        let mut tx = state.all(REASON).await?;
        mpanel_events::get_dead_event(&mut tx, reach(cx), id).await?
    };
    let said = match fate {
        Fate::Retried => "spine.dead_event.retried.v1",
        Fate::Discarded => "spine.dead_event.discarded.v1",
    };
    let mut change = state.spine.begin(cx).await?;
    let tx = change.tx();
    tx.switch(event.owner()).await.map_err(mpanel_events::Error::from)?;
    match fate {
        Fate::Retried => mpanel_events::retry_dead_event(tx, id).await?,
        Fate::Discarded => mpanel_events::discard_dead_event(tx, id).await?,
    }
    tx.switch(cx.tenant()).await.map_err(mpanel_events::Error::from)?;
    let data = json!({
        "consumer": event.consumer, "event": event.event, "resource": event.subject, "tenant": event.tenant,
    });
    let record = Record::new(said, id, data.clone()).before(data);
    parts::commit(change, cx, event.tenant, record).await
}

/// Gives a dead event all its attempts again, from now on. Later events of its resource are taken on after it.
#[utoipa::path(post, path = "/dead-events/{event_id}/retry", operation_id = "dead_events_retry", tag = "spine",
    params(("event_id" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn retry(state: State, Cx(cx): Cx, Ids(id): Ids<DeadEventId>) -> Result<StatusCode> {
    cx.authorize::<DeadEvents, _>(actions::Operate)?;
    decide(&state, &cx, id, Fate::Retried).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a dead event for good: what it told is not taken on. Later events of its resource have their turn.
#[utoipa::path(delete, path = "/dead-events/{event_id}", operation_id = "dead_events_discard", tag = "spine", extensions(("x-step-up" = json!(true))),
    params(("event_id" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn discard(state: State, Cx(cx): Cx, Ids(id): Ids<DeadEventId>) -> Result<StatusCode> {
    cx.authorize::<DeadEvents, _>(actions::Delete)?;
    decide(&state, &cx, id, Fate::Discarded).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which dead events are to be tried again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = spine::RetryDeadEvents)]
pub struct RetryDto {
    /// Those of this consumer.
    #[schema(example = "tenancy.subtree")]
    consumer: String,
    /// `next_cursor` of the answer before; absent at first.
    #[serde(default)]
    cursor: Option<String>,
}

/// Gives dead events of a consumer all their attempts again, in their order, of a thousand tenants at once. Ask again with
/// `next_cursor` until there is none.
#[utoipa::path(post, path = "/dead-events/retry", operation_id = "dead_events_retry_all", tag = "spine",
    request_body = RetryDto,
    responses((status = 200, body = RetriedDto), (status = 403, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn retry_all(state: State, Cx(cx): Cx, Json(which): Json<RetryDto>) -> Result<Json<RetriedDto>> {
    cx.authorize::<DeadEvents, _>(actions::Operate)?;
    let consumer = which.consumer.as_str();
    if !state.consumers.contains(&consumer) {
        return Err(Problem::field(FieldError::new(
            "/consumer",
            "spine.event_consumer.unknown",
            "consumer is one of those that GET /event-consumers lists, such as tenancy.subtree",
        )));
    }
    let after = parts::cursor(which.cursor.as_deref())?;
    let owners = match reach(&cx) {
        None => {
            let mut tx = state.all(REASON).await?;
            mpanel_events::dead_event_owners(&mut tx, consumer, after, state.parts.owners + 1).await?
        }
        Some(own) => vec![own],
    };
    let done = state.retry_in_parts(&cx, All::Events(consumer), owners).await?;
    let left = match done.next {
        Some(_) => {
            let mut tx = state.all(REASON).await?;
            mpanel_events::count_dead_events(&mut tx, None, Some(consumer), done.next, COUNTED).await?
        }
        None => 0,
    };
    Ok(Json(RetriedDto::new(&done, left)))
}
