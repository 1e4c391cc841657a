use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;
use mpanel_events::{AuditDetails, AuditEntry, Opened, Outcome};
use mpanel_kernel::ids::{AssumptionId, AuditId, OperationId, RequestId, TenantId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A step of an operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditVia)]
pub struct ViaDto {
    #[schema(value_type = String)]
    operation_id: OperationId,
    /// Such as `sites.release.deploy`.
    kind: String,
    /// The step's key, or `finished`.
    step: String,
}

/// By which leave somebody acted for a tenant below the own one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditAssumption)]
pub struct AssumptionDto {
    #[schema(value_type = String)]
    id: AssumptionId,
    /// Why, in the words of whoever acted.
    reason: String,
}

/// How it ended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = spine::AuditOutcome)]
pub enum OutcomeDto {
    Done,
    /// It was asked for by somebody who may not.
    Refused,
}

impl From<Outcome> for OutcomeDto {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Refused => Self::Refused,
        }
    }
}

impl From<OutcomeDto> for Outcome {
    fn from(outcome: OutcomeDto) -> Self {
        match outcome {
            OutcomeDto::Done => Self::Done,
            OutcomeDto::Refused => Self::Refused,
        }
    }
}

/// One line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditEntry)]
pub struct AuditEntryDto {
    #[schema(value_type = String)]
    id: AuditId,
    time: Timestamp,
    /// In whose log it stands.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// `usr_…`, `tok_…`, `sva_…` or `system:name`.
    actor: String,
    /// The person behind the actor, also behind a token; `null` for what no person did.
    #[schema(value_type = Option<String>, required)]
    user_id: Option<UserId>,
    /// That person's name of today; `null` when there is no such account any more.
    #[schema(required)]
    actor_name: Option<String>,
    /// The step of an operation that did it for the actor, who started the operation; `null` when the actor did it.
    #[schema(required)]
    via: Option<ViaDto>,
    /// The ancestor for which the actor acted, when not the tenant itself.
    #[schema(value_type = Option<String>, required)]
    assumed_from: Option<TenantId>,
    /// By which leave; `null` where none is asked for.
    #[schema(required)]
    assumption: Option<AssumptionDto>,
    /// Such as `sites.site.created`.
    action: String,
    outcome: OutcomeDto,
    subject: String,
    /// The name of today, when the subject is a person.
    #[schema(required)]
    subject_name: Option<String>,
    #[schema(value_type = String)]
    request_id: RequestId,
    #[schema(required)]
    before: Option<Value>,
    #[schema(required)]
    after: Option<Value>,
    /// Whether `GET /audit/{audit_id}/details` has more to tell.
    has_details: bool,
}

mpanel_http::list!(AuditList of AuditEntryDto as spine::AuditList);

/// The people whom a line mentions as actor or subject.
pub fn people(entry: &AuditEntry) -> impl Iterator<Item = UserId> {
    [actor(entry), entry.subject.parse().ok()].into_iter().flatten()
}

/// The person behind it, also when an operation's step did it.
fn actor(entry: &AuditEntry) -> Option<UserId> {
    entry.person.or_else(|| entry.actor.parse().ok())
}

impl AuditEntryDto {
    pub fn new(entry: AuditEntry, names: &HashMap<UserId, String>) -> Self {
        let name_of = |person: Option<UserId>| names.get(&person?).cloned();
        let person = actor(&entry);
        Self {
            id: entry.id,
            time: entry.at,
            tenant_id: entry.tenant,
            actor_name: name_of(person),
            subject_name: name_of(entry.subject.parse().ok()),
            actor: entry.actor,
            user_id: person,
            via: entry.via.map(|via| ViaDto {
                operation_id: via.operation,
                kind: via.kind,
                step: via.step,
            }),
            assumed_from: entry.assumed_from,
            assumption: entry.assumption.map(|assumption| AssumptionDto {
                id: assumption.id,
                reason: assumption.reason,
            }),
            action: entry.action,
            outcome: entry.outcome.into(),
            subject: entry.subject,
            request_id: entry.request_id,
            before: entry.before,
            after: entry.after,
            has_details: entry.has_details,
        }
    }
}

/// From where something was done.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = spine::AuditOrigin)]
pub struct OriginDto {
    /// The person is erased, and with the key everything else here.
    erased: bool,
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    /// As the browser or program named itself.
    #[schema(required)]
    user_agent: Option<String>,
    /// The session (`ses_…`) or API token (`tok_…`) that was shown.
    #[schema(required)]
    credential: Option<String>,
}

/// What was sealed of somebody whom a line is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditFacts)]
pub struct FactsDto {
    #[schema(value_type = String)]
    user_id: UserId,
    /// The person is erased, and with the key the values.
    erased: bool,
    /// Such as `email` and `name`.
    #[schema(required)]
    values: Option<Value>,
}

/// What a line of the audit log tells of people beside their ids.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditDetails)]
pub struct DetailsDto {
    /// From where the actor did it; `null` when that is not known, or the system did it.
    #[schema(required)]
    origin: Option<OriginDto>,
    #[schema(required)]
    facts: Option<FactsDto>,
}

impl From<AuditDetails> for DetailsDto {
    fn from(details: AuditDetails) -> Self {
        let origin = details.origin.map(|origin| match origin {
            Opened::Known(origin) => OriginDto {
                erased: false,
                address: origin.address,
                user_agent: origin.user_agent,
                credential: origin.credential,
            },
            Opened::Erased => OriginDto {
                erased: true,
                ..OriginDto::default()
            },
        });
        let facts = details.facts.map(|(user_id, facts)| {
            let (erased, values) = match facts {
                Opened::Known(values) => (false, Some(values)),
                Opened::Erased => (true, None),
            };
            FactsDto {
                user_id,
                erased,
                values,
            }
        });
        Self { origin, facts }
    }
}
