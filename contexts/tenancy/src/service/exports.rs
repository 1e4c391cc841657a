//! Archives of all that is a tenant's. Each is an operation of the tenant: what stands in no other place is its file.

use jiff::Timestamp;
use mpanel_authz::{OpCx, actions};
use mpanel_events::{Begin, Change, Record};
use mpanel_jobs::{OperationFilter, OperationState, OperationStatus};
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::events;
use serde_json::json;

use super::Service;
use super::members::may_change_people;
use crate::domain::reason;
use crate::error::Error;
use crate::export::{At, DOWNLOADS, EXPORT, ExportInput, Found, MOST_KEPT};
use crate::{authz, store};

/// What somebody wants to have.
#[derive(Debug, Clone, Default)]
pub struct AskedExport {
    pub below: bool,
    pub all_releases: bool,
    /// Why, of what is a tenant's below.
    pub reason: Option<String>,
}

/// An archive and how far it is.
#[derive(Debug)]
pub struct ExportShown {
    pub operation: OperationStatus,
    /// `running`, `ready`, `removed`, `failed` or `cancelled`.
    pub state: &'static str,
    /// Of one that is ready, in bytes.
    pub size: Option<u64>,
    /// When one that is ready goes.
    pub expires_at: Option<Timestamp>,
}

/// A finished archive.
#[derive(Debug)]
pub struct Download {
    pub archive: Found,
    /// For people's disks.
    pub name: String,
}

impl Service {
    /// Begins to make an archive of the acting tenant or of one below it.
    pub async fn create_export(&self, cx: &OpCx, id: TenantId, asked: AskedExport) -> Result<ExportShown, Error> {
        let (there, _) = self.reach::<authz::Export, _>(cx, id, actions::Create).await?;
        if asked.below || id != cx.tenant() {
            reaches_down(cx)?;
            // What is a tenant's below is looked at for a reason.
            reason(asked.reason.as_deref().unwrap_or_default()).map_err(|error| Error::Invalid(vec![error]))?;
        }
        let input = ExportInput {
            below: asked.below,
            all_releases: asked.all_releases,
            reason: asked
                .reason
                .as_deref()
                .map(reason)
                .transpose()
                .map_err(|error| Error::Invalid(vec![error]))?,
        };
        let mut change = match self.tenancy.spine.begin_once(&there, "exports_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(export) => return self.export(id, export).await,
        };
        may_change_people(&there, change.tx()).await?;
        // Two that ask at once take turns.
        store::members::lock(change.tx()).await?;
        let unfinished = OperationFilter {
            unfinished: Some(true),
            ..filter(id)
        };
        let one = PageRequest { limit: 1, after: None };
        if !mpanel_jobs::list(change.tx(), &unfinished, one).await?.items.is_empty() {
            return Err(Error::ExportRunning);
        }
        if self.exports.files.count(id).await.map_err(Error::Exports)? >= MOST_KEPT {
            return Err(Error::ExportsFull);
        }
        if self.exports.files.room().await.map_err(Error::Exports)? == 0 {
            return Err(Error::ExportNoSpace);
        }
        let export = mpanel_jobs::start(change.tx(), &there, &EXPORT, id, &input).await?;
        let data = json!({"tenant": id, "with_tenants_below": input.below});
        let facts = json!({
            "tenant": id, "with_tenants_below": input.below, "with_all_releases": input.all_releases, "reason": input.reason,
        });
        let record = || Record::new(events::EXPORT_ASKED, export, data.clone()).after(facts.clone());
        self.record(cx, &mut change, record).await?;
        change.commit_with(&export).await?;
        self.export(id, export).await
    }

    /// A page, newest first.
    pub async fn list_exports(&self, cx: &OpCx, id: TenantId, page: PageRequest) -> Result<Page<ExportShown>, Error> {
        self.reach::<authz::Export, _>(cx, id, actions::List).await?;
        let mut tx = self.tenancy.spine.db().tenant(id).await?;
        let found = mpanel_jobs::list(&mut tx, &filter(id), page).await?;
        tx.end_read();
        let mut items = Vec::new();
        for operation in found.items {
            items.push(self.shown_export(id, operation).await?);
        }
        Ok(Page {
            items,
            next_cursor: found.next_cursor,
        })
    }

    pub async fn get_export(&self, cx: &OpCx, (id, export): At) -> Result<ExportShown, Error> {
        self.reach::<authz::Export, _>(cx, id, actions::Read).await?;
        self.export(id, export).await
    }

    /// For whoever may read it, or has just asked for it.
    async fn export(&self, id: TenantId, export: OperationId) -> Result<ExportShown, Error> {
        let mut tx = self.tenancy.spine.db().tenant(id).await?;
        let operation = operation(&mut tx, export).await?;
        tx.end_read();
        self.shown_export(id, operation).await
    }

    /// Opens an archive for somebody who may have it.
    pub async fn open_export(&self, cx: &OpCx, (id, export): At) -> Result<Download, Error> {
        let (there, _) = self.reach::<authz::Export, _>(cx, id, actions::Read).await?;
        let mut tx = self.tenancy.spine.db().tenant(id).await?;
        may_change_people(&there, &mut tx).await?;
        let operation = operation(&mut tx, export).await?;
        let tenant = store::tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        // Whoever asked for it from above has said why. Of what others asked for nothing is taken from there.
        if id != cx.tenant() {
            reaches_down(cx)?;
            if operation.actor != cx.actor().reference() {
                return Err(Error::ExportOfOthers);
            }
        }
        let found = self.exports.files.open((id, export)).await.map_err(Error::Exports)?;
        let archive = found.ok_or(Error::ExportNotReady)?;
        if archive.below {
            reaches_down(cx)?;
        }
        let day = operation.created_at.strftime("%Y-%m-%d");
        Ok(Download {
            archive,
            name: format!("{}-{day}.tar.zst", tenant.slug),
        })
    }

    /// Writes down that somebody is about to be given these bytes, by the first and the last of them.
    pub async fn note_download(&self, cx: &OpCx, (id, export): At, (first, last): (u64, u64)) -> Result<(), Error> {
        let (there, _) = self.reach::<authz::Export, _>(cx, id, actions::Read).await?;
        let mut change = self.tenancy.spine.begin(&there).await?;
        let data = json!({"tenant": id});
        let facts = json!({"tenant": id, "first_byte": first, "last_byte": last});
        let record = || Record::new(events::EXPORT_DOWNLOADED, export, data.clone()).after(facts.clone());
        self.record(cx, &mut change, record).await?;
        change.commit().await?;
        DOWNLOADS.inc();
        Ok(())
    }

    /// Removes an archive, or cancels the making of one.
    pub async fn delete_export(&self, cx: &OpCx, (id, export): At) -> Result<(), Error> {
        let (there, _) = self.reach::<authz::Export, _>(cx, id, actions::Delete).await?;
        let mut change = self.tenancy.spine.begin(&there).await?;
        let operation = operation(change.tx(), export).await?;
        let before = self.shown_export(id, operation).await?;
        match before.state {
            "running" => mpanel_jobs::request_cancel(change.tx(), export).await?,
            "ready" => {}
            // There is nothing of it any more.
            _ => return Ok(()),
        }
        let state = json!({"state": before.state});
        let record = || Record::new(events::EXPORT_REMOVED, export, json!({"tenant": id})).before(state.clone());
        self.record(cx, &mut change, record).await?;
        change.commit().await?;
        if before.state == "ready" {
            self.exports.files.remove((id, export)).await.map_err(Error::Exports)?;
        }
        Ok(())
    }

    /// In the log of the tenant that it is about, and in that of the one that acts for it from above.
    async fn record(&self, cx: &OpCx, change: &mut Change, record: impl Fn() -> Record) -> Result<(), Error> {
        change.record(record()).await?;
        if change.cx().tenant() != cx.tenant() {
            change.record_for(cx, record()).await?;
        }
        Ok(())
    }

    async fn shown_export(&self, id: TenantId, operation: OperationStatus) -> Result<ExportShown, Error> {
        let found = match operation.state {
            OperationState::Succeeded => {
                let found = self.exports.files.open((id, operation.id)).await;
                found.map_err(Error::Exports)?
            }
            _ => None,
        };
        let state = match operation.state {
            OperationState::Succeeded if found.is_some() => "ready",
            OperationState::Succeeded => "removed",
            OperationState::Failed => "failed",
            OperationState::Cancelled => "cancelled",
            OperationState::Pending | OperationState::Running | OperationState::Undoing => "running",
        };
        let expires_at = operation.finished_at.filter(|_| found.is_some());
        let kept = self.exports.limits.kept;
        Ok(ExportShown {
            state,
            size: found.map(|found| found.size),
            expires_at: expires_at.map(|at| at.saturating_add(kept).unwrap_or(Timestamp::MAX)),
            operation,
        })
    }
}

/// Whether the actor may have something of the tenants below: by a role that reaches there, and with a token that does.
fn reaches_down(cx: &OpCx) -> Result<(), Error> {
    let by_token = cx.scopes().is_none_or(mpanel_authz::Scopes::acts_below);
    if cx.rights().reaches_descendants() && by_token {
        Ok(())
    } else {
        Err(Error::NoReach)
    }
}

fn filter(id: TenantId) -> OperationFilter {
    OperationFilter {
        subject: Some(id.to_string()),
        kind: Some(EXPORT.name.to_owned()),
        unfinished: None,
    }
}

/// An export of the transaction's tenant.
async fn operation(tx: &mut TenantTx, export: OperationId) -> Result<OperationStatus, Error> {
    match mpanel_jobs::get(tx, export).await {
        Ok(operation) if operation.kind == EXPORT.name => Ok(operation),
        Ok(_) | Err(mpanel_jobs::Error::NotFound) => Err(Error::NotFound),
        Err(error) => Err(error.into()),
    }
}
