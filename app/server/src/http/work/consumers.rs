//! What is kept in step with events: how far it is, and having it built anew. It is the platform's, and only its members see it.

use http::StatusCode;
use mpanel_authz::{Resource, actions};
use mpanel_events::{ConsumerStand, Record};
use mpanel_http::{Cx, Ids, Json, Problem, ProblemDocument, Result};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::State;

/// The platform's consumers of events.
pub struct Consumers;
impl Resource for Consumers {
    const NAME: &'static str = "spine.event_consumer";
}

/// Something that is kept in step with events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::EventConsumer)]
pub struct EventConsumerDto {
    #[schema(example = "tenancy.subtree")]
    name: String,
    /// Rows of the feed that it has not looked at yet.
    lag: u64,
    /// Events that it could not take on and tries again by itself, with those that have their turn after them.
    waiting: u64,
    /// Events that it tries no more.
    dead: u64,
    /// It is being built anew, or is about to be; what it knew is found meanwhile.
    rebuilding: bool,
}

impl From<ConsumerStand> for EventConsumerDto {
    fn from(stand: ConsumerStand) -> Self {
        Self {
            name: stand.name,
            lag: stand.lag,
            waiting: stand.waiting,
            dead: stand.dead,
            rebuilding: stand.rebuilding,
        }
    }
}

mpanel_http::list!(EventConsumerList of EventConsumerDto as spine::EventConsumerList);

/// Lists what is kept in step with events, and how far it is.
#[utoipa::path(get, path = "/event-consumers", operation_id = "event_consumers_list", tag = "spine",
    responses((status = 200, body = EventConsumerList), (status = 403, body = ProblemDocument)))]
pub async fn list(state: State, Cx(cx): Cx) -> Result<Json<EventConsumerList>> {
    cx.authorize::<Consumers, _>(actions::List)?;
    let mut tx = state.all("spine.event_consumers").await?;
    let all = mpanel_events::consumer_stands(&mut tx, &state.consumers).await?;
    Ok(Json(EventConsumerList {
        items: all.into_iter().map(Into::into).collect(),
        next_cursor: None,
    }))
}

/// Has what a consumer keeps built anew from the beginning. What it knew is found meanwhile; what is set aside is forgotten in the
/// end.
#[utoipa::path(post, path = "/event-consumers/{consumer}/rebuild", operation_id = "event_consumers_rebuild", tag = "spine",
    params(("consumer" = String, Path)),
    responses((status = 202), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn rebuild(state: State, Cx(cx): Cx, Ids(name): Ids<String>) -> Result<StatusCode> {
    cx.authorize::<Consumers, _>(actions::Operate)?;
    if !state.consumers.contains(&name.as_str()) {
        return Err(Problem::not_found());
    }
    let mut change = state.spine.begin(&cx).await?;
    mpanel_events::rebuild_consumer(change.tx(), &name).await?;
    // That it is written wakes the consumer.
    let record = Record::new("spine.event_consumer.rebuild_asked.v1", name, json!({}));
    change.record(record).await?;
    change.commit().await?;
    Ok(StatusCode::ACCEPTED)
}
