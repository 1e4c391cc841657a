//! What a tenant takes away: its zones, each as JSON and as a zone file that other servers load.

use std::fs::File;
use std::io::Write as _;

use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::{MAX_LIMIT, PageRequest};
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter};
use serde_json::{Value, json};

use crate::domain::{Record, Zone};
use crate::error::Error;
use crate::{Dns, domain, store};

/// A zone's name is in no way a path: it has letters, digits, hyphens, dots and underscores.
const FOLDER: &str = "zones/";
const JSON: &str = ".json";
/// RFC 1035, section 5.
const ZONE: &str = ".zone";

impl Dns {
    async fn apexes_of(&self, tenant: TenantId) -> Result<Vec<String>, Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let (mut apexes, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest {
                limit: MAX_LIMIT,
                after,
            };
            let zones = store::zones::list(&mut tx, page).await?;
            let last = zones.len() <= MAX_LIMIT as usize;
            for zone in zones.into_iter().take(MAX_LIMIT as usize) {
                after = Some(zone.id.uuid());
                apexes.push(zone.apex);
            }
            if last {
                tx.end_read();
                return Ok(apexes);
            }
        }
    }

    async fn zone_at(&self, tenant: TenantId, apex: &str) -> Result<Option<(Zone, Vec<Record>)>, Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let Some((id, _)) = store::zones::covering(&mut tx, &[apex.to_owned()]).await? else {
            return Ok(None);
        };
        let zone = store::zones::get(&mut tx, id).await?;
        let records = store::records::all(&mut tx, id).await?;
        tx.end_read();
        Ok(zone.map(|zone| (zone, records)))
    }
}

fn described(zone: &Zone, records: &[Record]) -> Value {
    let records = records.iter().map(|record| {
        json!({
            "id": record.id, "name": record.name, "type": record.rtype, "ttl": record.ttl, "data": record.data,
            "managed_for": record.managed_for,
        })
    });
    json!({
        "id": zone.id, "apex": zone.apex, "serial": zone.serial, "created_at": zone.created_at,
        "records": records.collect::<Vec<_>>(),
    })
}

#[async_trait]
impl Exporter for Dns {
    fn name(&self) -> &'static str {
        "dns"
    }

    async fn list(&self, tenant: TenantId, _scope: ExportScope) -> Result<Vec<String>, ExportError> {
        let apexes = self.apexes_of(tenant).await.map_err(ExportError::other)?;
        let both = |apex: &String| [JSON, ZONE].map(|end| format!("{FOLDER}{apex}{end}"));
        Ok(apexes.iter().flat_map(both).collect())
    }

    async fn write(&self, tenant: TenantId, path: &str, mut into: File, _most: u64) -> Result<(), ExportError> {
        let name = path.strip_prefix(FOLDER).ok_or(ExportError::Gone)?;
        let (apex, as_zone) = match (name.strip_suffix(ZONE), name.strip_suffix(JSON)) {
            (Some(apex), _) => (apex, true),
            (None, Some(apex)) => (apex, false),
            (None, None) => return Err(ExportError::Gone),
        };
        let found = self.zone_at(tenant, apex).await.map_err(ExportError::other)?;
        let (zone, records) = found.ok_or(ExportError::Gone)?;
        let text = if as_zone {
            domain::zone_file(&domain::assemble(&zone.apex, zone.serial, self.primary(), &records))
        } else {
            format!("{:#}\n", described(&zone, &records))
        };
        Ok(into.write_all(text.as_bytes())?)
    }
}
