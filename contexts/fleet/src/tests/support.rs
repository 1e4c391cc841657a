//! A database of a test's own with a platform and a customer.

use std::sync::Arc;

use jiff::Timestamp;
use mpanel_crypto::NodeKeyPair;
use mpanel_events::{AuditEntry, AuditFilter, ServedBoard, Spine, list_audit};
use mpanel_feed::frame::{Hello, PROTOCOL, Role};
use mpanel_http::testing;
use mpanel_kernel::clock::ManualClock;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Tx as _};
use mpanel_testkit::tenants::{self, Tenants};

use crate::{AllowedPeers, Directory, Fleet, MIGRATIONS};

pub(crate) const EDGE_UID: u32 = 991;
pub(crate) const DNS_UID: u32 = 992;

pub(crate) struct World {
    pub(crate) fleet: Fleet,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) spine: Spine,
    pub(crate) platform: TenantId,
    pub(crate) customer: TenantId,
}

impl World {
    pub(crate) async fn new() -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            tenants::TABLES,
            MIGRATIONS,
        ];
        let spine = testing::spine(&modules).await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let Tenants { platform, customer } = Tenants::plant(spine.db()).await;
        let fleet = open(&spine, &clock, platform).await;
        Self {
            fleet,
            clock,
            spine,
            platform,
            customer,
        }
    }

    pub(crate) fn directory(&self) -> Directory {
        let allowed = AllowedPeers::from([(Role::Edge, vec![EDGE_UID]), (Role::Dns, vec![DNS_UID])]);
        Directory::new(self.fleet.clone(), allowed)
    }

    /// The platform's log, oldest first.
    pub(crate) async fn audit(&self) -> Vec<AuditEntry> {
        let mut tx = self.spine.db().tenant(self.platform).await.unwrap();
        let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
            .await
            .unwrap();
        let mut entries = page.items;
        entries.reverse();
        entries
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        let mut tx = self.spine.db().platform(Reason::Administer("test")).await.unwrap();
        sqlx::query_scalar(query).fetch_one(tx.conn()).await.unwrap()
    }
}

pub(crate) async fn open(spine: &Spine, clock: &Arc<ManualClock>, platform: TenantId) -> Fleet {
    let addresses = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    Fleet::open(
        spine.clone(),
        clock.clone(),
        ServedBoard::default(),
        platform,
        addresses,
    )
    .await
    .unwrap()
}

pub(crate) fn new_key() -> NodeKeyPair {
    let folder = tempfile::tempdir().unwrap();
    NodeKeyPair::load_or_create(&folder.path().join("node.key")).unwrap()
}

pub(crate) fn hello(role: Role, key: Option<&NodeKeyPair>) -> Hello {
    Hello {
        protocol: PROTOCOL,
        role,
        process: role.as_str().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        position: None,
        topics: Vec::new(),
        public_key: key.map(|pair| pair.public().to_string()),
    }
}
