use jiff::Timestamp;
use mpanel_authz::Actor;
use mpanel_kernel::ids::{EventId, RequestId, TenantId};
use mpanel_pg::{Ts, Tx};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Error;

/// The newest state of an object that data planes serve; see `mpanel_feed::topics`.
#[derive(Debug, Clone)]
pub struct State {
    pub topic: &'static str,
    pub key: String,
    /// Of the object it describes; grows with each change.
    pub generation: i64,
    /// `None` when the object is gone.
    pub value: Option<Value>,
}

impl State {
    /// # Errors
    /// When the value cannot be written as JSON, which is a bug.
    pub fn upsert(
        topic: &'static str,
        key: impl Into<String>,
        generation: i64,
        value: &impl Serialize,
    ) -> Result<Self, Error> {
        Ok(Self {
            topic,
            key: key.into(),
            generation,
            value: Some(serde_json::to_value(value)?),
        })
    }

    /// Bytes of the value as it goes over the feed.
    #[must_use]
    pub fn size(&self) -> usize {
        self.value.as_ref().map_or(0, |value| value.to_string().len())
    }

    #[must_use]
    pub fn delete(topic: &'static str, key: impl Into<String>, generation: i64) -> Self {
        Self {
            topic,
            key: key.into(),
            generation,
            value: None,
        }
    }
}

/// Publishes a state in the caller's transaction.
///
/// # Errors
/// When the database refuses or is away.
pub async fn publish(tx: &mut impl Tx, tenant: Option<TenantId>, state: &State, at: Timestamp) -> Result<(), Error> {
    insert(
        tx,
        tenant,
        "state",
        state.topic,
        &state.key,
        state.generation,
        state.value.as_ref(),
        at,
    )
    .await
}

/// Emits an event in the caller's transaction.
///
/// `kind` is the event's type with its version, such as `sites.site.created.v1`; `data` holds ids
/// and plain facts, never personal data.
///
/// # Errors
/// When the database refuses or is away.
#[expect(
    clippy::too_many_arguments,
    reason = "an event is these facts; a struct would only rename them"
)]
pub async fn event(
    tx: &mut impl Tx,
    tenant: Option<TenantId>,
    kind: &str,
    subject: &str,
    actor: &Actor,
    request: RequestId,
    data: &Value,
    at: Timestamp,
) -> Result<(), Error> {
    let value = value((tenant, kind, subject), (actor, request), data, at);
    insert(tx, tenant, "event", kind, subject, 0, Some(&value), at).await
}

/// An event as it is written.
pub(crate) fn value(
    (tenant, kind, subject): (Option<TenantId>, &str, &str),
    (actor, request): (&Actor, RequestId),
    data: &Value,
    at: Timestamp,
) -> Value {
    json!({
        "id": EventId::generate(),
        "type": kind,
        "tenant": tenant,
        "subject": subject,
        "actor": actor.reference(),
        "request_id": request,
        "time": at,
        "data": data,
    })
}

#[expect(clippy::too_many_arguments, reason = "the row's columns")]
async fn insert(
    tx: &mut impl Tx,
    tenant: Option<TenantId>,
    kind: &str,
    topic: &str,
    key: &str,
    generation: i64,
    value: Option<&Value>,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into spine.outbox (tenant_id, kind, topic, key, generation, value, at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.map(TenantId::uuid),
        kind,
        topic,
        key,
        generation,
        value,
        Ts(at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
