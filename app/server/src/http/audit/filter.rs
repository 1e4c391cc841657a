use jiff::{SignedDuration, Timestamp};
use mpanel_events::AuditFilter;
use mpanel_http::{Problem, Result};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{RequestId, TenantId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::entry::OutcomeDto;

/// The longest text that is looked for, in characters.
const TEXT_CHARS: usize = 200;
/// Days in which a text is looked for in many logs: no index finds it, each line is read.
const TEXT_DAYS: i64 = 31;

/// Whose logs.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = spine::AuditScope)]
pub enum Scope {
    /// The acting tenant's, and those of all tenants below it.
    Subtree,
}

/// Which lines of the log are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// only what was done to this object
    #[serde(rename = "filter[subject]")]
    subject: Option<String>,
    /// only what was done to objects of this kind, by what their ids begin with: `site`
    #[serde(rename = "filter[kind]")]
    kind: Option<String>,
    /// only what this actor did: `usr_…` with all tokens of that person, `tok_…`, `sva_…` or `system:name`
    #[serde(rename = "filter[actor]")]
    actor: Option<String>,
    /// only actions that begin so: `sites.`
    #[serde(rename = "filter[action]")]
    action: Option<String>,
    /// only from then on (RFC 3339)
    #[serde(rename = "filter[since]")]
    #[param(value_type = Option<String>)]
    since: Option<Timestamp>,
    /// only before then (RFC 3339)
    #[serde(rename = "filter[until]")]
    #[param(value_type = Option<String>)]
    until: Option<Timestamp>,
    /// only what this request did: `req_…`, as `X-Request-Id` says
    #[serde(rename = "filter[request]")]
    #[param(value_type = Option<String>)]
    request: Option<RequestId>,
    /// only what members of this tenant above did, acting for the tenant
    #[serde(rename = "filter[assumed_from]")]
    #[param(value_type = Option<String>)]
    assumed_from: Option<TenantId>,
    /// only what was done, or only what was refused
    #[serde(rename = "filter[outcome]")]
    #[param(inline)]
    outcome: Option<OutcomeDto>,
    /// only lines with this text in action or subject; at most 200 characters. With `scope`, 31 days at most are searched
    #[serde(rename = "filter[text]")]
    text: Option<String>,
    /// only the log of this tenant: the acting one or one below it
    #[serde(rename = "filter[tenant]")]
    #[param(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// `subtree`: also the logs of all tenants below the acting one
    #[param(inline)]
    pub scope: Option<Scope>,
}

impl Filter {
    /// # Errors
    /// Names the parameter that is wrong.
    pub fn wanted(&self, now: Timestamp) -> Result<AuditFilter> {
        if self.text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS) {
            return Err(Problem::field(FieldError::new(
                "?filter[text]",
                "spine.audit.text_too_long",
                format!("the text has at most {TEXT_CHARS} characters"),
            )));
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if self.scope.is_some() && given(&self.text).is_some() && !self.is_short(now) {
            return Err(Problem::field(FieldError::new(
                "?filter[since]",
                "spine.audit.text_needs_time",
                format!(
                    "a text is looked for in the logs of all tenants below within {TEXT_DAYS} days: say since when"
                ),
            )));
        }
        Ok(AuditFilter {
            subject: given(&self.subject),
            kind: given(&self.kind),
            actor: given(&self.actor),
            action: given(&self.action),
            since: self.since,
            until: self.until,
            request: self.request,
            assumed_from: self.assumed_from,
            outcome: self.outcome.map(Into::into),
            text: given(&self.text),
        })
    }

    /// Whether the time that is meant is short enough to look into each line of many logs.
    fn is_short(&self, now: Timestamp) -> bool {
        let until = self.until.unwrap_or(now);
        let longest = SignedDuration::from_hours(24 * TEXT_DAYS);
        self.since.is_some_and(|since| until.duration_since(since) <= longest)
    }

    /// What was asked for, for the log.
    pub fn facts(&self) -> Value {
        let fields = [
            ("subject", json!(self.subject)),
            ("kind", json!(self.kind)),
            ("actor", json!(self.actor)),
            ("action", json!(self.action)),
            ("since", json!(self.since)),
            ("until", json!(self.until)),
            ("request", json!(self.request)),
            ("assumed_from", json!(self.assumed_from)),
            ("outcome", json!(self.outcome)),
            ("text", json!(self.text)),
            ("tenant", json!(self.tenant)),
            ("subtree", json!(self.scope.map(|_| true))),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_null());
        let given: Map<String, Value> = given.map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Object(given)
    }
}
