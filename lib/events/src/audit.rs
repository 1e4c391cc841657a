//! The audit log: who did what to what, acting for whom, from where, before and after.
//!
//! A row's `entry` holds its canonical bytes; the columns beside it repeat what searches need. People stand in it by
//! their ids. What more there is to say of them, such as their address, is in the entry too, but sealed under a key of
//! that person: erasing somebody destroys the key and changes no row.

pub mod details;
pub mod erasure;
pub mod retention;
pub mod search;

use std::str::FromStr;

use jiff::Timestamp;
use mpanel_authz::OpCx;
use mpanel_kernel::ids::{AssumptionId, AuditId, OperationId, RequestId, TenantId, UserId};
use mpanel_pg::{TenantTx, Ts, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Error, Record, Vault, metrics, outbox};

/// The step of an operation in which something was done for whoever started it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditStep {
    pub operation: OperationId,
    /// The operation's kind, such as `sites.release.deploy`.
    pub kind: String,
    /// The step's key.
    pub step: String,
}

/// Why a member of a tenant above acted for this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditAssumption {
    pub id: AssumptionId,
    /// In the actor's words, as this tenant was told.
    pub reason: String,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    /// It was asked for by somebody who may not.
    Refused,
}

impl Outcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

impl FromStr for Outcome {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Done, Self::Refused]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or(())
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: Timestamp,
    /// In whose log it stands.
    pub tenant: TenantId,
    /// `usr_…`, `tok_…` or `system:name`.
    pub actor: String,
    /// The person behind the actor, also behind a token.
    pub person: Option<UserId>,
    /// The step that did it for the actor, when not the actor itself.
    pub via: Option<AuditStep>,
    /// The ancestor for which the actor acted, when not the tenant itself.
    pub assumed_from: Option<TenantId>,
    /// By which leave, when a person had to ask for one.
    pub assumption: Option<AuditAssumption>,
    /// Such as `sites.site.created`.
    pub action: String,
    pub outcome: Outcome,
    pub subject: String,
    pub request_id: RequestId,
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// Whether more is known of people than their ids; see [`AuditEntry::details`].
    pub has_details: bool,
    /// The canonical bytes, which are JSON with sorted keys.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// Writes one line in the caller's transaction.
pub(crate) async fn append(
    tx: &mut TenantTx,
    cx: &OpCx,
    record: &Record,
    outcome: Outcome,
    at: Timestamp,
    vault: &Vault,
) -> Result<(), Error> {
    let id = AuditId::generate();
    let sealed = details::seal(tx, vault, cx, record, id).await?;
    let entry = written((cx, record), (id, outcome, at), &sealed)?;
    let (person, action) = (cx.actor().user(), unversioned(record.event));
    sqlx::query!(
        "insert into spine.audit
             (tenant_id, id, at, actor, person, assumed_from, action, outcome, subject, request_id, entry)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tx.tenant().uuid(),
        id.uuid(),
        Ts(at) as _,
        cx.actor().reference(),
        person.map(UserId::uuid),
        cx.assumed_from().map(TenantId::uuid),
        action,
        outcome.as_str(),
        record.subject,
        cx.request_id().uuid(),
        entry,
    )
    .execute(tx.conn())
    .await?;
    metrics::audited(outcome);
    Ok(())
}

/// The bytes of a line.
fn written(
    (cx, record): (&OpCx, &Record),
    (id, outcome, at): (AuditId, Outcome, Timestamp),
    sealed: &[details::Part],
) -> Result<Vec<u8>, Error> {
    let person = cx.actor().user();
    let via = cx.actor().step().map(|step| AuditStep {
        operation: step.operation,
        kind: step.kind.to_owned(),
        step: step.key.clone(),
    });
    let assumption = cx.assumption().map(|assumption| AuditAssumption {
        id: assumption.id,
        reason: assumption.reason.to_string(),
    });
    // serde_json sorts object keys, so equal entries have equal bytes.
    Ok(serde_json::to_vec(&json!({
        "id": id,
        "at": at,
        "tenant": cx.tenant(),
        "actor": cx.actor().reference(),
        "person": person,
        "via": via,
        "assumed_from": cx.assumed_from(),
        "assumption": assumption,
        "action": unversioned(record.event),
        "outcome": outcome,
        "subject": record.subject,
        "request_id": cx.request_id(),
        "before": record.before,
        "after": record.after,
        "sealed": sealed,
    }))?)
}

/// Writes a line and an event in the caller's transaction for each of some tenants that one change concerns alike, in one round trip.
pub(crate) async fn append_each(tx: &mut TenantTx, all: &[(OpCx, Record)], at: Timestamp) -> Result<(), Error> {
    let Some((first, _)) = all.first() else {
        return Ok(());
    };
    let (mut tenants, mut entries, mut lines, mut told) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (cx, record) in all {
        let id = AuditId::generate();
        tenants.push(cx.tenant().uuid());
        entries.push(id.uuid());
        lines.push(written((cx, record), (id, Outcome::Done, at), &[])?);
        told.push(outbox::value(
            (Some(cx.tenant()), record.event, &record.subject),
            (cx.actor(), cx.request_id()),
            &record.data,
            at,
        ));
    }
    let topics: Vec<String> = all.iter().map(|(_, record)| record.event.to_owned()).collect();
    let subjects: Vec<String> = all.iter().map(|(_, record)| record.subject.clone()).collect();
    let actions: Vec<String> = all
        .iter()
        .map(|(_, record)| unversioned(record.event).to_owned())
        .collect();
    sqlx::query!(
        "select spine.record_each($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &tenants,
        &topics,
        &subjects,
        &told,
        &entries,
        &actions,
        &lines,
        Ts(at) as _,
        first.actor().reference(),
        first.actor().user().map(UserId::uuid) as _,
        first.assumed_from().map(TenantId::uuid) as _,
        first.request_id().uuid(),
    )
    .execute(tx.conn())
    .await?;
    all.iter().for_each(|_| metrics::audited(Outcome::Done));
    Ok(())
}

/// `sites.site.created.v1` is the action `sites.site.created`.
fn unversioned(event: &str) -> &str {
    match event.rsplit_once(".v") {
        Some((action, version)) if version.bytes().all(|b| b.is_ascii_digit()) => action,
        _ => event,
    }
}

/// One line of the transaction's tenant.
///
/// # Errors
/// When the database is away.
pub async fn audit_entry(tx: &mut TenantTx, id: AuditId) -> Result<Option<AuditEntry>, Error> {
    let row = sqlx::query_scalar!(
        "select entry from spine.audit where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(AuditEntry::read).transpose()
}

/// The entry as it is written; what earlier versions did not write yet is absent.
#[derive(Deserialize)]
struct Written {
    id: AuditId,
    at: Timestamp,
    tenant: TenantId,
    actor: String,
    person: Option<UserId>,
    via: Option<AuditStep>,
    assumed_from: Option<TenantId>,
    assumption: Option<AuditAssumption>,
    action: String,
    outcome: Option<Outcome>,
    subject: String,
    request_id: RequestId,
    before: Option<Value>,
    after: Option<Value>,
    #[serde(default)]
    sealed: Vec<details::Part>,
}

impl AuditEntry {
    fn read(bytes: Vec<u8>) -> Result<Self, Error> {
        let entry: Written = serde_json::from_slice(&bytes)?;
        Ok(Self {
            id: entry.id,
            at: entry.at,
            tenant: entry.tenant,
            actor: entry.actor,
            person: entry.person,
            via: entry.via,
            assumed_from: entry.assumed_from,
            assumption: entry.assumption,
            action: entry.action,
            outcome: entry.outcome.unwrap_or(Outcome::Done),
            subject: entry.subject,
            request_id: entry.request_id,
            before: entry.before,
            after: entry.after,
            has_details: !entry.sealed.is_empty(),
            bytes,
        })
    }
}
