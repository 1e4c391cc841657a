//! What the gate refuses to somebody whom it knows is written down in the log of their home.

use http::{Method, StatusCode};
use mpanel_authz::{Role, TenantKind};
use mpanel_events::{AuditFilter, Opened, Outcome, audit_entry, list_audit};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;

use super::support::World;

impl World {
    /// The lines about refusals in a tenant's log: subject and code.
    async fn refusals(&self, tenant: TenantId) -> Vec<(String, String)> {
        let mut tx = self.spine.db().tenant(tenant).await.unwrap();
        let filter = AuditFilter {
            outcome: Some(Outcome::Refused),
            ..AuditFilter::default()
        };
        let log = list_audit(&mut tx, &filter, PageRequest::default()).await.unwrap();
        let told = log.items.into_iter().map(|line| {
            let code = line.after.unwrap()["code"].as_str().unwrap().to_owned();
            (line.subject, code)
        });
        told.collect()
    }
}

#[tokio::test]
async fn v16_3_2_attempts_on_others_tenants_are_written_down_at_home_and_nowhere_else() {
    let world = World::new().await;
    let owner = world.owner().await;
    let home = world.customer(&owner, "home").await;
    let other = world.customer(&owner, "other").await;
    let person = world.member(&owner, home, "anna@example.org", Role::Owner).await;
    let request = world.request(Method::GET, "/probe").session(&person);
    let answer = request.tenant(&other.to_string()).send().await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let expected = (other.to_string(), "request.tenant_not_found".to_owned());
    assert_eq!(world.refusals(home).await, [expected]);
    assert_eq!(
        world.refusals(other).await,
        [],
        "whom it was tried on learns of no ids of others"
    );
}

#[tokio::test]
async fn v16_3_2_changes_that_are_refused_at_the_gate_are_written_down_and_looks_are_not() {
    let world = World::new().await;
    let owner = world.owner().await;
    let seller = world.tenant(&owner, None, TenantKind::Reseller, "seller").await;
    let customer = world
        .tenant(&owner, Some(seller), TenantKind::Customer, "customer")
        .await;
    let person = world.member(&owner, seller, "sam@example.org", Role::Owner).await;
    for method in [Method::GET, Method::POST] {
        let request = world.request(method, "/probe").session(&person).same_origin();
        let answer = request.tenant(&customer.to_string()).send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    }
    let expected = (customer.to_string(), "tenancy.assumption.required".to_owned());
    assert_eq!(world.refusals(seller).await, [expected]);
}

#[tokio::test]
async fn v16_2_1_a_line_says_from_where_by_which_device_and_session() {
    let world = World::new().await;
    let owner = world.owner().await;
    let home = world.customer(&owner, "home").await;
    let person = world.member(&owner, home, "anna@example.org", Role::Owner).await;
    let request = world.request(Method::GET, "/probe").session(&person);
    let request = request.field("user-agent", "Firefox");
    request.tenant(&TenantId::generate().to_string()).send().await;
    let mut tx = world.spine.db().tenant(home).await.unwrap();
    let log = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
        .await
        .unwrap();
    let line = audit_entry(&mut tx, log.items[0].id).await.unwrap().unwrap();
    let details = line.details(&mut tx, world.spine.vault()).await.unwrap();
    let Some(Opened::Known(origin)) = details.origin else {
        panic!("{details:?}")
    };
    assert_eq!(origin.user_agent.as_deref(), Some("Firefox"));
    assert_eq!(origin.address, Some("127.0.0.1".parse().unwrap()));
    assert!(origin.credential.unwrap().starts_with("ses_"));
}
