//! Archives of tenants: what is in one, who may have it, and when it goes.

mod downloads;
mod limits;
mod rights;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use jiff::civil::date;
use mpanel_authz::{OpCx, Role, TenantKind};
use mpanel_events::Tail;
use mpanel_jobs::{Operation, Runtime, Tuning};
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_pg::Reason;
use mpanel_telemetry::spawn_named;
use mpanel_tenancy_contract::{
    EntitlementKey, ExportError, ExportScope, Exporter, Memberships as _, Metering as _, Month,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::task::AbortOnDropHandle;

use super::support::World;
use crate::domain::Tenant;
use crate::export::{Export, Own};
use crate::service::{AskedExport, CreateRole, ExportShown};

/// For how long the tests' archives are kept.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(168);

/// Another context: it has one file of each tenant, and one that is always gone when it is asked for.
struct Other;

#[async_trait]
impl Exporter for Other {
    fn name(&self) -> &'static str {
        "other"
    }

    async fn list(&self, _tenant: TenantId, scope: ExportScope) -> Result<Vec<String>, ExportError> {
        let all = scope.all_releases.then(|| "other/all".to_owned());
        Ok(["other/file".to_owned(), "other/gone".to_owned()]
            .into_iter()
            .chain(all)
            .collect())
    }

    async fn write(&self, tenant: TenantId, path: &str, mut into: File, _most: u64) -> Result<(), ExportError> {
        match path {
            "other/gone" => Err(ExportError::Gone),
            _ => Ok(write!(into, "{path} of {tenant}")?),
        }
    }
}

fn export_with(world: &World, other: Arc<dyn Exporter>) -> Export {
    let own = Own {
        tenancy: world.tenancy.clone(),
        accounts: world.accounts.clone(),
    };
    let exports = &world.service.exports;
    Export {
        tenancy: world.tenancy.clone(),
        files: exports.files.clone(),
        exporters: vec![Arc::new(own) as Arc<dyn Exporter>, other].into(),
        installation: "panel.example".to_owned(),
        max_bytes: exports.limits.max_bytes,
    }
}

pub(super) fn operation(world: &World) -> Arc<dyn Operation> {
    Arc::new(export_with(world, Arc::new(Other)))
}

/// What is asked for from above, or of those below.
fn because(below: bool) -> AskedExport {
    AskedExport {
        below,
        all_releases: false,
        reason: Some("They move elsewhere".to_owned()),
    }
}

/// All files of the folder of archives, by their path in it.
pub(super) fn on_disk(world: &World) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let root = &world.exports;
    let Ok(folders) = std::fs::read_dir(root) else {
        return found;
    };
    for folder in folders {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            found.insert(path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), path);
        }
    }
    found
}

/// Two customers of the platform, and a process that makes their archives.
struct Setting {
    world: World,
    customer: Tenant,
    sibling: Tenant,
    _runtime: AbortOnDropHandle<()>,
}

impl Setting {
    async fn new() -> Self {
        Self::with(Arc::new(Other)).await
    }

    async fn with(other: Arc<dyn Exporter>) -> Self {
        let world = World::new().await;
        let (customer, sibling) = (world.customer("Ada's Shop").await, world.customer("Sibling").await);
        let runtime = Runtime {
            spine: world.spine.clone(),
            tail: Tail::default(),
            clock: world.clock.clone(),
            operations: vec![Arc::new(export_with(&world, other))],
            reconcilers: Vec::new(),
            jobs: Vec::new(),
            tuning: Tuning {
                poll: std::time::Duration::from_millis(10),
                ..Tuning::default()
            },
        };
        Self {
            _runtime: AbortOnDropHandle::new(spawn_named("runtime", runtime.run())),
            world,
            customer,
            sibling,
        }
    }

    async fn joins(&self, tenant: TenantId, email: &str) {
        let user = self.world.accounts.activate(email);
        let mut tx = self.world.tenant_tx(tenant).await;
        let role = Role::Owner.into();
        self.world
            .tenancy
            .join(&mut tx, user, role, self.world.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Makes an archive, whatever comes of it.
    async fn made(&self, cx: &OpCx, tenant: TenantId, asked: AskedExport) -> ExportShown {
        let service = &self.world.service;
        let begun = service.create_export(cx, tenant, asked).await.unwrap();
        loop {
            let export = service.get_export(cx, (tenant, begun.operation.id)).await.unwrap();
            if export.state != "running" {
                return export;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Makes one of a tenant for its owner.
    async fn own(&self, tenant: &Tenant) -> ExportShown {
        let cx = self.world.owner(tenant);
        self.made(&cx, tenant.id, AskedExport::default()).await
    }

    async fn files(&self, cx: &OpCx, tenant: TenantId, export: OperationId) -> BTreeMap<String, Vec<u8>> {
        let found = self.world.service.open_export(cx, (tenant, export)).await;
        unpacked(found.unwrap().archive.file)
    }

    /// The actions about archives in a tenant's log, oldest first.
    async fn logged(&self, tenant: TenantId) -> Vec<String> {
        let log = self.world.audit(tenant).await.into_iter();
        let actions = log.map(|entry| entry.action);
        actions.filter(|action| action.contains("export")).collect()
    }
}

fn unpacked(file: File) -> BTreeMap<String, Vec<u8>> {
    let mut tar = tar::Archive::new(zstd::Decoder::new(file).unwrap());
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_string_lossy().into_owned(), content)
    });
    entries.collect()
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_has_everything_of_the_tenant_and_nothing_of_another() {
    let setting = Setting::new().await;
    let (world, customer) = (&setting.world, &setting.customer);
    setting.joins(customer.id, "ada@example.com").await;
    setting.joins(customer.id, "grace@example.com").await;
    setting.joins(setting.sibling.id, "eve@example.com").await;
    let owner = world.owner(customer);
    let role = CreateRole {
        name: "Writers".to_owned(),
        description: String::new(),
        permissions: vec!["tenancy.tenant:read".to_owned()],
        reaches_descendants: false,
    };
    world.service.create_role(&owner, role).await.unwrap();
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    let (month, used) = (Month::of_day(date(2026, 12, 3)), [(customer.id, 4096)]);
    let traffic = EntitlementKey::TrafficBytesMonth;
    let now = world.now();
    world.tenancy.record(&mut tx, traffic, month, &used, now).await.unwrap();
    tx.commit().await.unwrap();

    let export = setting.own(customer).await;
    assert_eq!((export.state, export.operation.error.as_ref()), ("ready", None));
    assert_eq!(export.expires_at, Some(export.operation.finished_at.unwrap() + KEPT));

    let files = setting.files(&owner, customer.id, export.operation.id).await;
    let folder = format!("tenants/{}", customer.id);
    let names: Vec<String> = files.keys().map(|name| name.replace(&folder, "T")).collect();
    let expected = [
        "SHA256SUMS",
        "end.json",
        "manifest.json",
        "T/members.json",
        "T/other/file",
        "T/plans.json",
        "T/roles.json",
        "T/tenant.json",
        "T/usage.json",
    ];
    assert_eq!(names, expected);
    let of = |name: &str| parsed(&files[&format!("{folder}/{name}")]);
    let manifest = parsed(&files["manifest.json"]);
    assert_eq!(
        (&manifest["installation"], &manifest["files"]),
        (&json!("panel.example"), &json!(6))
    );
    assert_eq!(manifest["tenants"], json!([customer.id]));
    let sums = String::from_utf8_lossy(&files["SHA256SUMS"]);
    for (name, content) in files.iter().filter(|(name, _)| name.starts_with(&folder)) {
        assert!(sums.contains(&format!("{}  {name}\n", sha256(content))), "{name}");
    }
    let mut emails: Vec<String> = of("members.json")
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["email"].as_str().unwrap().to_owned())
        .collect();
    emails.sort_unstable();
    assert_eq!(emails, ["ada@example.com", "grace@example.com"]);
    assert_eq!(of("roles.json")[0]["name"], "Writers");
    let months = json!([{"key": "traffic_bytes_month", "month": "2026-12", "used": 4096}]);
    assert_eq!(of("usage.json")["months"], months);
    assert_eq!(of("tenant.json")["name"], "Ada's Shop");
    let all = files.values().flatten().copied().collect::<Vec<u8>>();
    let text = String::from_utf8_lossy(&all);
    assert!(!text.contains(&setting.sibling.id.to_string()) && !text.contains("eve@"));
    for path in on_disk(world).values() {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_below_come_along_when_asked_unless_they_want_to_be_asked_first_and_read_why() {
    let setting = Setting::new().await;
    let world = &setting.world;
    let reseller = world.reseller("Reseller").await;
    let cx = world.owner(&reseller);
    let open = world.child(&cx, TenantKind::Customer, "Open", None).await;
    let shy = world.child(&cx, TenantKind::Customer, "Shy", None).await;
    let shy_cx = world.owner(&shy);
    world
        .service
        .set_support_settings(&shy_cx, shy.id, true, None)
        .await
        .unwrap();
    let asked = AskedExport {
        all_releases: true,
        ..because(true)
    };
    let export = setting.made(&cx, reseller.id, asked).await;
    let files = setting.files(&cx, reseller.id, export.operation.id).await;
    let has = |tenant: &Tenant| files.contains_key(&format!("tenants/{}/other/all", tenant.id));
    assert_eq!((has(&reseller), has(&open), has(&shy)), (true, true, false));

    let log = world.audit(open.id).await;
    let told: Vec<_> = log
        .iter()
        .filter(|entry| entry.action == "tenancy.export.included")
        .collect();
    let [told] = told[..] else { panic!("{told:?}") };
    assert_eq!(told.after.as_ref().unwrap()["reason"], "They move elsewhere");
    assert_eq!(
        (told.assumed_from, told.actor.as_str()),
        (Some(reseller.id), &*cx.actor().reference())
    );
    assert_eq!(setting.logged(shy.id).await, Vec::<String>::new());
}
