//! What the log tells of people beside their ids.

use std::net::{IpAddr, Ipv4Addr};

use mpanel_authz::{Device, OpCx};
use mpanel_kernel::ids::{AuditId, TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Tx};
use serde_json::json;

use super::support::Fixture;
use crate::{
    AuditDetails, AuditEntry, AuditFilter, Extent, Opened, Origin, Record, audit_entry, erase_person, list_audit,
    tenants_that_know,
};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77));

fn by_browser(cx: OpCx) -> OpCx {
    cx.by_device(Device {
        user_agent: "Firefox on\r\na train".to_owned(),
        credential: Some("ses_1".to_owned()),
    })
}

fn origin() -> Origin {
    Origin {
        address: None,
        user_agent: Some("Firefox ona train".to_owned()),
        credential: Some("ses_1".to_owned()),
    }
}

async fn invite(fixture: &Fixture, cx: &OpCx, person: UserId) -> AuditEntry {
    let mut change = fixture.spine.begin(cx).await.unwrap();
    let facts = json!({"user": person});
    let record = Record::new("test.member.added.v1", person, facts.clone()).after(facts);
    let record = record.personal(person, json!({"email": "anna@example.org", "name": "Anna"}));
    change.record(record).await.unwrap();
    change.commit().await.unwrap();
    newest(fixture).await
}

async fn newest(fixture: &Fixture) -> AuditEntry {
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
        .await
        .unwrap();
    page.items.into_iter().next().unwrap()
}

async fn details(fixture: &Fixture, id: AuditId) -> AuditDetails {
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let entry = audit_entry(&mut tx, id).await.unwrap().unwrap();
    entry.details(&mut tx, fixture.spine.vault()).await.unwrap()
}

async fn erase(fixture: &Fixture, tenant: TenantId, person: UserId, extent: Extent<'_>) -> u64 {
    let cx = OpCx::system("test", tenant, fixture.clock.clone());
    let mut change = fixture.spine.begin(&cx).await.unwrap();
    let keys = erase_person(&mut change, person, extent).await.unwrap().keys;
    if keys > 0 {
        change.commit().await.unwrap();
    }
    keys
}

#[tokio::test]
async fn v16_2_1_an_entry_says_from_where_and_by_what_credential() {
    let fixture = Fixture::new().await;
    let entry = invite(&fixture, &by_browser(fixture.cx()), UserId::generate()).await;
    assert!(entry.has_details);
    let found = details(&fixture, entry.id).await;
    assert_eq!(found.origin, Some(Opened::Known(origin())));
    let cx = fixture.cx_at(ADDRESS);
    let entry = invite(&fixture, &cx, UserId::generate()).await;
    let Some(Opened::Known(seen)) = details(&fixture, entry.id).await.origin else {
        panic!("the address is not known")
    };
    assert_eq!(seen.address, Some(ADDRESS));
}

#[tokio::test]
async fn a_token_is_the_credential_of_what_programs_do() {
    let fixture = Fixture::new().await;
    let cx = fixture.cx_by_token();
    let entry = invite(&fixture, &cx, UserId::generate()).await;
    let Some(Opened::Known(seen)) = details(&fixture, entry.id).await.origin else {
        panic!("the token is not known")
    };
    assert_eq!(seen.credential, Some(cx.actor().reference()));
}

#[tokio::test]
async fn personal_facts_are_sealed_and_stand_nowhere_else() {
    let fixture = Fixture::new().await;
    let person = UserId::generate();
    let entry = invite(&fixture, &by_browser(fixture.cx_at(ADDRESS)), person).await;
    let facts = json!({"email": "anna@example.org", "name": "Anna"});
    assert_eq!(
        details(&fixture, entry.id).await.facts,
        Some((person, Opened::Known(facts)))
    );
    for secret in ["anna@", "Anna", "192.0.2.77", "Firefox", "ses_1"] {
        let text = String::from_utf8(entry.bytes.clone()).unwrap();
        assert!(!text.contains(secret), "{secret} in {text}");
        let mut tx = fixture.db().spine().await.unwrap();
        let leaks: i64 =
            sqlx::query_scalar("select count(*) from spine.outbox where value::text like '%' || $1 || '%'")
                .bind(secret)
                .fetch_one(tx.conn())
                .await
                .unwrap();
        assert_eq!(leaks, 0, "{secret} in the outbox");
    }
}

#[tokio::test]
async fn who_is_erased_stays_by_id_alone_and_everybody_else_as_they_were() {
    let fixture = Fixture::new().await;
    let (cx, person) = (by_browser(fixture.cx()), UserId::generate());
    let actor = cx.actor().user().unwrap();
    let entry = invite(&fixture, &cx, person).await;
    assert_eq!(erase(&fixture, fixture.tenant, person, Extent::Tenant).await, 1);
    let found = details(&fixture, entry.id).await;
    assert_eq!(found.facts, Some((person, Opened::Erased)));
    assert_eq!(found.origin, Some(Opened::Known(origin())));
    let line = newest(&fixture).await;
    assert_eq!(
        (line.action.as_str(), line.subject.clone()),
        ("spine.person.erased", person.to_string())
    );
    assert_eq!(
        erase(&fixture, fixture.tenant, person, Extent::Tenant).await,
        0,
        "once is enough"
    );

    assert_eq!(erase(&fixture, fixture.tenant, actor, Extent::Tenant).await, 1);
    let found = details(&fixture, entry.id).await;
    assert_eq!(found.origin, Some(Opened::Erased));
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let same = audit_entry(&mut tx, entry.id).await.unwrap().unwrap();
    assert_eq!(same.bytes, entry.bytes, "no row changes");
    assert_eq!(same.actor, actor.to_string());
}

#[tokio::test]
async fn what_somebody_does_after_their_erasure_is_known_again_and_the_past_is_not() {
    let fixture = Fixture::new().await;
    let cx = by_browser(fixture.cx());
    let before = invite(&fixture, &cx, UserId::generate()).await;
    erase(&fixture, fixture.tenant, cx.actor().user().unwrap(), Extent::Tenant).await;
    let after = invite(&fixture, &cx, UserId::generate()).await;
    assert_eq!(details(&fixture, before.id).await.origin, Some(Opened::Erased));
    assert_eq!(details(&fixture, after.id).await.origin, Some(Opened::Known(origin())));
}

#[tokio::test]
async fn an_erasure_reaches_the_own_tenant_or_all_of_them() {
    let fixture = Fixture::new().await;
    let (person, elsewhere) = (UserId::generate(), TenantId::generate());
    let seal = async |tenant| {
        let mut tx = fixture.db().tenant(tenant).await.unwrap();
        fixture.spine.vault().person(&mut tx, person).await.unwrap();
        tx.commit().await.unwrap();
    };
    let known = async |tenant| {
        let mut tx = fixture.db().tenant(tenant).await.unwrap();
        let sealer = fixture.spine.vault().known_person(&mut tx, person).await.unwrap();
        sealer.is_some()
    };
    seal(fixture.tenant).await;
    seal(elsewhere).await;
    assert_eq!(erase(&fixture, fixture.tenant, person, Extent::Tenant).await, 1);
    assert_eq!((known(fixture.tenant).await, known(elsewhere).await), (false, true));
    seal(fixture.tenant).await;
    let knowing = tenants_that_know(fixture.db(), person).await.unwrap();
    let everywhere = Extent::Everywhere(&knowing);
    assert_eq!(erase(&fixture, fixture.tenant, person, everywhere).await, 2);
    assert_eq!(
        newest(&fixture).await.subject,
        person.to_string(),
        "in the log of who did it"
    );
    assert_eq!((known(fixture.tenant).await, known(elsewhere).await), (false, false));
}

#[tokio::test]
async fn a_sealed_part_opens_in_its_own_entry_and_tenant_alone() {
    let fixture = Fixture::new().await;
    let (cx, person) = (by_browser(fixture.cx()), UserId::generate());
    let (first, second) = (invite(&fixture, &cx, person).await, invite(&fixture, &cx, person).await);
    let mut moved = second.clone();
    moved.bytes = first.bytes.clone();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    assert!(moved.details(&mut tx, fixture.spine.vault()).await.is_err());
    let mut other = fixture.db().tenant(TenantId::generate()).await.unwrap();
    let found = first.details(&mut other, fixture.spine.vault()).await.unwrap();
    assert_eq!(
        found.origin,
        Some(Opened::Erased),
        "other tenants have no key of that person"
    );
}

#[tokio::test]
async fn tenants_transactions_neither_see_others_keys_nor_remove_their_own() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    fixture.spine.vault().person(&mut tx, UserId::generate()).await.unwrap();
    tx.commit().await.unwrap();
    let mut other = fixture.db().tenant(TenantId::generate()).await.unwrap();
    let seen: i64 = sqlx::query_scalar("select count(*) from spine.person_keys")
        .fetch_one(other.conn())
        .await
        .unwrap();
    assert_eq!(seen, 0);
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let refused = sqlx::query("delete from spine.person_keys").execute(tx.conn()).await;
    assert!(refused.unwrap_err().to_string().contains("permission denied"));
    let mut all = fixture.db().platform(Reason::Administer("test")).await.unwrap();
    let keys: i64 = sqlx::query_scalar("select count(*) from spine.person_keys")
        .fetch_one(all.conn())
        .await
        .unwrap();
    assert_eq!(keys, 1);
}

/// With a tenant's transaction in hand, whatever is sent to the database stays in that tenant.
#[tokio::test]
async fn who_serves_a_tenant_cannot_erase_in_others() {
    let fixture = Fixture::new().await;
    let (person, elsewhere) = (UserId::generate(), TenantId::generate());
    let mut tx = fixture.db().tenant(elsewhere).await.unwrap();
    fixture.spine.vault().person(&mut tx, person).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let here: i64 = sqlx::query_scalar("select spine.forget_person($1)")
        .bind(person.uuid())
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(here, 0);
    let everywhere = sqlx::query("select spine.erase_person($1, true)").bind(person.uuid());
    let refused = everywhere.execute(tx.conn()).await.unwrap_err();
    let code = refused.as_database_error().and_then(|error| error.code()).unwrap();
    assert_eq!(code, "42501", "{refused}");
}
