use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Tx};
use serde_json::json;

use super::support::{Fixture, created};
use crate::{AuditFilter, Record, list_audit};

async fn record(fixture: &Fixture, record: Record) {
    let mut change = fixture.spine.begin(&fixture.cx()).await.unwrap();
    change.record(record).await.unwrap();
    change.commit().await.unwrap();
}

#[tokio::test]
async fn a_change_leaves_who_did_what_to_what_and_the_event_alike() {
    let fixture = Fixture::new().await;
    let cx = fixture.cx();
    let mut change = fixture.spine.begin(&cx).await.unwrap();
    let renamed = Record::new("test.thing.renamed.v2", "thing_1", json!({"name": "b"}));
    change
        .record(renamed.before(json!({"name": "a"})).after(json!({"name": "b"})))
        .await
        .unwrap();
    change.commit().await.unwrap();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
        .await
        .unwrap();
    let [entry] = &page.items[..] else { panic!("{page:?}") };
    assert_eq!(
        (entry.action.as_str(), entry.subject.as_str()),
        ("test.thing.renamed", "thing_1")
    );
    assert_eq!(
        (&entry.actor, entry.request_id),
        (&cx.actor().reference(), cx.request_id())
    );
    assert_eq!(
        (&entry.before, &entry.after),
        (&Some(json!({"name": "a"})), &Some(json!({"name": "b"})))
    );
    drop(tx);
    fixture.settle().await;
    let mut begin = crate::tail::position(fixture.db()).await.unwrap().0;
    begin.seq = 0;
    let events = crate::events_after(fixture.db(), fixture.tenant, &begin, 10)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (events[0].topic.as_str(), events[0].key.as_str()),
        ("test.thing.renamed.v2", "thing_1")
    );
}

#[tokio::test]
async fn v16_4_2_nobody_changes_or_removes_an_entry() {
    let fixture = Fixture::new().await;
    record(&fixture, created("thing_1")).await;
    for statement in [
        "update spine.audit set actor = 'nobody'",
        "delete from spine.audit",
        "truncate spine.audit",
    ] {
        let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
        let refused = sqlx::query(statement).execute(tx.conn()).await.unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{statement}: {refused}"
        );
        let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
        let refused = sqlx::query(statement).execute(tx.conn()).await.unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{statement}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_tenant_sees_and_writes_its_own_entries_only() {
    let fixture = Fixture::new().await;
    record(&fixture, created("thing_1")).await;
    let other = TenantId::generate();
    let mut tx = fixture.db().tenant(other).await.unwrap();
    let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
        .await
        .unwrap();
    assert!(page.items.is_empty());
    let seen: i64 = sqlx::query_scalar("select count(*) from spine.audit")
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(seen, 0, "not even without a condition");
    let forged = sqlx::query(
        "insert into spine.audit (tenant_id, id, at, actor, action, subject, request_id, entry)
         values ($1, gen_random_uuid(), now(), 'x', 'x', 'x', gen_random_uuid(), '')",
    )
    .bind(fixture.tenant.uuid())
    .execute(tx.conn())
    .await;
    assert!(forged.unwrap_err().to_string().contains("row-level security"));
}

#[tokio::test]
async fn entries_are_found_by_subject_actor_and_action_in_pages() {
    let fixture = Fixture::new().await;
    for n in 0..5 {
        record(&fixture, created(&format!("thing_{n}"))).await;
    }
    record(&fixture, Record::new("test.thing.deleted.v1", "thing_3", json!({}))).await;
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let actor = fixture.cx().actor().reference();
    let filters = [
        (
            AuditFilter {
                subject: Some("thing_3".into()),
                ..AuditFilter::default()
            },
            2,
        ),
        (
            AuditFilter {
                action: Some("test.thing.created".into()),
                ..AuditFilter::default()
            },
            5,
        ),
        (
            AuditFilter {
                actor: Some(actor),
                ..AuditFilter::default()
            },
            6,
        ),
        (
            AuditFilter {
                actor: Some("usr_nobody".into()),
                ..AuditFilter::default()
            },
            0,
        ),
    ];
    for (filter, expected) in filters {
        let page = list_audit(&mut tx, &filter, PageRequest::default()).await.unwrap();
        assert_eq!(page.items.len(), expected, "{filter:?}");
    }
    let mut subjects = Vec::new();
    let mut page = PageRequest { limit: 4, after: None };
    loop {
        let found = list_audit(&mut tx, &AuditFilter::default(), page).await.unwrap();
        subjects.extend(found.items.iter().map(|entry| entry.subject.clone()));
        let Some(cursor) = found.next_cursor else { break };
        page = PageRequest::parse(Some(4), Some(&cursor)).unwrap();
    }
    assert_eq!(
        subjects,
        ["thing_3", "thing_4", "thing_3", "thing_2", "thing_1", "thing_0"]
    );
}

#[tokio::test]
async fn without_a_tenant_the_log_cannot_even_be_asked() {
    let fixture = Fixture::new().await;
    record(&fixture, created("thing_1")).await;
    let mut connection = fixture.db().pool().acquire().await.unwrap();
    let refused = sqlx::raw_sql("begin; set local role mpanel_app; select count(*) from spine.audit")
        .execute(&mut *connection)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("mpanel.tenant") || refused.contains("type uuid"),
        "{refused}"
    );
}

#[tokio::test]
async fn v16_4_1_what_a_stranger_wrote_stays_in_its_line() {
    let fixture = Fixture::new().await;
    let forged = "x\n{\"action\":\"test.thing.deleted\"}\r\n\u{1b}[2K\u{2028}";
    let happened = Record::new("test.thing.renamed.v1", "thing_1", json!({}));
    record(&fixture, happened.after(json!({ "name": forged }))).await;
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
        .await
        .unwrap();
    let [entry] = &page.items[..] else { panic!("{page:?}") };
    assert!(
        !entry.bytes.iter().any(u8::is_ascii_control),
        "one line of plain characters"
    );
    assert_eq!(entry.after, Some(json!({ "name": forged })), "and nothing is lost");
}
