//! Refusals that matter are written to the audit log (ASVS 16.3.2): who asked for what they may not, who tried another's
//! tenant, who did not pass when asked again who they are.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use mpanel_authz::OpCx;
use mpanel_events::{Record, Spine};
use mpanel_http::Problem;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::throttle::Throttle;
use mpanel_telemetry::metrics::{self, Counter};
use serde_json::json;

use crate::openapi::PREFIX;

const REFUSED: &str = "spine.request.refused.v1";
/// What one actor can have written at once, and again after [`REFILL`].
const BURST: u32 = 20;
/// And what all of them together can: so many refusals are an attack, of which the first tell enough.
const BURST_OF_ALL: u32 = 1000;
const REFILL: Duration = Duration::from_secs(3600);
/// The longest path that is written down, in bytes; ids are ASCII.
const PATH: usize = 200;

static UNWRITTEN: LazyLock<Counter> = LazyLock::new(|| {
    metrics::register(
        "audit_refusals_unwritten",
        "Refusals that are not in the audit log because there were too many",
        Counter::default(),
    )
});

/// Writes refusals down, as many as an attacker cannot fill the disk with.
pub struct Refusals {
    spine: Spine,
    by_actor: Throttle<String>,
    all: Throttle<()>,
}

/// What was asked for.
pub struct Asked<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    /// For whom it was asked, when that is what was refused.
    pub tenant: Option<TenantId>,
}

impl Refusals {
    #[must_use]
    pub fn new(spine: Spine, clock: &SharedClock) -> Self {
        Self {
            spine,
            by_actor: Throttle::new(clock.clone(), BURST, REFILL),
            all: Throttle::new(clock.clone(), BURST_OF_ALL, REFILL),
        }
    }

    /// Writes down that the actor of `cx` asked in vain. What was refused stays refused, whether or not it can be written.
    pub async fn note(&self, cx: &OpCx, asked: Asked<'_>, code: &str) {
        let actor = cx.actor().reference();
        if self.by_actor.take(&actor).is_err() || self.all.take(&()).is_err() {
            UNWRITTEN.inc();
            return;
        }
        let path = short(asked.path);
        let mut facts = json!({"method": asked.method.as_str(), "path": path, "code": code});
        if let Some(tenant) = asked.tenant {
            facts["tenant"] = json!(tenant);
        }
        let tried = asked.tenant.map(|tenant| tenant.to_string());
        let subject = tried.or_else(|| subject(path).map(str::to_owned));
        let subject = subject.unwrap_or_else(|| cx.tenant().to_string());
        let record = Record::new(REFUSED, subject, json!({})).after(facts);
        if let Err(error) = self.spine.record_refusal(cx, &record).await {
            UNWRITTEN.inc();
            tracing::warn!(%error, actor, path, code, "a refusal is not in the audit log");
        }
    }
}

/// A path of an operation, not longer than is of use. Names that are no ids are percent-encoded: it is one line.
fn short(path: &str) -> &str {
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    path.get(..PATH).unwrap_or(path)
}

/// The innermost object that a path names.
fn subject(path: &str) -> Option<&str> {
    let is_id = |segment: &&str| {
        segment.split_once('_').is_some_and(|(prefix, digits)| {
            !prefix.is_empty()
                && prefix.bytes().all(|b| b.is_ascii_lowercase())
                && digits.len() == 26
                && digits.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        })
    };
    path.rsplit('/').find(is_id)
}

/// The layer right behind the gate: changes that the actor asked for and may not make, or not without having proven who
/// they are.
pub async fn watch(State(refusals): State<Arc<Refusals>>, request: Request, next: Next) -> Response {
    // What is only looked at changes nothing, and a page that shows less to some asks for what they may not see.
    if request.method().is_safe() || request.extensions().get::<MatchedPath>().is_none() {
        return next.run(request).await;
    }
    let Some(cx) = request.extensions().get::<OpCx>().cloned() else {
        return next.run(request).await;
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    if let Some(problem) = response.extensions().get::<Arc<Problem>>()
        && matches!(problem.kind(), Kind::Forbidden | Kind::Unauthenticated)
    {
        let asked = Asked {
            method: &method,
            path: &path,
            tenant: None,
        };
        refusals.note(&cx, asked, problem.code()).await;
    }
    response
}

#[cfg(test)]
mod tests;
