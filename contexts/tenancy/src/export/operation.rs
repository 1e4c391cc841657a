use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use mpanel_authz::TenantKind;
use mpanel_events::{AuditFilter, Record, list_audit};
use mpanel_jobs::{Kind, Operation, Step, StepCx, StepError};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_tenancy_contract::{Below as _, ExportError, ExportScope, Exporter, events};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::archive::Archive;
use super::{At, ExportFiles, metrics};
use crate::error::Error;
use crate::{Tenancy, store};

pub static EXPORT: Kind = Kind {
    name: "tenancy.tenant.export",
    steps: &[
        Step {
            key: "write",
            title: "Write everything into an archive",
        },
        Step {
            key: "publish",
            title: "Offer the archive",
        },
    ],
};

/// Of the manifest's fields, and of what lies where in an archive.
const FORMAT: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportInput {
    /// Also what those below have that need not be asked.
    pub below: bool,
    pub all_releases: bool,
    /// Why somebody above takes it, for the logs of those below.
    pub reason: Option<String>,
}

/// Makes an archive. Broken off, it begins anew; undone, it leaves nothing. In memory are the paths of one tenant's files,
/// and never more than one object of them.
pub struct Export {
    pub tenancy: Tenancy,
    pub files: ExportFiles,
    /// Contexts that have something of tenants.
    pub exporters: Arc<[Arc<dyn Exporter>]>,
    /// What the manifest calls this installation.
    pub installation: String,
    /// The largest archive.
    pub max_bytes: u64,
}

impl Export {
    async fn list(
        &self,
        exporter: &dyn Exporter,
        tenant: TenantId,
        input: &ExportInput,
    ) -> Result<Vec<String>, StepError> {
        let scope = ExportScope {
            all_releases: input.all_releases,
        };
        let paths = exporter.list(tenant, scope).await;
        paths.map_err(|error| failed(exporter.name(), error))
    }

    async fn write(&self, cx: &StepCx, input: ExportInput) -> Result<Value, StepError> {
        let mut tenants = match input.below {
            true => self.tenancy.open_to(cx.tenant()).await.map_err(Error::from)?,
            false => vec![cx.tenant()],
        };
        tenants.sort_unstable_by_key(|tenant| (*tenant != cx.tenant(), *tenant));
        let mut total = 0;
        for tenant in &tenants {
            for exporter in &*self.exporters {
                total += self.list(&**exporter, *tenant, &input).await?.len() as u64;
            }
        }
        let part = self.files.begin(at(cx)).await.map_err(disk)?;
        let mut archive = Archive::begin(part).await.map_err(archived)?;
        let (mut done, mut included) = (0, Vec::new());
        for tenant in &tenants {
            if *tenant != cx.tenant() && !self.tell(cx, *tenant, &input).await? {
                continue;
            }
            included.push(tenant);
            for exporter in &*self.exporters {
                for path in self.list(&**exporter, *tenant, &input).await? {
                    // More may have come since they were counted.
                    cx.progress(done, Some(total.max(done)), "files");
                    archive = self.add(cx, archive, &**exporter, (*tenant, &path)).await?;
                    done += 1;
                }
            }
        }
        let manifest = json!({
            "format": FORMAT, "version": env!("CARGO_PKG_VERSION"), "installation": self.installation,
            "export": cx.operation_id(), "created_at": cx.clock().now(), "tenant": cx.tenant(), "tenants": included,
            "with_tenants_below": input.below, "with_all_releases": input.all_releases, "files": archive.files,
        });
        let files = archive.files;
        let size = archive.finish(manifest).await.map_err(archived)?;
        Ok(json!({"files": files, "size": size}))
    }

    /// Adds one file, unless it has gone since it was listed.
    async fn add(
        &self,
        cx: &StepCx,
        archive: Archive,
        exporter: &dyn Exporter,
        (tenant, path): (TenantId, &str),
    ) -> Result<Archive, StepError> {
        // All of it stands twice for a moment: by itself, and in the archive.
        let room = self.files.room().await.map_err(disk)? / 2;
        let allowed = self.max_bytes.saturating_sub(archive.size().map_err(disk)?);
        let most = room.min(allowed);
        let no_room = || if allowed < room { too_large() } else { no_space() };
        if most == 0 {
            return Err(no_room());
        }
        let file = self.files.scratch().await.map_err(disk)?;
        let into = file.try_clone().map_err(disk)?;
        let written = tokio::select! {
            written = exporter.write(tenant, path, into, most) => written,
            () = cx.cancelled() => return Err(StepError::retry("cancelled")),
        };
        match written {
            Ok(()) => {
                let path = format!("tenants/{tenant}/{path}");
                archive.add(path, file).await.map_err(archived)
            }
            Err(ExportError::Gone) => Ok(archive),
            Err(ExportError::NoSpace) => Err(no_room()),
            Err(error) => Err(failed(exporter.name(), error)),
        }
    }

    /// Writes into the log of a tenant below, once, that somebody above takes what it has; `false` when it has moved away
    /// meanwhile, or wants to be asked first by now.
    async fn tell(&self, cx: &StepCx, tenant: TenantId, input: &ExportInput) -> Result<bool, StepError> {
        let above = self.tenancy.spine.db().tenant(cx.tenant()).await;
        let mut above = above.map_err(Error::from)?;
        let stands_below = store::tenants::get(&mut above, tenant).await?.is_some();
        above.end_read();
        if !stands_below {
            return Ok(false);
        }
        let there = cx.op_cx().for_descendant(tenant, TenantKind::Customer);
        let there = there.expect("the role of a step reaches down");
        let export = cx.operation_id();
        let mut change = self.tenancy.spine.begin(&there).await.map_err(Error::from)?;
        if store::assumptions::wants_consent(change.tx()).await? {
            return Ok(false);
        }
        let action = events::EXPORT_INCLUDED.trim_end_matches(".v1");
        let told = AuditFilter {
            subject: Some(export.to_string()),
            action: Some(action.to_owned()),
            ..AuditFilter::default()
        };
        let one = PageRequest { limit: 1, after: None };
        let told = list_audit(change.tx(), &told, one).await.map_err(Error::from)?;
        if !told.items.is_empty() {
            return Ok(true);
        }
        let facts = json!({"tenant": cx.tenant(), "with_all_releases": input.all_releases, "reason": input.reason});
        let record = Record::new(events::EXPORT_INCLUDED, export, json!({"tenant": cx.tenant()}));
        change.record(record.after(facts)).await.map_err(Error::from)?;
        change.commit().await.map_err(Error::from)?;
        Ok(true)
    }
}

fn at(cx: &StepCx) -> At {
    (cx.tenant(), cx.operation_id())
}

fn no_space() -> StepError {
    StepError::failed(
        "tenancy.export.no_space",
        "there is not enough free disk space for the archive; tell your provider",
    )
}

fn too_large() -> StepError {
    StepError::failed(
        "tenancy.export.too_large",
        "the archive would be larger than is allowed here; leave out old releases or the tenants below, or ask your provider",
    )
}

fn failed(context: &str, error: ExportError) -> StepError {
    match error {
        ExportError::NoSpace => no_space(),
        error => {
            tracing::warn!(context, %error, "export met an error and tries again");
            StepError::retry(format!("what {context} has of the account cannot be read now"))
        }
    }
}

fn disk(error: io::Error) -> StepError {
    failed("the disk", error.into())
}

fn archived(error: mpanel_archive::Error) -> StepError {
    match error {
        mpanel_archive::Error::Io { source, .. } => disk(source),
        other => failed("the archive", ExportError::other(other)),
    }
}

#[async_trait]
impl Operation for Export {
    fn kind(&self) -> &'static Kind {
        &EXPORT
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        let input: ExportInput = cx.input()?;
        if step == "write" {
            return self.write(cx, input).await;
        }
        let published = self.files.publish(at(cx), input.below, cx.clock().now()).await;
        match published.map_err(disk)? {
            Some(size) => {
                metrics::MADE.inc_by(size);
                Ok(Value::Null)
            }
            None => Err(StepError::failed(
                "tenancy.export.lost",
                "the archive was removed before it was finished; ask for another one",
            )),
        }
    }

    async fn undo(&self, _step: &str, cx: &StepCx) -> Result<(), StepError> {
        self.files.remove(at(cx)).await.map_err(disk)
    }
}
