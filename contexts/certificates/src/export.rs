//! What a tenant takes away: its certificates, never their keys.

use std::fs::File;
use std::io::Write as _;

use async_trait::async_trait;
use mpanel_kernel::ids::{CertificateId, TenantId};
use mpanel_kernel::paging::{MAX_LIMIT, PageRequest};
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter};
use serde_json::{Value, json};

use crate::CertificateStore;
use crate::store::certificates::{self, Stored};

const FOLDER: &str = "certificates/";
const JSON: &str = ".json";
/// The certificate, and those that lead from it to its authority.
const CHAIN: &str = ".pem";

impl CertificateStore {
    async fn ids_of(&self, tenant: TenantId) -> Result<Vec<CertificateId>, mpanel_pg::Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let mut ids: Vec<CertificateId> = Vec::new();
        loop {
            let page = PageRequest {
                limit: MAX_LIMIT,
                after: ids.last().map(|last| last.uuid()),
            };
            let rows = certificates::list(&mut tx, page).await?;
            ids.extend(rows.iter().take(MAX_LIMIT as usize).map(|row| row.id));
            if rows.len() <= MAX_LIMIT as usize {
                tx.end_read();
                return Ok(ids);
            }
        }
    }

    async fn one_of(&self, tenant: TenantId, id: CertificateId) -> Result<Option<Stored>, mpanel_pg::Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let found = certificates::get(&mut tx, id).await?;
        tx.end_read();
        Ok(found)
    }
}

fn described(certificate: &Stored) -> Value {
    json!({
        "id": certificate.id, "names": certificate.names, "issuer": certificate.issuer,
        "fingerprint_sha256": certificate.fingerprint, "not_before": certificate.not_before,
        "not_after": certificate.not_after, "created_at": certificate.created_at,
    })
}

#[async_trait]
impl Exporter for CertificateStore {
    fn name(&self) -> &'static str {
        "certificates"
    }

    async fn list(&self, tenant: TenantId, _scope: ExportScope) -> Result<Vec<String>, ExportError> {
        let ids = self.ids_of(tenant).await.map_err(ExportError::other)?;
        let both = |id: &CertificateId| [JSON, CHAIN].map(|end| format!("{FOLDER}{id}{end}"));
        Ok(ids.iter().flat_map(both).collect())
    }

    async fn write(&self, tenant: TenantId, path: &str, mut into: File, _most: u64) -> Result<(), ExportError> {
        let name = path.strip_prefix(FOLDER).ok_or(ExportError::Gone)?;
        let chain = name.strip_suffix(CHAIN);
        let id = chain.or_else(|| name.strip_suffix(JSON)).and_then(|id| id.parse().ok());
        let id = id.ok_or(ExportError::Gone)?;
        let found = self.one_of(tenant, id).await.map_err(ExportError::other)?;
        let certificate = found.ok_or(ExportError::Gone)?;
        let text = match chain {
            Some(_) => certificate.chain_pem,
            None => format!("{:#}\n", described(&certificate)),
        };
        Ok(into.write_all(text.as_bytes())?)
    }
}
