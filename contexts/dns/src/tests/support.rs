//! A database of a test's own with two tenants, and claims that are kept in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_authz::{IdempotencyKey, OpCx, OpCxParts, Role, TenantKind};
use mpanel_dns_contract::{DnsPortError, HostDns, HostRecords as _};
use mpanel_events::{AuditEntry, AuditFilter, ServedBoard, Spine, list_audit};
use mpanel_feed::topics::{DNS_ZONE, DnsZone};
use mpanel_http::testing;
use mpanel_kernel::clock::ManualClock;
use mpanel_kernel::ids::{TenantId, Uuid, ZoneId};
use mpanel_kernel::names::DomainName;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Db, TenantTx, Tx};
use mpanel_tenancy_contract::{ClaimKind, NameClaims, NameError};
use mpanel_testkit::tenants::Tenants;
use serde_json::Value;

use crate::authz::ROLES;
use crate::domain::{NewRecord, Record, Zone};
use crate::error::Error;
use crate::tests::tenancy::{self, TestEntitlements};
use crate::{Dns, MIGRATIONS};

/// Claims in memory: a name belongs to who claimed it first.
#[derive(Default)]
pub(crate) struct FakeClaims(Mutex<HashMap<String, TenantId>>);

impl FakeClaims {
    pub(crate) fn holder(&self, name: &str) -> Option<TenantId> {
        self.0.lock().unwrap().get(name).copied()
    }
}

#[async_trait]
impl NameClaims for FakeClaims {
    async fn claim(&self, tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<(), NameError> {
        assert_eq!(kind, ClaimKind::Zone);
        let mut claims = self.0.lock().unwrap();
        match claims.get(name.as_str()) {
            Some(holder) if *holder != tx.tenant() => Err(NameError::Taken(name.clone())),
            _ => {
                claims.insert(name.to_string(), tx.tenant());
                Ok(())
            }
        }
    }

    async fn release(&self, tx: &mut TenantTx, name: &DomainName, _kind: ClaimKind) -> Result<(), NameError> {
        let mut claims = self.0.lock().unwrap();
        if claims.get(name.as_str()) == Some(&tx.tenant()) {
            claims.remove(name.as_str());
        }
        Ok(())
    }
}

fn open(spine: &Spine, clock: &Arc<ManualClock>, claims: &Arc<FakeClaims>, servers: &[&str]) -> Dns {
    let servers = servers.iter().map(|name| name.parse().unwrap()).collect();
    Dns::new(
        spine.clone(),
        clock.clone(),
        (Arc::new(TestEntitlements), claims.clone()),
        servers,
        ServedBoard::default(),
    )
}

pub(crate) struct World {
    pub(crate) dns: Arc<Dns>,
    pub(crate) claims: Arc<FakeClaims>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) spine: Spine,
    pub(crate) tenant: TenantId,
    pub(crate) other: TenantId,
}

impl World {
    pub(crate) async fn new() -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            tenancy::MIGRATIONS,
            MIGRATIONS,
        ];
        let spine = testing::spine(&modules).await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let claims = Arc::new(FakeClaims::default());
        let dns = open(&spine, &clock, &claims, &["ns1.provider.net", "ns2.provider.net"]);
        let planted = Tenants::plant(spine.db()).await;
        tenancy::plant_tree(spine.db(), &planted).await;
        Self {
            dns: Arc::new(dns),
            claims,
            clock,
            spine,
            tenant: planted.customer,
            other: planted.platform,
        }
    }

    /// After another start with other name servers.
    pub(crate) fn restarted(mut self, servers: &[&str]) -> Self {
        self.dns = Arc::new(open(&self.spine, &self.clock, &self.claims, servers));
        self
    }

    pub(crate) fn db(&self) -> &Db {
        self.spine.db()
    }

    pub(crate) fn cx_of(&self, tenant: TenantId, role: Role, key: Option<&str>) -> OpCx {
        OpCx::new(OpCxParts {
            idempotency: key.map(|key| IdempotencyKey {
                key: key.to_owned(),
                request_hash: [1; 32],
            }),
            ..testing::person((tenant, TenantKind::Customer), role, ROLES, self.clock.clone())
        })
    }

    pub(crate) fn cx(&self) -> OpCx {
        self.cx_of(self.tenant, Role::Owner, None)
    }

    pub(crate) async fn zone(&self, apex: &str) -> Zone {
        self.dns.create_zone(&self.cx(), &apex.parse().unwrap()).await.unwrap()
    }

    pub(crate) async fn add(&self, zone: ZoneId, name: &str, rtype: &str, data: &str) -> Result<Record, Error> {
        self.dns
            .create_record(&self.cx(), zone, &record(name, rtype, data))
            .await
    }

    pub(crate) async fn zones(&self) -> Vec<Zone> {
        let page = PageRequest {
            limit: 200,
            after: None,
        };
        self.dns.list_zones(&self.cx(), page).await.unwrap().items
    }

    pub(crate) async fn records(&self, zone: ZoneId) -> Vec<Record> {
        let page = PageRequest {
            limit: 200,
            after: None,
        };
        self.dns.list_records(&self.cx(), zone, page).await.unwrap().items
    }

    /// What stands at a name: type and data, in order.
    pub(crate) async fn at(&self, zone: ZoneId, name: &str) -> Vec<(String, String)> {
        let mut at: Vec<_> = self
            .records(zone)
            .await
            .into_iter()
            .filter(|record| record.name == name)
            .map(|record| (record.rtype, record.data))
            .collect();
        at.sort();
        at
    }

    /// Serial and value of what was published for an apex, in order; `None` is a removal.
    pub(crate) async fn published(&self, apex: &str) -> Vec<(i64, Option<DnsZone>)> {
        let mut tx = self.db().spine().await.unwrap();
        let rows: Vec<(Uuid, i64, Option<Value>)> = sqlx::query_as(
            "select tenant_id, generation, value from spine.outbox
             where kind = 'state' and topic = $1 and key = $2 order by id",
        )
        .bind(DNS_ZONE)
        .bind(apex)
        .fetch_all(tx.conn())
        .await
        .unwrap();
        rows.into_iter()
            .map(|(_, generation, value)| (generation, value.map(|value| serde_json::from_value(value).unwrap())))
            .collect()
    }

    /// The zone's rows are what was published last, under its serial; serials only grew.
    pub(crate) async fn assert_published(&self, zone: ZoneId) {
        let row = self.dns.get_zone(&self.cx(), zone).await.unwrap();
        let published = self.published(&row.apex).await;
        assert!(published.is_sorted_by_key(|(serial, _)| *serial), "{published:?}");
        let (serial, value) = published.last().unwrap();
        let value = value.as_ref().unwrap();
        assert_eq!((*serial, i64::from(value.serial)), (row.serial, row.serial));
        let mut told: Vec<_> = value
            .records
            .iter()
            .map(|r| (r.name.clone(), r.rtype.clone(), i64::from(r.ttl), r.data.clone()))
            .collect();
        let mut rows: Vec<_> = self
            .records(zone)
            .await
            .into_iter()
            .map(|r| (r.name, r.rtype, i64::from(r.ttl), r.data))
            .collect();
        told.sort();
        rows.sort();
        assert_eq!(told, rows);
    }

    /// The tenant's log, oldest first.
    pub(crate) async fn audit(&self) -> Vec<AuditEntry> {
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
            .await
            .unwrap();
        let mut entries = page.items;
        entries.reverse();
        entries
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        let mut tx = self.db().spine().await.unwrap();
        sqlx::query_scalar(query).fetch_one(tx.conn()).await.unwrap()
    }

    pub(crate) async fn point(
        &self,
        host: &str,
        addresses: &[&str],
        create_zone: bool,
    ) -> Result<HostDns, DnsPortError> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        let answer = self
            .dns
            .point(&mut tx, &host.parse().unwrap(), &addresses, create_zone)
            .await?;
        tx.commit().await.unwrap();
        Ok(answer)
    }

    pub(crate) async fn withdraw(&self, host: &str) {
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        let _place = self.dns.withdraw(&mut tx, &host.parse().unwrap()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn status(&self, host: &str) -> HostDns {
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        let mut found = self.dns.status(&mut tx, &[host.parse().unwrap()]).await.unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }
}

pub(crate) fn record(name: &str, rtype: &str, data: &str) -> NewRecord {
    NewRecord {
        name: name.to_owned(),
        rtype: rtype.to_owned(),
        ttl: 3600,
        data: data.to_owned(),
    }
}

pub(crate) fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(rtype, data)| ((*rtype).to_owned(), (*data).to_owned()))
        .collect()
}
