//! Who may have an archive.

use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use mpanel_authz::{Actor, CustomRole, OpCx, OpCxParts, Rights, Role, Scopes, TenantKind};
use mpanel_jobs::{Operation as _, StepCx};
use mpanel_kernel::error::PublicError as _;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter};
use serde_json::json;

use super::{Setting, because, export_with, on_disk, parsed, unpacked};
use crate::domain::Limits;
use crate::error::Error;
use crate::export::EXPORT;
use crate::service::{AskedExport, CreateRole, Move, Service};
use crate::tests::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_there_for_those_who_may_have_it_and_as_good_as_not_there_for_others() {
    let setting = Setting::new().await;
    let (world, customer) = (&setting.world, &setting.customer);
    let export = setting.own(customer).await;
    let at = (customer.id, export.operation.id);
    let stranger = world.owner(&setting.sibling);
    let service = &world.service;
    let borrowed = (setting.sibling.id, export.operation.id);
    for place in [at, borrowed] {
        assert!(matches!(
            service.get_export(&stranger, place).await,
            Err(Error::NotFound)
        ));
        assert!(matches!(
            service.open_export(&stranger, place).await,
            Err(Error::NotFound)
        ));
        assert!(matches!(
            service.delete_export(&stranger, place).await,
            Err(Error::NotFound)
        ));
    }
    let asked = AskedExport::default();
    let refused = service.create_export(&stranger, customer.id, asked.clone()).await;
    assert!(matches!(refused, Err(Error::NotFound)));
    for role in [Role::Developer, Role::Viewer] {
        let cx = world.cx(customer.id, customer.kind, role);
        assert!(matches!(service.open_export(&cx, at).await, Err(Error::Denied(_))));
        let refused = service.create_export(&cx, customer.id, asked.clone()).await;
        assert!(matches!(refused, Err(Error::Denied(_))));
    }
    let own = world.owner(customer);
    let page = service.list_exports(&own, customer.id, PageRequest::default()).await;
    assert_eq!(page.unwrap().items.len(), 1);
    service.note_download(&own, at, (0, 99)).await.unwrap();
    service.delete_export(&own, at).await.unwrap();
    assert_eq!(service.get_export(&own, at).await.unwrap().state, "removed");
    // Once more takes nothing and says nothing.
    service.delete_export(&own, at).await.unwrap();
    assert!(on_disk(world).is_empty());
    let expected = [
        "tenancy.export.asked",
        "tenancy.export.downloaded",
        "tenancy.export.removed",
    ];
    assert_eq!(setting.logged(customer.id).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_above_it_takes_a_reason_that_stands_in_both_logs_and_only_the_own_is_downloaded() {
    let setting = Setting::new().await;
    let (world, customer, root) = (&setting.world, &setting.customer, setting.world.root());
    let service = &world.service;
    let unasked = service
        .create_export(&root, customer.id, AskedExport::default())
        .await
        .unwrap_err();
    assert_eq!(unasked.fields()[0].pointer, "/reason");
    let theirs = setting.own(customer).await;
    let at = (customer.id, theirs.operation.id);
    assert!(matches!(
        service.open_export(&root, at).await,
        Err(Error::ExportOfOthers)
    ));

    let export = setting.made(&root, customer.id, because(false)).await;
    let at = (customer.id, export.operation.id);
    service.open_export(&root, at).await.unwrap();
    service.note_download(&root, at, (0, 1)).await.unwrap();
    let colleague = OpCx::new(OpCxParts {
        actor: Actor::User(UserId::generate()),
        ..world.parts(root.tenant(), TenantKind::Platform, Role::Admin)
    });
    assert!(matches!(
        service.open_export(&colleague, at).await,
        Err(Error::ExportOfOthers)
    ));
    service.delete_export(&root, at).await.unwrap();
    for tenant in [customer.id, root.tenant()] {
        let log = world.audit(tenant).await;
        let of_it: Vec<_> = log
            .iter()
            .filter(|entry| entry.subject == export.operation.id.to_string() && entry.action.contains("export"))
            .collect();
        let actions: Vec<&str> = of_it.iter().map(|entry| &*entry.action).collect();
        let expected = [
            "tenancy.export.asked",
            "tenancy.export.downloaded",
            "tenancy.export.removed",
        ];
        assert_eq!(actions, expected, "{tenant}");
        assert_eq!(of_it[0].after.as_ref().unwrap()["reason"], "They move elsewhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_tenants_below_is_for_those_who_reach_there() {
    let setting = Setting::new().await;
    let world = &setting.world;
    let reseller = world.reseller("Reseller").await;
    let owner = world.owner(&reseller);
    let customer = world.child(&owner, TenantKind::Customer, "Customer", None).await;
    let role = CreateRole {
        name: "Archivists".to_owned(),
        description: String::new(),
        permissions: ["list", "read", "create"]
            .map(|action| format!("tenancy.export:{action}"))
            .to_vec(),
        reaches_descendants: false,
    };
    let role = world.service.create_role(&owner, role).await.unwrap();
    let archivist = OpCx::new(OpCxParts {
        role: Rights::Custom(CustomRole::from(&role).into()),
        ..world.parts(reseller.id, reseller.kind, Role::Viewer)
    });
    let token = OpCx::new(OpCxParts {
        scopes: Some(Scopes::stored(vec!["*".to_owned()])),
        ..world.parts(reseller.id, reseller.kind, Role::Owner)
    });
    let service = &world.service;
    for cx in [&archivist, &token] {
        let refused = service.create_export(cx, reseller.id, because(true)).await;
        assert!(matches!(refused, Err(Error::NoReach)), "{refused:?}");
    }
    let refused = service.create_export(&token, customer.id, because(false)).await;
    assert!(matches!(refused, Err(Error::NoReach)), "{refused:?}");

    let with_below = setting.made(&owner, reseller.id, because(true)).await;
    let at = (reseller.id, with_below.operation.id);
    for cx in [&archivist, &token] {
        assert!(matches!(service.open_export(cx, at).await, Err(Error::NoReach)));
    }
    let alone = setting.made(&archivist, reseller.id, AskedExport::default()).await;
    service
        .open_export(&archivist, (reseller.id, alone.operation.id))
        .await
        .unwrap();
}

#[tokio::test]
async fn of_a_tenant_that_wants_to_be_asked_first_nobody_above_has_an_archive() {
    let world = World::new().await;
    let customer = world.customer("Shy").await;
    let own = world.owner(&customer);
    let service = &world.service;
    service
        .set_support_settings(&own, customer.id, true, None)
        .await
        .unwrap();
    let refused = service.create_export(&world.root(), customer.id, because(false)).await;
    assert!(matches!(refused, Err(Error::ConsentRequired)), "{refused:?}");
    let begun = service.create_export(&own, customer.id, AskedExport::default()).await;
    let at = (customer.id, begun.unwrap().operation.id);
    let refused = service.open_export(&world.root(), at).await;
    assert!(matches!(refused, Err(Error::ConsentRequired)), "{refused:?}");
}

/// Has a file of each tenant; while the first is written, two of those below are no longer to be had.
struct Meanwhile {
    service: Arc<Service>,
    root: OpCx,
    leaving: TenantId,
    shy: OpCx,
}

#[async_trait]
impl Exporter for Meanwhile {
    fn name(&self) -> &'static str {
        "meanwhile"
    }

    async fn list(&self, _tenant: TenantId, _scope: ExportScope) -> Result<Vec<String>, ExportError> {
        Ok(vec!["meanwhile/file".to_owned()])
    }

    async fn write(&self, tenant: TenantId, _path: &str, _into: File, _most: u64) -> Result<(), ExportError> {
        if tenant == self.leaving || tenant == self.shy.tenant() {
            return Err(ExportError::other("it is asked for what it may not give"));
        }
        let to = Move {
            parent: self.root.tenant(),
            plan: None,
            overrides: Limits::default(),
        };
        self.service.move_tenant(&self.root, self.leaving, to).await.unwrap();
        let shy = self.shy.tenant();
        self.service
            .set_support_settings(&self.shy, shy, true, None)
            .await
            .unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn who_moves_away_or_wants_to_be_asked_while_the_archive_is_made_is_left_out() {
    let world = World::new().await;
    let reseller = world.reseller("Reseller").await;
    let cx = world.owner(&reseller);
    let leaving = world.child(&cx, TenantKind::Customer, "Leaving", None).await;
    let shy = world.child(&cx, TenantKind::Customer, "Shy", None).await;
    let meanwhile = Meanwhile {
        service: world.service.clone(),
        root: world.root(),
        leaving: leaving.id,
        shy: world.owner(&shy),
    };
    let export = export_with(&world, Arc::new(meanwhile));
    let input = json!({"below": true, "all_releases": false, "reason": "a copy"});
    let (spine, clock) = (world.spine.clone(), world.clock.clone());
    let step = StepCx::detached(spine, clock, reseller.id, &EXPORT, reseller.id, input);
    export.run("write", &step).await.unwrap();
    export.run("publish", &step).await.unwrap();
    let at = (reseller.id, step.operation_id());
    let found = unpacked(world.service.exports.files.open(at).await.unwrap().unwrap().file);
    let manifest = parsed(&found["manifest.json"]);
    assert_eq!(manifest["tenants"], json!([reseller.id]));
    for gone in [&leaving, &shy] {
        let folder = format!("tenants/{}", gone.id);
        assert!(!found.keys().any(|path| path.starts_with(&folder)), "{}", gone.name);
        let log = world.audit(gone.id).await;
        assert!(!log.iter().any(|entry| entry.action == "tenancy.export.included"));
    }
}
