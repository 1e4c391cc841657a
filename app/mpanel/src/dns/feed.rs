//! From feed items to the engine's zones.

use std::sync::Arc;

use mpanel_engine_dns::{RecordData, SoaData, Zone, ZoneData, ZoneSet, name};
use mpanel_feed::frame::Item;
use mpanel_feed::topics::{DNS_ZONE, DnsRecord, DnsSoa, DnsZone};
use mpanel_feed::{Refusal, Update};

/// Applies what the feed says to a set of zones. A zone that cannot be served leaves its former version in place.
#[derive(Debug)]
pub struct Feed {
    zones: Arc<ZoneSet>,
}

/// Why a zone cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("not understood: {0}")]
    Value(#[from] serde_json::Error),
    #[error("it is the zone {0}")]
    OtherApex(String),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Zone(Vec<mpanel_engine_dns::Problem>),
}

impl Feed {
    pub fn new(zones: Arc<ZoneSet>) -> Self {
        Self { zones }
    }

    /// When it returns, the next query sees the change, but for what it returns.
    pub fn apply(&self, update: Update<'_>) -> Vec<Refusal> {
        let mut refused = Vec::new();
        match update {
            Update::Reset { items, .. } => {
                let before = self.zones.snapshot();
                let zones = items
                    .into_iter()
                    .filter(|item| item.topic == DNS_ZONE)
                    .filter_map(|item| {
                        let apex = name::parse(&item.key).ok();
                        compile(item, &mut refused).or_else(|| before.get(&apex?).cloned())
                    });
                self.zones.replace_all(zones);
            }
            Update::Item { item, .. } if item.topic == DNS_ZONE => {
                if item.value.is_none() {
                    self.zones.delete(&item.key);
                } else if let Some(zone) = compile(item.clone(), &mut refused) {
                    self.zones.upsert(zone);
                }
            }
            Update::Item { .. } => {}
        }
        refused
    }
}

fn compile(item: Item, refused: &mut Vec<Refusal>) -> Option<Arc<Zone>> {
    let value = item.value?;
    match zone(&item.key, value) {
        Ok(zone) => Some(Arc::new(zone)),
        Err(error) => {
            tracing::warn!(zone = item.key, %error, "zone of the feed not used");
            refused.push(Refusal {
                topic: item.topic,
                key: item.key,
                generation: item.generation,
                reason: error.to_string(),
            });
            None
        }
    }
}

fn zone(key: &str, value: serde_json::Value) -> Result<Zone, Unusable> {
    let DnsZone {
        apex,
        serial,
        soa,
        records,
    } = serde_json::from_value(value)?;
    // A delete names the key, so nothing else may be served under it.
    if apex != key {
        return Err(Unusable::OtherApex(apex));
    }
    let DnsSoa {
        mname,
        rname,
        refresh,
        retry,
        expire,
        minimum,
        ttl,
    } = soa;
    let record = |DnsRecord { name, rtype, ttl, data }| RecordData { name, rtype, ttl, data };
    let data = ZoneData {
        apex,
        serial,
        soa: SoaData {
            mname,
            rname,
            refresh,
            retry,
            expire,
            minimum,
            ttl,
        },
        records: records.into_iter().map(record).collect(),
    };
    Zone::compile(&data).map_err(Unusable::Zone)
}
