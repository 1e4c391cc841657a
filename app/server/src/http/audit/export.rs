//! The log as a file, written while it is read: what is held in memory is a page.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{OpCx, actions};
use mpanel_events::{AuditEntry, AuditFilter, Record, list_audit, list_audit_at, tenant_of_line};
use mpanel_http::{Caller, Cx, Problem, ProblemDocument, Query, RECHECK, Result, Standing};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{AuditId, TenantId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::Reason;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::filter::Filter;
use super::{Audit, AuditState, Reach};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const EXPORTED: &str = "spine.audit.exported.v1";
/// Lines read at once.
const PAGE: u32 = 500;
/// Logs looked into by one transaction: where few of many tenants have lines, it ends soon all the same.
const LOGS: usize = 100;

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = spine::AuditFormat)]
pub enum Format {
    /// Each line is the entry's canonical bytes: JSON with sorted keys, as it is kept.
    #[default]
    Ndjson,
    /// RFC 4180 with a header; the canonical bytes are the last column.
    Csv,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Output {
    /// `ndjson`, the default, or `csv`
    #[param(inline)]
    format: Option<Format>,
    /// goes on after the line with this id, where an export was cut short
    #[param(value_type = Option<String>)]
    after: Option<AuditId>,
    /// acting tenant, where a header cannot be sent
    #[expect(dead_code, reason = "the gate reads it; it is here to be described")]
    tenant: Option<String>,
}

/// Exports the audit log as a file, newest first; takes the filters of `GET /audit`.
///
/// With `scope=subtree` it is one log after the other, in the order of the tenants' ids, each newest first.
///
/// What was sealed of people stays sealed. An export that is cut short ends without the end of its transfer: go on with
/// `after`, the id of the last line that came whole. It is cut short when whoever asked may no longer have it: the right
/// to it is looked at every ten seconds. That there was an export is written to the log before it begins.
#[utoipa::path(get, path = "/audit/export", operation_id = "audit_export", tag = "spine", extensions(("x-rate-class" = json!("costly"))),
    params(Output, Filter),
    responses(
        (status = 200, description = "The lines", content(
            (String = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn export(
    state: State<Arc<AuditState>>,
    Cx(cx): Cx,
    Query(output): Query<Output>,
    Query(filter): Query<Filter>,
    caller: Caller,
    request: Request,
) -> Result<Response> {
    cx.authorize::<Audit, _>(actions::List)?;
    let reach = state.reach(&cx, &filter).await?;
    let wanted = filter.wanted(cx.clock().now())?;
    let format = output.format.unwrap_or_default();
    let at = Place::first(&state, &cx, &reach, output.after).await?;
    let mut change = state.spine.begin(&cx).await?;
    let facts = json!({"format": format.name(), "filter": filter.facts()});
    let record = Record::new(EXPORTED, cx.tenant(), json!({"format": format.name()}));
    change.record(record.after(facts)).await?;
    change.commit().await?;
    let disposition = format!("attachment; filename=\"audit-{}.{}\"", cx.tenant(), format.name());
    let export = Export {
        standing: Standing::of(&state.gate, caller, &request),
        admitted_at: cx.clock().now(),
        state: state.0,
        cx,
        filter,
        reach,
        wanted,
        format,
        at: Some(at),
        begun: output.after.is_some(),
    };
    let lines = stream::try_unfold(export, |mut export| async move {
        match export.next().await {
            Ok(Some(bytes)) => Ok(Some((bytes, export))),
            Ok(None) => Ok(None),
            Err(error) => {
                // The transfer ends without its end: whoever reads must not take it for whole.
                tracing::warn!(%error, "export of the audit log broken off");
                Err(error)
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

struct Export {
    state: Arc<AuditState>,
    cx: OpCx,
    standing: Standing,
    admitted_at: Timestamp,
    filter: Filter,
    reach: Reach,
    wanted: AuditFilter,
    format: Format,
    /// `None` behind the last line.
    at: Option<Place>,
    begun: bool,
}

/// Where the next page begins.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// In this log, or the next where it is not read any more.
    tenant: TenantId,
    /// Behind this line of it.
    after: Option<AuditId>,
}

impl Place {
    /// # Errors
    /// When several logs are read, and `after` stands in none of them.
    async fn first(state: &AuditState, cx: &OpCx, reach: &Reach, after: Option<AuditId>) -> Result<Self> {
        let tenant = match (reach, after) {
            (Reach::Own, _) => cx.tenant(),
            (Reach::Several(tenants), None) => tenants.first().copied().unwrap_or(cx.tenant()),
            (Reach::Several(tenants), Some(line)) => {
                let tx = state.spine.db().platform(Reason::Administer("audit.export")).await;
                let mut tx = tx.map_err(mpanel_events::Error::from)?;
                let found = tenant_of_line(&mut tx, tenants, line).await?;
                tx.end_read();
                found.ok_or_else(|| {
                    let message = "there is no such line in these logs, or not any more";
                    Problem::field(FieldError::new("?after", "spine.audit.unknown_line", message))
                })?
            }
        };
        Ok(Self { tenant, after })
    }

    fn page(self, limit: u32) -> PageRequest {
        PageRequest {
            limit,
            after: self.after.map(AuditId::uuid),
        }
    }

    /// Behind what was read from here.
    fn behind(self, found: &Page<AuditEntry>) -> Option<Self> {
        let last = found.items.last().filter(|_| found.next_cursor.is_some())?;
        Some(Self {
            after: Some(last.id),
            ..self
        })
    }
}

impl Export {
    /// Looks at the rights again when it is time, and takes over what they are now; a tenant that wants to be asked from
    /// here on is no longer read from above.
    async fn still_admitted(&mut self) -> std::result::Result<(), BoxError> {
        let now = self.cx.clock().now();
        let passed = now.duration_since(self.admitted_at).abs();
        if passed < SignedDuration::try_from(RECHECK)? {
            return Ok(());
        }
        let over = || BoxError::from("whoever asked for the export may no longer have it");
        self.cx = self.standing.again(&self.cx).await.ok_or_else(over)?;
        self.cx.authorize::<Audit, _>(actions::List).map_err(|_| over())?;
        self.reach = self.state.reach(&self.cx, &self.filter).await.map_err(|_| over())?;
        self.admitted_at = now;
        Ok(())
    }

    /// The next bytes; `None` at the end. No transaction is open in between.
    async fn next(&mut self) -> std::result::Result<Option<Vec<u8>>, BoxError> {
        let mut bytes = Vec::new();
        if self.format == Format::Csv && !std::mem::replace(&mut self.begun, true) {
            csv_line(&mut bytes, COLUMNS.iter().map(|column| (*column).to_owned()));
        }
        while let Some(at) = self.at
            && bytes.is_empty()
        {
            self.still_admitted().await?;
            for entry in self.page(at).await? {
                match self.format {
                    Format::Ndjson => {
                        bytes.extend_from_slice(&entry.bytes);
                        bytes.push(b'\n');
                    }
                    Format::Csv => csv_line(&mut bytes, columns(&entry)),
                }
            }
        }
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// The lines from there on, at most a page of them, and fewer where many logs have none. Every log is read once from
    /// its newest line to its oldest, whatever stands in the others.
    async fn page(&mut self, at: Place) -> std::result::Result<Vec<AuditEntry>, mpanel_events::Error> {
        let db = self.state.spine.db();
        let tenants = match &self.reach {
            Reach::Own => {
                let mut tx = db.tenant(at.tenant).await?;
                let found = list_audit(&mut tx, &self.wanted, at.page(PAGE)).await?;
                tx.end_read();
                self.at = at.behind(&found);
                return Ok(found.items);
            }
            Reach::Several(tenants) => &tenants[tenants.partition_point(|tenant| *tenant < at.tenant)..],
        };
        let mut lines = Vec::new();
        let mut next = None;
        let mut tx = db.platform(Reason::Administer("audit.export")).await?;
        for (looked, tenant) in tenants.iter().copied().enumerate() {
            let here = Place {
                tenant,
                after: at.after.filter(|_| tenant == at.tenant),
            };
            let room = PAGE.saturating_sub(u32::try_from(lines.len()).unwrap_or(PAGE));
            if room == 0 || looked == LOGS {
                next = Some(here);
                break;
            }
            let found = list_audit_at(&mut tx, tenant, &self.wanted, here.page(room)).await?;
            next = here.behind(&found);
            lines.extend(found.items);
            if next.is_some() {
                break;
            }
        }
        tx.end_read();
        self.at = next;
        Ok(lines)
    }
}

const COLUMNS: [&str; 15] = [
    "time",
    "id",
    "tenant",
    "action",
    "outcome",
    "subject",
    "actor",
    "user",
    "operation",
    "assumed_from",
    "reason",
    "request",
    "before",
    "after",
    "entry",
];

fn columns(entry: &AuditEntry) -> impl Iterator<Item = String> {
    fn text(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    [
        entry.at.to_string(),
        entry.id.to_string(),
        entry.tenant.to_string(),
        entry.action.clone(),
        entry.outcome.as_str().to_owned(),
        entry.subject.clone(),
        entry.actor.clone(),
        text(entry.person),
        text(entry.via.as_ref().map(|via| via.operation)),
        text(entry.assumed_from),
        text(entry.assumption.as_ref().map(|assumption| assumption.reason.clone())),
        entry.request_id.to_string(),
        text(entry.before.as_ref().map(Value::to_string)),
        text(entry.after.as_ref().map(Value::to_string)),
        String::from_utf8_lossy(&entry.bytes).into_owned(),
    ]
    .into_iter()
}

/// Writes one record. A spreadsheet must take no cell for a formula (OWASP, "CSV injection"), so one that begins like one
/// begins with an apostrophe; a cell with JSON begins with a brace and stays byte for byte.
pub(super) fn csv_line(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.push(b'"');
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'']) {
            out.push(b'\'');
        }
        out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}
