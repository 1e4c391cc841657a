//! A database of a test's own, edges with keys of their own, and a strict client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mpanel_certificates_contract::{Certificates as _, HostCertificate};
use mpanel_client_acme::{Network, Rfc8555};
use mpanel_crypto::{MasterKey, NodeKeyPair};
use mpanel_dns_contract::{ChallengeRecord, ChallengeRecords, DnsPortError};
use mpanel_events::{Served, Spine, State, Vault};
use mpanel_feed::frame::Role;
use mpanel_feed::topics::{DNS_ZONE, EDGE_CERTIFICATE, EDGE_CERTIFICATE_HPKE_INFO, EdgeCertificate};
use mpanel_fleet_contract::{EdgeKey, Nodes};
use mpanel_jobs::{BoxError, PassReport, Reconciler as _};
use mpanel_kernel::clock::{Clock as _, ManualClock};
use mpanel_kernel::ids::{NodeId, TenantId};
use mpanel_kernel::names::DomainName;
use mpanel_pg::{Db, Reason, TenantTx, Tx as _};
use mpanel_testkit::tenants::{self, Tenants};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use serde_json::Value;

use crate::reconcile::Issue;
use crate::{Acknowledged, CertificateStore, MIGRATIONS, Ports};

/// An edge with its key.
pub(crate) struct Edge {
    pub(crate) node: NodeId,
    pub(crate) pair: NodeKeyPair,
}

impl Edge {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            node: NodeId::generate(),
            pair: NodeKeyPair::load_or_create(&folder.path().join("node.key")).unwrap(),
        }
    }

    /// The private key of a published certificate, as this edge reads it.
    pub(crate) fn open(&self, id: &str, certificate: &EdgeCertificate) -> Option<String> {
        let sealed = STANDARD
            .decode(certificate.sealed_key.get(&self.node.to_string())?)
            .unwrap();
        let key = self
            .pair
            .open(EDGE_CERTIFICATE_HPKE_INFO, id.as_bytes(), &sealed)
            .ok()?;
        Some(String::from_utf8(key.to_vec()).unwrap())
    }
}

#[derive(Default)]
pub(crate) struct FakeNodes(Mutex<Vec<EdgeKey>>);

impl FakeNodes {
    pub(crate) fn set(&self, edges: &[&Edge]) {
        *self.0.lock().unwrap() = edges
            .iter()
            .map(|edge| EdgeKey {
                node: edge.node,
                key: edge.pair.public(),
            })
            .collect();
    }
}

#[async_trait]
impl Nodes for FakeNodes {
    fn local(&self) -> NodeId {
        unreachable!("nothing is placed by certificates")
    }

    fn addresses(&self, _node: NodeId) -> Vec<std::net::IpAddr> {
        Vec::new()
    }

    async fn edge_keys(&self) -> Result<Vec<EdgeKey>, mpanel_pg::Error> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// Zones, as far as challenges see them: who has one is said by the test, what stands in it goes to the feed.
#[derive(Default)]
pub(crate) struct FakeRecords {
    pub(crate) apexes: Mutex<Vec<String>>,
}

fn record(name: &DomainName, value: &str) -> String {
    format!("{name} {value}")
}

#[async_trait]
impl ChallengeRecords for FakeRecords {
    async fn show(
        &self,
        tx: &mut TenantTx,
        name: &DomainName,
        value: &str,
    ) -> Result<Option<ChallengeRecord>, DnsPortError> {
        let apexes = self.apexes.lock().unwrap().clone();
        let Some(apex) = name.ancestors().find(|apex| apexes.iter().any(|own| own == apex)) else {
            return Ok(None);
        };
        let (tenant, state) = (
            tx.tenant(),
            State::upsert(DNS_ZONE, record(name, value), 1, &true).unwrap(),
        );
        mpanel_events::publish(tx, Some(tenant), &state, Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        Ok(Some(ChallengeRecord {
            apex: apex.parse().unwrap(),
            serial: 1,
        }))
    }

    async fn take_back(&self, tx: &mut TenantTx, name: &DomainName, value: &str) -> Result<(), DnsPortError> {
        let (tenant, state) = (tx.tenant(), State::delete(DNS_ZONE, record(name, value), i64::MAX));
        mpanel_events::publish(tx, Some(tenant), &state, Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        Ok(())
    }
}

/// Data planes that answer as soon as they are told.
pub(crate) struct AtOnce;

#[async_trait]
impl Acknowledged for AtOnce {
    async fn wait(&self, _: Role, _: &str, _: &str, _: i64) -> Result<Served, mpanel_events::Error> {
        Ok(Served::Everywhere)
    }
}

/// What was published under a certificate's id.
pub(crate) struct Published {
    pub(crate) id: String,
    pub(crate) generation: i64,
    pub(crate) value: Option<EdgeCertificate>,
}

pub(crate) struct World {
    pub(crate) store: CertificateStore,
    pub(crate) nodes: Arc<FakeNodes>,
    pub(crate) records: Arc<FakeRecords>,
    pub(crate) edge: Edge,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) spine: Spine,
    pub(crate) platform: TenantId,
    pub(crate) tenant: TenantId,
    /// Where a master key can be read again, or another one made.
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            tenants::TABLES,
            MIGRATIONS,
        ];
        let database = mpanel_testkit::database::migrated(&modules).await;
        let db = Db::connect(database.panel, 8).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
        let spine = Spine::new(db, Arc::new(Vault::new(master)));
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let Tenants {
            platform,
            customer: tenant,
        } = Tenants::plant(spine.db()).await;
        let (nodes, edge) = (Arc::new(FakeNodes::default()), Edge::new());
        nodes.set(&[&edge]);
        let records = Arc::new(FakeRecords::default());
        let ports = Ports {
            nodes: nodes.clone(),
            acme: Arc::new(Rfc8555::new(Network {
                allow: vec!["127.0.0.0/8".parse().unwrap()],
            })),
            records: records.clone(),
            served: Arc::new(AtOnce),
        };
        let store = CertificateStore::open(spine.clone(), clock.clone(), ports, platform)
            .await
            .unwrap();
        Self {
            store,
            nodes,
            records,
            edge,
            clock,
            spine,
            platform,
            tenant,
            folder,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn want(&self, host: &str) {
        let mut tx = self.spine.db().tenant(self.tenant).await.unwrap();
        self.store.want(&mut tx, &host.parse().unwrap()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn unwant(&self, host: &str) {
        let mut tx = self.spine.db().tenant(self.tenant).await.unwrap();
        self.store.unwant(&mut tx, &host.parse().unwrap()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn status_for(&self, tenant: TenantId, hosts: &[&str]) -> Vec<Option<HostCertificate>> {
        let hosts: Vec<_> = hosts.iter().map(|host| host.parse().unwrap()).collect();
        let mut tx = self.spine.db().tenant(tenant).await.unwrap();
        self.store.status(&mut tx, &hosts).await.unwrap()
    }

    pub(crate) async fn status(&self, host: &str) -> Option<HostCertificate> {
        self.status_for(self.tenant, &[host]).await.pop().unwrap()
    }

    pub(crate) async fn pass(&self) -> Result<PassReport, BoxError> {
        Issue::new(self.store.clone()).pass().await
    }

    /// Everything published so far, in order.
    pub(crate) async fn published(&self) -> Vec<Published> {
        let mut tx = self.spine.db().spine().await.unwrap();
        let rows: Vec<(String, i64, Option<Value>)> = sqlx::query_as(
            "select key, generation, value from spine.outbox where kind = 'state' and topic = $1 order by id",
        )
        .bind(EDGE_CERTIFICATE)
        .fetch_all(tx.conn())
        .await
        .unwrap();
        rows.into_iter()
            .map(|(id, generation, value)| Published {
                id,
                generation,
                value: value.map(|value| serde_json::from_value(value).unwrap()),
            })
            .collect()
    }

    /// What the edges hold when they have read it all.
    pub(crate) async fn held(&self) -> Vec<(String, EdgeCertificate)> {
        let mut held = std::collections::BTreeMap::new();
        for published in self.published().await {
            match published.value {
                Some(value) => drop(held.insert(published.id, value)),
                None => drop(held.remove(&published.id)),
            }
        }
        held.into_iter().collect()
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        let mut tx = self.spine.db().platform(Reason::Administer("test")).await.unwrap();
        sqlx::query_scalar(query).fetch_one(tx.conn()).await.unwrap()
    }

    pub(crate) async fn outbox(&self, query: &'static str) -> i64 {
        let mut tx = self.spine.db().spine().await.unwrap();
        sqlx::query_scalar(query).fetch_one(tx.conn()).await.unwrap()
    }

    /// Whether a client that trusts the authority, and nothing else, accepts the chain for a name.
    pub(crate) fn verify(&self, chain_pem: &str, name: &str, at: Timestamp) -> Result<(), TlsError> {
        verify(self.store.authority_pem(), chain_pem, name, at)
    }
}

pub(crate) fn verify(authority_pem: &str, chain_pem: &str, name: &str, at: Timestamp) -> Result<(), TlsError> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let leaf = CertificateDer::from_pem_slice(chain_pem.as_bytes()).unwrap();
    let server = ServerName::try_from(name.to_owned()).unwrap();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).unwrap()));
    verifier.verify_server_cert(&leaf, &[], &server, &[], at).map(|_| ())
}

/// Whether the key belongs to the certificate.
pub(crate) fn belongs(key_pem: &str, chain_pem: &str) -> bool {
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let leaf = CertificateDer::from_pem_slice(chain_pem.as_bytes()).unwrap();
    CertifiedKey::new(vec![leaf], key).keys_match().is_ok()
}
