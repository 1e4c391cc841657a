use std::sync::Arc;

use axum::extract::State;
use mpanel_authz::{TenantKind, actions};
use mpanel_events::{
    AuditRetention, DEFAULT_LEAST_DAYS, Record, audit_retention, audit_retention_of, set_audit_retention,
};
use mpanel_http::{Cx, Json, Problem, ProblemDocument, Result};
use mpanel_kernel::error::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Audit, AuditState, by_its_own};

const CHANGED: &str = "spine.audit_retention.changed.v1";
/// A century; nobody means more.
const MOST_DAYS: i32 = 36_500;
const REASON_CHARS: usize = 500;

/// How long the audit log is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditRetention)]
pub struct RetentionDto {
    /// Days, as the tenant itself says; `null` when the platform decides. Of the platform it is what holds for all who
    /// say nothing; `null` is 400.
    #[schema(required)]
    days: Option<i32>,
    /// Days below which nobody may go: 90, unless the platform says otherwise.
    least_days: i32,
    /// Days for which lines are kept after all.
    effective_days: i32,
    /// A legal hold: why nothing is removed at present.
    #[schema(required)]
    held_for: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = spine::SetAuditRetention)]
pub struct SetRetentionDto {
    /// 1 to 36500; absent or `null`: as the platform says.
    days: Option<i32>,
    /// 1 to 36500; what nobody may go below. The platform alone can say it; absent or `null`, it is 90.
    least_days: Option<i32>,
    /// 1 to 500 characters: keeps everything until `release_hold` takes it away. Absent or `null`, a hold stays as it is.
    held_for: Option<String>,
    /// Takes a legal hold away; not together with `held_for`.
    #[serde(default)]
    release_hold: bool,
}

impl RetentionDto {
    fn new(own: AuditRetention, platform: &AuditRetention) -> Self {
        Self {
            days: own.days,
            least_days: platform.least(),
            effective_days: own.days_under(platform),
            held_for: own.held_for,
        }
    }
}

impl AuditState {
    async fn platforms(&self) -> Result<AuditRetention> {
        Ok(audit_retention_of(self.spine.db(), self.platform).await?)
    }
}

/// Shows how long the tenant's audit log is kept.
#[utoipa::path(get, path = "/audit/retention", operation_id = "audit_retention_get", tag = "spine",
    responses((status = 200, body = RetentionDto), (status = 403, body = ProblemDocument)))]
pub async fn get(state: State<Arc<AuditState>>, Cx(cx): Cx) -> Result<Json<RetentionDto>> {
    cx.authorize::<Audit, _>(actions::Read)?;
    let platform = state.platforms().await?;
    let mut tx = state.tx(&cx).await?;
    let own = audit_retention(&mut tx).await?;
    tx.end_read();
    Ok(Json(RetentionDto::new(own, &platform)))
}

/// Sets how long the tenant's audit log is kept, and whether a legal hold keeps everything.
///
/// What is older is removed within a day, and the log says how much it was. Only the tenant's own people do this: nobody
/// who acts for it from above.
#[utoipa::path(put, path = "/audit/retention", operation_id = "audit_retention_set", tag = "spine", extensions(("x-step-up" = json!(true))),
    request_body = SetRetentionDto,
    responses((status = 200, body = RetentionDto), (status = 403, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn set(
    state: State<Arc<AuditState>>,
    Cx(cx): Cx,
    Json(wanted): Json<SetRetentionDto>,
) -> Result<Json<RetentionDto>> {
    cx.authorize::<Audit, _>(actions::Modify)?;
    by_its_own(&cx)?;
    let is_platform = cx.tenant_kind() == TenantKind::Platform;
    let mut platform = state.platforms().await?;
    let release = wanted.release_hold;
    let mut wanted = checked(wanted, is_platform, &platform)?;
    let mut change = state.spine.begin(&cx).await?;
    let before = audit_retention(change.tx()).await?;
    if !release {
        wanted.held_for = wanted.held_for.or_else(|| before.held_for.clone());
    }
    set_audit_retention(change.tx(), &wanted).await?;
    let data = json!({"days": wanted.days, "held": wanted.held_for.is_some()});
    let record = Record::new(CHANGED, cx.tenant(), data).before(facts(&before));
    change.record(record.after(facts(&wanted))).await?;
    change.commit().await?;
    if is_platform {
        platform = wanted.clone();
    }
    Ok(Json(RetentionDto::new(wanted, &platform)))
}

fn facts(retention: &AuditRetention) -> Value {
    json!({"days": retention.days, "least_days": retention.least_days, "held_for": retention.held_for})
}

fn checked(wanted: SetRetentionDto, is_platform: bool, platform: &AuditRetention) -> Result<AuditRetention> {
    let refuse = |pointer, code, message: String| Err(Problem::field(FieldError::new(pointer, code, message)));
    for (pointer, days) in [("/days", wanted.days), ("/least_days", wanted.least_days)] {
        if days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
            let message = format!("between 1 and {MOST_DAYS} days");
            return refuse(pointer, "spine.audit_retention.days_out_of_range", message);
        }
    }
    if wanted.least_days.is_some() && !is_platform {
        let message = "the platform says what nobody may go below".to_owned();
        return refuse("/least_days", "spine.audit_retention.not_the_platform", message);
    }
    let least = match is_platform {
        true => wanted.least_days.unwrap_or(DEFAULT_LEAST_DAYS),
        false => platform.least(),
    };
    if wanted.days.is_some_and(|days| days < least) {
        let message = format!("the platform demands {least} days at least");
        return refuse("/days", "spine.audit_retention.too_short", message);
    }
    let held_for = wanted.held_for.map(|reason| reason.trim().to_owned());
    let is_reason =
        |reason: &String| (1..=REASON_CHARS).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
    if held_for.as_ref().is_some_and(|reason| !is_reason(reason)) {
        let message = format!("say why in one line of 1 to {REASON_CHARS} characters");
        return refuse("/held_for", "spine.audit_retention.bad_reason", message);
    }
    if wanted.release_hold && held_for.is_some() {
        let message = "a hold is either set or taken away".to_owned();
        return refuse("/release_hold", "spine.audit_retention.held_and_released", message);
    }
    Ok(AuditRetention {
        days: wanted.days,
        least_days: wanted.least_days,
        held_for,
    })
}
