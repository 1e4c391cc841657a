//! A tenant's log, for the tenant to take away.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use async_trait::async_trait;
use mpanel_events::{AuditFilter, Spine, list_audit};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter};

const LOG: &str = "audit.ndjson";
/// Lines read at once.
const PAGE: u32 = 500;

/// The log as it is exported: each line an entry's canonical bytes, newest first. What is sealed of people stays sealed.
pub struct Log(pub Spine);

#[async_trait]
impl Exporter for Log {
    fn name(&self) -> &'static str {
        "audit"
    }

    async fn list(&self, _tenant: TenantId, _scope: ExportScope) -> Result<Vec<String>, ExportError> {
        Ok(vec![LOG.to_owned()])
    }

    async fn write(&self, tenant: TenantId, _path: &str, into: File, most: u64) -> Result<(), ExportError> {
        let mut out = BufWriter::new(into);
        let (mut after, mut written) = (None, 0_u64);
        loop {
            let page = PageRequest { limit: PAGE, after };
            // No transaction is open while the disk is written.
            let mut tx = self.0.db().tenant(tenant).await.map_err(ExportError::other)?;
            let found = list_audit(&mut tx, &AuditFilter::default(), page).await;
            tx.end_read();
            let found = found.map_err(ExportError::other)?;
            for entry in &found.items {
                written += entry.bytes.len() as u64 + 1;
                if written > most {
                    return Err(ExportError::NoSpace);
                }
                out.write_all(&entry.bytes)?;
                out.write_all(b"\n")?;
            }
            match (found.next_cursor, found.items.last()) {
                (Some(_), Some(last)) => after = Some(last.id.uuid()),
                _ => return Ok(out.flush()?),
            }
        }
    }
}
