use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use http::HeaderMap;
use mpanel_authz::{Action, OpCx, Resource as _, actions};
use mpanel_config::Rate;
use mpanel_events::{FeedRow, events_after};
use mpanel_feed::frame::Position;
use mpanel_http::{Caller, Cx, ProblemDocument, RECHECK, Result, Slot, Slots, Standing, too_many};
use mpanel_identity::Network;
use mpanel_kernel::error::FieldError;
use mpanel_telemetry::spawn_named;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::audit::Audit;
use super::{Event, SpineState, State};

/// Events a stream that resumes is sent from the past.
const BACKLOG: i64 = 1000;

/// Events that tell how well somebody's account is guarded, when they work, and what their tokens may do. They are about
/// the subject or about the `user` in their data.
const OF_AN_ACCOUNT: [&str; 5] = [
    "identity.totp.",
    "identity.password.",
    "identity.email.",
    "identity.session.",
    "identity.api_token.",
];

/// Streams the tenant's events as they happen (server-sent events).
///
/// The id of each is its place in the feed; with `Last-Event-ID` the stream resumes behind it. An
/// event of type `reset` means that it cannot, and that everything is to be loaded again.
#[utoipa::path(get, path = "/events", operation_id = "events_stream", tag = "spine",
    params(
        ("tenant" = Option<String>, Query, description = "acting tenant, where a header cannot be sent"),
        ("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that was seen; 0 for all that are kept"),
    ),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 401, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn stream(state: State, Cx(cx): Cx, caller: Caller, request: Request) -> Result<impl IntoResponse + use<>> {
    cx.authorize::<Event, _>(actions::List)?;
    let after = last_event_id(request.headers())?;
    let places = state.streams.take(&cx, caller.address).ok_or_else(|| {
        too_many(
            "events.too_many_streams",
            "too many event streams are open for this person, token or address; close one",
        )
    })?;
    let (sender, receiver) = mpsc::channel::<std::result::Result<SseEvent, Infallible>>(64);
    let session = Stream {
        state: state.0.clone(),
        cx,
        standing: Standing::of(&state.gate, caller, &request),
        sender,
        _places: places,
    };
    let mut stopping = state.stopping.clone();
    spawn_named("events.stream", async move {
        tokio::select! {
            () = session.run(after) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(keep_alive))
}

/// Where a stream goes on: a history and a number in it, as `<epoch>:<number>`. A number alone is one of the history that
/// there is: programs that want all there is to be had begin with 0.
fn last_event_id(headers: &HeaderMap) -> Result<Option<Position>> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let place = value.to_str().ok().and_then(|text| {
        let (epoch, seq) = text.split_once(':').unwrap_or(("", text));
        Some(Position {
            epoch: epoch.to_owned(),
            seq: seq.parse().ok()?,
        })
    });
    match place {
        Some(place) => Ok(Some(place)),
        None => Err(mpanel_http::Problem::field(FieldError::new(
            "#Last-Event-ID",
            "events.bad_id",
            "Last-Event-ID is the id of an event of this stream",
        ))),
    }
}

/// How many streams may be open: of one person or token, and of one address.
pub struct StreamLimits {
    by_actor: Arc<Slots<String>>,
    by_network: Arc<Slots<Network>>,
}

/// Given back when the stream ends. Who comes over our own socket has no address.
type Places = (Slot<String>, Option<Slot<Network>>);

impl StreamLimits {
    pub fn new(rate: &Rate) -> Self {
        Self {
            by_actor: Slots::new(rate.streams_per_credential),
            by_network: Slots::new(rate.streams_per_address),
        }
    }

    fn take(&self, cx: &OpCx, address: Option<IpAddr>) -> Option<Places> {
        let actor = self.by_actor.take(cx.actor().reference())?;
        match address {
            Some(address) => Some((actor, Some(self.by_network.take(Network::of(address))?))),
            None => Some((actor, None)),
        }
    }
}

struct Stream {
    state: Arc<SpineState>,
    cx: OpCx,
    standing: Standing,
    sender: mpsc::Sender<std::result::Result<SseEvent, Infallible>>,
    _places: Places,
}

impl Stream {
    async fn run(mut self, after: Option<Position>) {
        // Subscribed before the past is read: nothing falls between the two.
        let mut rows = self.state.tail.subscribe();
        let mut epochs = self.state.tail.epoch();
        let mut epoch = epochs.borrow_and_update().clone();
        let after = after.map(|after| Position {
            epoch: Some(after.epoch)
                .filter(|epoch| !epoch.is_empty())
                .unwrap_or_else(|| epoch.clone()),
            ..after
        });
        // What it has seen says nothing of the numbers of another history.
        let mut sent = after
            .as_ref()
            .filter(|after| after.epoch == epoch)
            .map_or(i64::MIN, |after| after.seq);
        if let Some(after) = &after {
            match events_after(self.state.spine.db(), self.cx.tenant(), after, BACKLOG).await {
                Ok(Some(past)) if (past.len() as i64) < BACKLOG => {
                    for row in &past {
                        sent = row.seq;
                        if !self.send(row, &epoch).await {
                            return;
                        }
                    }
                }
                Ok(_) => {
                    if !self.reset().await {
                        return;
                    }
                }
                // The browser connects again by itself.
                Err(_) => return,
            }
        }
        let mut recheck = tokio::time::interval(RECHECK);
        recheck.tick().await;
        loop {
            tokio::select! {
                row = rows.recv() => match row {
                    Ok(row) if row.seq <= sent => {}
                    Ok(row) => {
                        sent = row.seq;
                        if !self.send(&row, &epoch).await {
                            return;
                        }
                    }
                    Err(RecvError::Lagged(_)) => {
                        if !self.reset().await {
                            return;
                        }
                    }
                    Err(RecvError::Closed) => return,
                },
                // Another history: what is shown is of the one before.
                Ok(()) = epochs.changed() => {
                    let before = std::mem::replace(&mut epoch, epochs.borrow_and_update().clone());
                    sent = i64::MIN;
                    // A server that has just started has shown nothing yet.
                    if !before.is_empty() && !self.reset().await {
                        return;
                    }
                }
                _ = recheck.tick() => if !self.still_admitted().await { return },
                () = self.sender.closed() => return,
            }
        }
    }

    /// Sends a row, if it is an event of the tenant that the actor may see; `false` when nobody listens.
    async fn send(&self, row: &FeedRow, epoch: &str) -> bool {
        if row.is_state || row.tenant != Some(self.cx.tenant()) || !self.may_see(row) {
            return true;
        }
        let data = row.value.as_ref().map(ToString::to_string).unwrap_or_default();
        self.sender
            .send(Ok(SseEvent::default().id(format!("{epoch}:{}", row.seq)).data(data)))
            .await
            .is_ok()
    }

    async fn reset(&self) -> bool {
        self.sender
            .send(Ok(SseEvent::default().event("reset").data("{}")))
            .await
            .is_ok()
    }

    /// Whether the actor may read or list what the event is about: `sites.site` of
    /// `sites.site.created.v1`, and what belongs to it. Who gives up a second factor, asks for another password, signs
    /// in or makes a token is known to that person and to those who may read it in the log.
    fn may_see(&self, event: &FeedRow) -> bool {
        if OF_AN_ACCOUNT.iter().any(|kind| event.topic.starts_with(kind)) {
            let about = event.value.as_ref().and_then(|value| value["data"]["user"].as_str());
            let own = self.cx.actor().user().is_some_and(|user| {
                let user = user.to_string();
                user == event.key || about == Some(&user)
            });
            return own || self.cx.may(Audit::NAME, Action::Read) || self.cx.may(Audit::NAME, Action::List);
        }
        let mut parts = event.topic.split('.');
        let resource = match (parts.next(), parts.next()) {
            (Some("jobs"), Some("operation")) => "spine.operation".to_owned(),
            (Some("jobs"), Some("job")) => "spine.dead_job".to_owned(),
            (Some(context), Some(object)) => format!("{context}.{object}"),
            _ => return false,
        };
        let known = self.cx.permissions().resources().any(|known| known == resource);
        // Events of parts that no role names, such as a subscription, go with the tenant itself.
        let resource = if known { resource.as_str() } else { "spine.event" };
        self.cx.may(resource, Action::Read) || self.cx.may(resource, Action::List)
    }

    /// Looks at the rights again and takes over what they are now: a lower role sees less from here on.
    async fn still_admitted(&mut self) -> bool {
        match self.standing.again(&self.cx).await {
            Some(cx) => self.cx = cx,
            None => return false,
        }
        self.cx.authorize::<Event, _>(actions::List).is_ok()
    }
}

#[cfg(test)]
mod tests;
