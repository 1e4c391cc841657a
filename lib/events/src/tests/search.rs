//! Searches of the log: what they find, and that they need not read it whole.

use jiff::{SignedDuration, Timestamp};
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::ids::{RequestId, TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Ts, Tx};
use serde_json::json;
use sqlx::{Connection, Postgres, QueryBuilder};

use super::support::Fixture;
use crate::audit::search::{push_one, push_several};
use crate::{AuditFilter, Outcome, Record, list_audit, list_audit_of};

/// Writes lines as they would be there after years, one a minute up to `end`.
pub(crate) async fn fill(fixture: &Fixture, tenant: TenantId, lines: i32, end: Timestamp) {
    let mut tx = fixture.db().tenant(tenant).await.unwrap();
    sqlx::query(
        "insert into spine.audit (tenant_id, id, at, actor, person, action, subject, request_id, outcome, entry)
         select $1, id, $3 - (n || ' minutes')::interval, 'usr_' || n % 7, md5((n % 7)::text)::uuid,
                'test.thing' || n % 5 || '.changed', 'thing' || n % 11 || '_' || n % 101, gen_random_uuid(),
                case when n % 97 = 0 then 'refused' else 'done' end,
                convert_to(json_build_object('id', $5, 'at', '2026-01-01T00:00:00Z', 'tenant', $4, 'actor', 'x',
                    'action', 'x', 'subject', 'x', 'request_id', $6)::text, 'utf8')
         from (select n, gen_random_uuid() as id from generate_series(1, $2) n) numbered",
    )
    .bind(tenant.uuid())
    .bind(lines)
    .bind(Ts(end))
    .bind(tenant.to_string())
    .bind(mpanel_kernel::ids::AuditId::generate().to_string())
    .bind(RequestId::generate().to_string())
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

fn filters(at: Timestamp) -> Vec<(&'static str, AuditFilter)> {
    let none = AuditFilter::default();
    let text = |text: &str| Some(text.to_owned());
    vec![
        ("everything", none.clone()),
        (
            "subject",
            AuditFilter {
                subject: text("thing3_4"),
                ..none.clone()
            },
        ),
        (
            "kind",
            AuditFilter {
                kind: text("thing3"),
                ..none.clone()
            },
        ),
        (
            "person",
            AuditFilter {
                actor: Some(UserId::generate().to_string()),
                ..none.clone()
            },
        ),
        (
            "program",
            AuditFilter {
                actor: text("usr_3"),
                ..none.clone()
            },
        ),
        (
            "action",
            AuditFilter {
                action: text("test.thing3"),
                ..none.clone()
            },
        ),
        (
            "one hour",
            AuditFilter {
                since: at.checked_sub(SignedDuration::from_hours(200)).ok(),
                until: at.checked_sub(SignedDuration::from_hours(199)).ok(),
                ..none.clone()
            },
        ),
        (
            "request",
            AuditFilter {
                request: Some(RequestId::generate()),
                ..none.clone()
            },
        ),
        (
            "assumed",
            AuditFilter {
                assumed_from: Some(TenantId::generate()),
                ..none.clone()
            },
        ),
        (
            "refused",
            AuditFilter {
                outcome: Some(Outcome::Refused),
                ..none.clone()
            },
        ),
        (
            "text",
            AuditFilter {
                text: text("g3_4"),
                ..none
            },
        ),
    ]
}

/// The plan of the statement after `explain`, as the role that would run it.
async fn plan(tx: &mut impl Tx, mut explain: QueryBuilder<Postgres>) -> String {
    let lines: Vec<String> = explain.build_query_scalar().fetch_all(tx.conn()).await.unwrap();
    lines.join("\n")
}

async fn analyze(fixture: &Fixture) {
    let mut admin = sqlx::PgConnection::connect_with(&fixture.admin).await.unwrap();
    sqlx::query("analyze spine.audit").execute(&mut admin).await.unwrap();
}

#[tokio::test]
async fn no_search_reads_the_whole_table() {
    let fixture = Fixture::new().await;
    let at = fixture.clock.now();
    let tenants: Vec<TenantId> = (0..20).map(|_| TenantId::generate()).collect();
    for tenant in &tenants {
        fill(&fixture, *tenant, 1500, at).await;
    }
    analyze(&fixture).await;
    let page = PageRequest::default();
    for (name, filter) in filters(at) {
        let mut tx = fixture.db().tenant(tenants[7]).await.unwrap();
        let mut explain = QueryBuilder::new("explain ");
        push_one(&mut explain, tenants[7], &filter, page);
        let own = plan(&mut tx, explain).await;
        assert!(!own.contains("Seq Scan"), "{name}: {own}");
        let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
        let mut explain = QueryBuilder::new("explain ");
        push_several(&mut explain, &tenants[..5], &filter, page);
        let all = plan(&mut tx, explain).await;
        assert!(!all.contains("Seq Scan"), "{name} of several: {all}");
    }
}

/// Rows of the log that the statement reads, as the plan says after it ran.
async fn rows_read(tx: &mut impl Tx, tenants: &[TenantId], page: PageRequest) -> f64 {
    let mut explain = QueryBuilder::new("explain (analyze, timing off) ");
    push_several(&mut explain, tenants, &AuditFilter::default(), page);
    let plan = plan(tx, explain).await;
    let number = |line: &str, name: &str| -> f64 {
        let (_, rest) = line.rsplit_once(name).unwrap();
        let end = rest.find([' ', ')']).unwrap();
        rest[..end].parse().unwrap()
    };
    let scans = plan
        .lines()
        .filter(|line| line.contains(" on audit a") && line.contains("loops="));
    scans.map(|line| number(line, "rows=") * number(line, "loops=")).sum()
}

/// At a hundred thousand tenants, a page of each is what nobody can wait for.
#[tokio::test]
async fn of_tenants_that_are_not_on_the_page_one_line_is_looked_at() {
    let fixture = Fixture::new().await;
    let tenants: Vec<TenantId> = (0..60).map(|_| TenantId::generate()).collect();
    for tenant in &tenants {
        fill(&fixture, *tenant, 20, fixture.clock.now()).await;
    }
    analyze(&fixture).await;
    let page = PageRequest { limit: 4, after: None };
    let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
    let read = rows_read(&mut tx, &tenants, page).await;
    assert!(read <= 60.0 + 25.0 + 5.0, "{read} rows for a page of 4");
}

async fn record(fixture: &Fixture, event: &'static str, subject: &str) -> RequestId {
    let cx = fixture.cx();
    let mut change = fixture.spine.begin(&cx).await.unwrap();
    change.record(Record::new(event, subject, json!({}))).await.unwrap();
    change.commit().await.unwrap();
    fixture.clock.advance(SignedDuration::from_mins(1));
    cx.request_id()
}

#[tokio::test]
async fn lines_are_found_by_each_filter_and_by_all_together() {
    let fixture = Fixture::new().await;
    let start = fixture.clock.now();
    record(&fixture, "test.site.created.v1", "site_1").await;
    let asked = record(&fixture, "test.site.changed.v1", "site_1").await;
    record(&fixture, "test.zone.created.v1", "zone_1").await;
    let refused = Record::new("test.zone.deleted.v1", "zone_1", json!({}));
    fixture.spine.record_refusal(&fixture.cx(), &refused).await.unwrap();
    let all = AuditFilter::default();
    let text = |text: &str| Some(text.to_owned());
    let after = |minutes| Some(start.checked_add(SignedDuration::from_mins(minutes)).unwrap());
    let cases = [
        (
            AuditFilter {
                subject: text("site_1"),
                ..all.clone()
            },
            2,
        ),
        (
            AuditFilter {
                subject: text("site_"),
                ..all.clone()
            },
            0,
        ),
        (
            AuditFilter {
                kind: text("site"),
                ..all.clone()
            },
            2,
        ),
        (
            AuditFilter {
                kind: text("sit"),
                ..all.clone()
            },
            0,
        ),
        (
            AuditFilter {
                action: text("test.site"),
                ..all.clone()
            },
            2,
        ),
        (
            AuditFilter {
                action: text("test.site.changed"),
                ..all.clone()
            },
            1,
        ),
        (
            AuditFilter {
                actor: Some(fixture.cx().actor().reference()),
                ..all.clone()
            },
            4,
        ),
        (
            AuditFilter {
                actor: text("system:test"),
                ..all.clone()
            },
            0,
        ),
        (
            AuditFilter {
                since: after(1),
                ..all.clone()
            },
            3,
        ),
        (
            AuditFilter {
                until: after(1),
                ..all.clone()
            },
            1,
        ),
        (
            AuditFilter {
                since: after(1),
                until: after(2),
                ..all.clone()
            },
            1,
        ),
        (
            AuditFilter {
                request: Some(asked),
                ..all.clone()
            },
            1,
        ),
        (
            AuditFilter {
                assumed_from: Some(fixture.tenant),
                ..all.clone()
            },
            0,
        ),
        (
            AuditFilter {
                outcome: Some(Outcome::Refused),
                ..all.clone()
            },
            1,
        ),
        (
            AuditFilter {
                outcome: Some(Outcome::Done),
                ..all.clone()
            },
            3,
        ),
        (
            AuditFilter {
                text: text("ZONE"),
                ..all.clone()
            },
            2,
        ),
        (
            AuditFilter {
                text: text("_1"),
                ..all.clone()
            },
            4,
        ),
        (
            AuditFilter {
                text: text("%"),
                ..all.clone()
            },
            0,
        ),
        (
            AuditFilter {
                kind: text("zone"),
                outcome: Some(Outcome::Done),
                text: text("created"),
                ..all
            },
            1,
        ),
    ];
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    for (filter, expected) in cases {
        let page = list_audit(&mut tx, &filter, PageRequest::default()).await.unwrap();
        assert_eq!(page.items.len(), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_persons_tokens_are_found_with_the_person() {
    let fixture = Fixture::new().await;
    let (person, cx) = (fixture.cx().actor().user().unwrap(), fixture.cx_by_token());
    let mut change = fixture.spine.begin(&cx).await.unwrap();
    let happened = Record::new("test.site.created.v1", "site_1", json!({}));
    change.record(happened).await.unwrap();
    change.commit().await.unwrap();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    for actor in [person.to_string(), cx.actor().reference()] {
        let filter = AuditFilter {
            actor: Some(actor),
            ..AuditFilter::default()
        };
        let page = list_audit(&mut tx, &filter, PageRequest::default()).await.unwrap();
        assert_eq!((page.items.len(), page.items[0].person), (1, Some(person)));
    }
}

#[tokio::test]
async fn several_tenants_logs_are_read_as_one_in_pages() {
    let fixture = Fixture::new().await;
    let tenants: Vec<TenantId> = (0..3).map(|_| TenantId::generate()).collect();
    for n in 0..9 {
        let cx = mpanel_authz::OpCx::system("test", tenants[n % 3], fixture.clock.clone());
        let mut change = fixture.spine.begin(&cx).await.unwrap();
        let happened = Record::new("test.thing.created.v1", format!("thing_{n}"), json!({}));
        change.record(happened).await.unwrap();
        change.commit().await.unwrap();
    }
    let (mut subjects, mut page) = (Vec::new(), PageRequest { limit: 4, after: None });
    loop {
        let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
        let two = &tenants[..2];
        let found = list_audit_of(&mut tx, two, &AuditFilter::default(), page)
            .await
            .unwrap();
        assert!(found.items.iter().all(|entry| two.contains(&entry.tenant)));
        subjects.extend(found.items.into_iter().map(|entry| entry.subject));
        let Some(cursor) = found.next_cursor else { break };
        page = PageRequest::parse(Some(4), Some(&cursor)).unwrap();
    }
    assert_eq!(
        subjects,
        ["thing_7", "thing_6", "thing_4", "thing_3", "thing_1", "thing_0"]
    );
}

#[tokio::test]
async fn v16_3_2_a_refusal_is_written_down_and_told_to_nobody() {
    let fixture = Fixture::new().await;
    let record = Record::new("spine.request.refused.v1", "site_1", json!({})).after(json!({"code": "x"}));
    fixture.spine.record_refusal(&fixture.cx(), &record).await.unwrap();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.items[0].outcome, Outcome::Refused);
    assert_eq!(fixture.count("select count(*) from spine.outbox").await, 0);
}
