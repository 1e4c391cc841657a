use jiff::Timestamp;
use mpanel_authz::OpCx;
use mpanel_kernel::ids::{AuditId, OperationId, RequestId, TenantId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::{TenantTx, Ts, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Error, Record};

/// The step of an operation in which something was done for whoever started it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditStep {
    pub operation: OperationId,
    /// The operation's kind, such as `sites.release.deploy`.
    pub kind: String,
    /// The step's key.
    pub step: String,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: Timestamp,
    /// `usr_…`, `tok_…` or `system:name`.
    pub actor: String,
    /// The step that did it for the actor, when not the actor itself.
    pub via: Option<AuditStep>,
    /// The ancestor for which the actor acted, when not the tenant itself.
    pub assumed_from: Option<TenantId>,
    /// Such as `sites.site.created`.
    pub action: String,
    pub subject: String,
    pub request_id: RequestId,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Which lines are wanted; an absent field matches all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub subject: Option<String>,
    pub actor: Option<String>,
    pub action: Option<String>,
}

pub(crate) async fn append(tx: &mut TenantTx, cx: &OpCx, record: &Record, at: Timestamp) -> Result<(), Error> {
    let id = AuditId::generate();
    let via = cx.actor().step().map(|step| AuditStep {
        operation: step.operation,
        kind: step.kind.to_owned(),
        step: step.key.clone(),
    });
    let action = unversioned(record.event);
    // serde_json sorts object keys, so equal entries have equal bytes.
    let entry = serde_json::to_vec(&json!({
        "id": id,
        "at": at,
        "tenant": cx.tenant(),
        "actor": cx.actor().reference(),
        "via": via,
        "assumed_from": cx.assumed_from(),
        "action": action,
        "subject": record.subject,
        "request_id": cx.request_id(),
        "before": record.before,
        "after": record.after,
    }))?;
    sqlx::query!(
        "insert into spine.audit (tenant_id, id, at, actor, assumed_from, action, subject, request_id, entry)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tx.tenant().uuid(),
        id.uuid(),
        Ts(at) as _,
        cx.actor().reference(),
        cx.assumed_from().map(TenantId::uuid),
        action,
        record.subject,
        cx.request_id().uuid(),
        entry,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// `sites.site.created.v1` is the action `sites.site.created`.
fn unversioned(event: &str) -> &str {
    match event.rsplit_once(".v") {
        Some((action, version)) if version.bytes().all(|b| b.is_ascii_digit()) => action,
        _ => event,
    }
}

/// The tenant's log, newest first.
///
/// # Errors
/// When the database is away.
pub async fn list_audit(tx: &mut TenantTx, filter: &AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>, Error> {
    let rows = sqlx::query!(
        r#"select id, at as "at: Ts", actor, assumed_from, action, subject, request_id, entry
           from spine.audit
           where tenant_id = $1
             and ($2::text is null or subject = $2)
             and ($3::text is null or actor = $3)
             and ($4::text is null or action = $4)
             and ($5::uuid is null or id < $5)
           order by id desc limit $6"#,
        tx.tenant().uuid(),
        filter.subject,
        filter.actor,
        filter.action,
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let mut entry: Value = serde_json::from_slice(&row.entry)?;
        entries.push(AuditEntry {
            id: AuditId::from_uuid(row.id),
            at: row.at.0,
            actor: row.actor,
            via: present(entry["via"].take()).map(serde_json::from_value).transpose()?,
            assumed_from: row.assumed_from.map(TenantId::from_uuid),
            action: row.action,
            subject: row.subject,
            request_id: RequestId::from_uuid(row.request_id),
            before: present(entry["before"].take()),
            after: present(entry["after"].take()),
        });
    }
    Ok(Page::cut(page, entries, |entry| entry.id.uuid()))
}

fn present(value: Value) -> Option<Value> {
    (!value.is_null()).then_some(value)
}
