use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{Actor, IdempotencyKey, OpCx, OpCxParts, Permissions, Role, TenantKind};
use mpanel_certificates_contract::{Certificates, HostCertificate};
use mpanel_client_agent::fake::FakeAgent;
use mpanel_crypto::MasterKey;
use mpanel_dns_contract::{DnsPortError, HostDns, HostRecords, Place};
use mpanel_events::{ServedBoard, Spine, Tail, Vault};
use mpanel_fleet_contract::{EdgeKey, Nodes};
use mpanel_jobs::{OperationState, OperationStatus, Runtime, Tuning};
use mpanel_kernel::clock::{ManualClock, SharedClock};
use mpanel_kernel::ids::{NodeId, OperationId, ReleaseId, RequestId, SiteId, TenantId, UploadId, UserId};
use mpanel_kernel::names::DomainName;
use mpanel_pg::{Db, Error as PgError, Migrations, PgConnectOptions, TenantTx};
use mpanel_telemetry::spawn_named;
use mpanel_testkit::database::migrated;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::pause::TestSuspensions;
use super::store::{TestTenancy, plant};
use super::traffic::TestMetering;
use crate::authz::ROLES;
use crate::domain::{Release, Site, Upload};
use crate::service::{CreateSite, NewRelease, NewUpload};
use crate::{Error, Ports, Settings, Sites, ops};

/// A context must not depend on another; its tables it needs all the same.
const TENANCY: Migrations = Migrations {
    schema: "tenancy",
    files: &[
        (
            "0001_tenancy",
            include_str!("../../../tenancy/migrations/0001_tenancy.sql"),
        ),
        (
            "0002_functions",
            include_str!("../../../tenancy/migrations/0002_functions.sql"),
        ),
    ],
};

/// Remembers which hosts were pointed where.
#[derive(Default)]
pub struct TestRecords(pub Mutex<BTreeMap<String, Vec<IpAddr>>>);

#[async_trait]
impl HostRecords for TestRecords {
    async fn point(
        &self,
        _tx: &mut TenantTx,
        host: &DomainName,
        addresses: &[IpAddr],
        _create_zone: bool,
    ) -> Result<HostDns, DnsPortError> {
        self.0.lock().unwrap().insert(host.to_string(), addresses.to_vec());
        Ok(HostDns::Managed { apex: host.clone() })
    }

    async fn withdraw(&self, _tx: &mut TenantTx, host: &DomainName) -> Result<Place, DnsPortError> {
        self.0.lock().unwrap().remove(host.as_str());
        Ok(Place::Free)
    }

    async fn status(&self, _tx: &mut TenantTx, hosts: &[DomainName]) -> Result<Vec<HostDns>, DnsPortError> {
        let pointed = self.0.lock().unwrap();
        let of = |host: &DomainName| match pointed.contains_key(host.as_str()) {
            true => HostDns::Managed { apex: host.clone() },
            false => HostDns::Elsewhere,
        };
        Ok(hosts.iter().map(of).collect())
    }
}

/// Remembers which hosts want a certificate, and which of them have one.
#[derive(Default)]
pub struct TestCertificates(pub Mutex<BTreeMap<String, bool>>);

#[async_trait]
impl Certificates for TestCertificates {
    async fn want(&self, _tx: &mut TenantTx, host: &DomainName) -> Result<(), PgError> {
        self.0.lock().unwrap().insert(host.to_string(), false);
        Ok(())
    }

    async fn unwant(&self, _tx: &mut TenantTx, host: &DomainName) -> Result<(), PgError> {
        self.0.lock().unwrap().remove(host.as_str());
        Ok(())
    }

    async fn status(&self, _tx: &mut TenantTx, hosts: &[DomainName]) -> Result<Vec<Option<HostCertificate>>, PgError> {
        let wanted = self.0.lock().unwrap();
        let of = |host: &DomainName| {
            Some(match wanted.get(host.as_str())? {
                true => HostCertificate::Valid {
                    public: false,
                    waits: None,
                    not_after: Timestamp::MAX,
                    issuer: "test".to_owned(),
                },
                false => HostCertificate::Pending { message: String::new() },
            })
        };
        Ok(hosts.iter().map(of).collect())
    }
}

struct TestNodes(NodeId);

#[async_trait]
impl Nodes for TestNodes {
    fn local(&self) -> NodeId {
        self.0
    }

    fn addresses(&self, _node: NodeId) -> Vec<IpAddr> {
        vec!["192.0.2.1".parse().unwrap()]
    }

    async fn edge_keys(&self) -> Result<Vec<EdgeKey>, PgError> {
        Ok(Vec::new())
    }
}

/// An installation of its own with one customer.
pub struct World {
    pub sites: Sites,
    pub db: Db,
    pub clock: Arc<ManualClock>,
    pub agent: Arc<FakeAgent>,
    pub records: Arc<TestRecords>,
    pub certificates: Arc<TestCertificates>,
    pub metering: Arc<TestMetering>,
    pub suspensions: Arc<TestSuspensions>,
    pub tenant: TenantId,
    pub permissions: Arc<Permissions>,
    pub folder: TempDir,
    /// How one connects to the database.
    pub options: PgConnectOptions,
}

/// Stops what runs in the background, as if killed.
pub struct Server(pub JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with_limits([None, None, None]).await
    }

    /// Of sites, domains and bytes of disk space.
    pub async fn with_limits(limits: [Option<i64>; 3]) -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            mpanel_jobs::MIGRATIONS,
            TENANCY,
            crate::MIGRATIONS,
        ];
        let database = migrated(&modules).await;
        let options = database.panel.clone();
        let db = Db::connect(database.panel, 8).await.unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("uploads")).unwrap();
        let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
        let spine = Spine::new(db.clone(), Arc::new(Vault::new(master)));
        let (agent, records, certificates) = (Arc::new(FakeAgent::new()), Arc::default(), Arc::default());
        let metering = Arc::<TestMetering>::default();
        let suspensions = Arc::<TestSuspensions>::default();
        let ports = Ports {
            entitlements: Arc::new(TestTenancy),
            metering: metering.clone(),
            suspensions: suspensions.clone(),
            claims: Arc::new(TestTenancy),
            certificates: Arc::clone(&certificates) as Arc<TestCertificates>,
            records: Arc::clone(&records) as Arc<TestRecords>,
            nodes: Arc::new(TestNodes(NodeId::generate())),
            agent: agent.clone(),
            board: ServedBoard::default(),
            tail: Tail::default(),
        };
        let settings = Settings {
            uploads: folder.path().join("uploads"),
            previews: "preview.test".parse().unwrap(),
            reserved_hosts: vec!["panel.preview.test".parse().unwrap()],
            https_port: 8443,
            max_upload_bytes: 4 << 20,
            upload_lifetime: SignedDuration::from_hours(24),
            keep_releases: 3,
            max_release_bytes: 8 << 20,
            max_release_files: 1000,
            outbound_allow: Vec::new(),
            served_within: Duration::from_millis(20),
        };
        let shared: SharedClock = clock.clone();
        plant(&db, "platform", [None, None, None]).await;
        let tenant = plant(&db, "customer", limits).await;
        Self {
            sites: Sites::new(spine, shared, ports, settings),
            db,
            clock,
            agent,
            records,
            certificates,
            metering,
            suspensions,
            tenant,
            permissions: Arc::new(Permissions::new(ROLES.iter().copied()).unwrap()),
            folder,
            options,
        }
    }

    /// The sites as the next process sees them, set up a little differently.
    pub fn again(&self, change: impl FnOnce(&mut Settings)) -> Sites {
        let mut settings = (*self.sites.settings).clone();
        change(&mut settings);
        let (spine, clock) = (self.sites.spine.clone(), self.sites.clock.clone());
        Sites::new(spine, clock, self.sites.ports.clone(), settings)
    }

    /// The sites as a process sees them whose connections to the database go through `socket`.
    pub async fn through(&self, socket: &Path) -> Sites {
        let db = Db::connect(self.options.clone().socket(socket), 4).await.unwrap();
        let spine = Spine::new(db, self.sites.spine.vault().clone());
        let settings = (*self.sites.settings).clone();
        Sites::new(spine, self.sites.clock.clone(), self.sites.ports.clone(), settings)
    }

    pub fn cx_of(&self, tenant: TenantId, role: Role) -> OpCx {
        self.keyed((tenant, UserId::generate()), role, None)
    }

    /// Somebody with a certain role, who sends an `Idempotency-Key`.
    pub fn keyed(&self, (tenant, user): (TenantId, UserId), role: Role, key: Option<&str>) -> OpCx {
        OpCx::new(OpCxParts {
            actor: Actor::User(user),
            tenant,
            tenant_kind: TenantKind::Customer,
            role: role.into(),
            scopes: None,
            assumed_from: None,
            assumption: None,
            request_id: RequestId::generate(),
            address: None,
            idempotency: key.map(|key| IdempotencyKey {
                key: key.to_owned(),
                request_hash: [7; 32],
            }),
            clock: self.clock.clone(),
            permissions: self.permissions.clone(),
        })
    }

    /// The customer's owner.
    pub fn owner(&self) -> OpCx {
        self.cx_of(self.tenant, Role::Owner)
    }

    pub async fn site(&self, name: &str, domain: Option<&str>) -> Site {
        self.try_site(name, domain).await.unwrap()
    }

    pub async fn try_site(&self, name: &str, domain: Option<&str>) -> Result<Site, Error> {
        let new = CreateSite {
            name: name.to_owned(),
            slug: None,
            domain: domain.map(|domain| domain.parse().unwrap()),
        };
        self.sites.create_site(&self.owner(), new).await
    }

    pub async fn get(&self, site: SiteId) -> Site {
        self.sites.get_site(&self.owner(), site).await.unwrap()
    }

    pub async fn release(&self, site: SiteId, id: ReleaseId) -> Release {
        self.sites.get_release(&self.owner(), site, id).await.unwrap()
    }

    pub async fn open_upload(&self, site: SiteId, filename: &str, size: usize) -> Result<Upload, Error> {
        let new = NewUpload {
            filename: filename.to_owned(),
            size: i64::try_from(size).unwrap(),
        };
        self.sites.create_upload(&self.owner(), site, new).await
    }

    /// Sends bytes in pieces; a `None` is a connection that breaks.
    pub async fn send(
        &self,
        upload: (SiteId, UploadId),
        offset: i64,
        pieces: Vec<Option<&[u8]>>,
    ) -> Result<Upload, Error> {
        let pieces: Vec<Result<Bytes, ()>> = pieces
            .into_iter()
            .map(|piece| piece.map(Bytes::copy_from_slice).ok_or(()))
            .collect();
        self.sites
            .append(&self.owner(), upload, offset, None, stream::iter(pieces))
            .await
    }

    pub async fn uploaded(&self, site: SiteId, archive: &[u8]) -> Upload {
        let upload = self.open_upload(site, "site.tar.gz", archive.len()).await.unwrap();
        self.send((site, upload.id), 0, vec![Some(archive)]).await.unwrap()
    }

    /// Begins a release of an archive that is uploaded first.
    pub async fn begin(&self, site: SiteId, archive: &[u8], activate: bool) -> (OperationId, ReleaseId) {
        let new = NewRelease {
            upload: self.uploaded(site, archive).await.id,
            activate,
            note: None,
            own_upload: false,
        };
        let begun = self.sites.create_release(&self.owner(), site, new).await.unwrap();
        (begun.operation, begun.release)
    }

    /// A release with these files that is made to its end.
    pub async fn deployed(&self, site: SiteId, files: &[(&str, &str)]) -> ReleaseId {
        let (operation, release) = self.begin(site, &archive(files), true).await;
        assert_eq!(self.ended(operation).await.state, OperationState::Succeeded);
        release
    }

    /// Works on operations until it is dropped.
    pub fn serve(&self) -> Server {
        let runtime = Runtime {
            spine: self.sites.spine.clone(),
            tail: Tail::default(),
            clock: self.clock.clone(),
            operations: ops::all(&self.sites),
            reconcilers: Vec::new(),
            jobs: Vec::new(),
            tuning: Tuning {
                poll: Duration::from_millis(20),
                progress: Duration::from_millis(10),
                ..Tuning::default()
            },
        };
        Server(spawn_named("runtime", runtime.run()))
    }

    pub async fn ended(&self, operation: OperationId) -> OperationStatus {
        let asking = async {
            loop {
                let mut tx = self.db.tenant(self.tenant).await.unwrap();
                let status = mpanel_jobs::get(&mut tx, operation).await.unwrap();
                if status.state.is_final() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), asking)
            .await
            .expect("it ends within half a minute")
    }

    /// Names of the files of uploads that are there.
    pub fn blobs(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.folder.path().join("uploads")).unwrap();
        folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

/// What a release is charged that consists of so many small files and folders, its own not counted.
pub const fn charged(files_and_folders: i64) -> i64 {
    (1 + files_and_folders) * 4096
}

/// A `.tar.gz` of these files.
pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// One with a symbolic link in it.
pub fn archive_with_link() -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "etc", "/etc").unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}
