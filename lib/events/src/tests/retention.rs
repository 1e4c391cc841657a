//! How long the log is kept.

use jiff::SignedDuration;
use mpanel_authz::OpCx;
use mpanel_kernel::clock::{Clock as _, SharedClock};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Tx as _};
use serde_json::json;

use super::support::Fixture;
use crate::{
    AuditEntry, AuditFilter, AuditRetention, Erasure, Error, Extent, Record, erase_person, erase_released, list_audit,
    remove_expired, set_audit_retention,
};

struct World {
    fixture: Fixture,
    platform: TenantId,
}

impl World {
    async fn new() -> Self {
        Self {
            fixture: Fixture::new().await,
            platform: TenantId::generate(),
        }
    }

    fn clock(&self) -> SharedClock {
        self.fixture.clock.clone()
    }

    fn pass_days(&self, days: i64) {
        self.fixture.clock.advance(SignedDuration::from_hours(24 * days));
    }

    async fn happens(&self, tenant: TenantId, subject: &str) {
        let cx = OpCx::system("test", tenant, self.clock());
        let mut change = self.fixture.spine.begin(&cx).await.unwrap();
        let record = Record::new("test.thing.created.v1", subject, json!({}));
        change.record(record).await.unwrap();
        change.commit().await.unwrap();
    }

    async fn says(&self, tenant: TenantId, retention: AuditRetention) {
        let mut tx = self.fixture.db().tenant(tenant).await.unwrap();
        set_audit_retention(&mut tx, &retention).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn remove(&self) -> u64 {
        remove_expired(&self.fixture.spine, self.platform, &self.clock())
            .await
            .unwrap()
    }

    async fn log(&self, tenant: TenantId) -> Vec<AuditEntry> {
        let mut tx = self.fixture.db().tenant(tenant).await.unwrap();
        let page = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
            .await
            .unwrap();
        page.items
    }

    /// As when somebody was to be erased while there was a hold, which is over.
    async fn waits_for_release(&self, tenant: TenantId, person: UserId) {
        let mut tx = self.fixture.db().tenant(tenant).await.unwrap();
        sqlx::query("insert into spine.held_erasures (tenant_id, person) values ($1, $2)")
            .bind(tenant.uuid())
            .bind(person.uuid())
            .execute(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn waiting(&self) -> Vec<TenantId> {
        let mut tx = self.fixture.db().platform(Reason::Administer("test")).await.unwrap();
        let found = sqlx::query_scalar("select tenant_id from spine.held_erasures order by tenant_id")
            .fetch_all(tx.conn())
            .await;
        found.unwrap().into_iter().map(TenantId::from_uuid).collect()
    }

    async fn refuse_deletes_of(&self, tenant: TenantId) {
        let mut admin = self.admin().await;
        sqlx::raw_sql(
            "create table public.refused (tenant_id uuid);
             grant select on public.refused to public;
             create function public.refuse() returns trigger language plpgsql as $$
             begin
                 if exists (select from public.refused r where r.tenant_id = old.tenant_id) then
                     raise 'it does not go';
                 end if;
                 return old;
             end $$;
             create trigger refuse before delete on spine.audit for each row execute function public.refuse();
             create trigger refuse before delete on spine.held_erasures for each row execute function public.refuse()",
        )
        .execute(&mut admin)
        .await
        .unwrap();
        sqlx::query("insert into public.refused values ($1)")
            .bind(tenant.uuid())
            .execute(&mut admin)
            .await
            .unwrap();
    }

    async fn refuse_nothing(&self) {
        let mut admin = self.admin().await;
        sqlx::raw_sql("delete from public.refused")
            .execute(&mut admin)
            .await
            .unwrap();
    }

    async fn admin(&self) -> sqlx::PgConnection {
        use sqlx::Connection as _;
        sqlx::PgConnection::connect_with(&self.fixture.admin).await.unwrap()
    }

    async fn subjects(&self, tenant: TenantId) -> Vec<String> {
        let log = self.log(tenant).await;
        let of_test = log.into_iter().filter(|entry| entry.action.starts_with("test."));
        of_test.map(|entry| entry.subject).collect()
    }
}

fn days(days: i32) -> AuditRetention {
    AuditRetention {
        days: Some(days),
        ..AuditRetention::default()
    }
}

#[tokio::test]
async fn after_four_hundred_days_lines_go_and_the_log_says_how_many() {
    let world = World::new().await;
    let tenant = world.fixture.tenant;
    world.happens(tenant, "first").await;
    world.happens(tenant, "second").await;
    world.pass_days(300);
    world.happens(tenant, "third").await;
    assert_eq!(world.remove().await, 0);
    world.pass_days(101);
    assert_eq!(world.remove().await, 2);
    assert_eq!(world.subjects(tenant).await, ["third"]);
    let log = world.log(tenant).await;
    let said = log.iter().find(|entry| entry.action == "spine.audit.expired").unwrap();
    assert_eq!(said.actor, "system:spine.audit_retention");
    assert_eq!(said.before.as_ref().unwrap()["lines"], 2);
    assert_eq!(world.remove().await, 0, "and that is all");
    assert_eq!(world.log(tenant).await.len(), 2);
}

#[tokio::test]
async fn each_tenant_has_its_own_term_but_none_below_what_the_platform_demands() {
    let world = World::new().await;
    let (short, usual, long) = (TenantId::generate(), TenantId::generate(), TenantId::generate());
    let of_platform = AuditRetention {
        days: Some(100),
        least_days: Some(60),
        held_for: None,
    };
    world.says(world.platform, of_platform).await;
    world.says(short, days(10)).await;
    world.says(long, days(200)).await;
    for tenant in [short, usual, long] {
        world.happens(tenant, "thing").await;
    }
    let left = async || {
        let mut left = Vec::new();
        for tenant in [short, usual, long] {
            left.push(world.subjects(tenant).await.len());
        }
        left
    };
    let mut seen = Vec::new();
    for wait in [59, 2, 40, 100] {
        world.pass_days(wait);
        world.remove().await;
        seen.push(left().await);
    }
    assert_eq!(seen, [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]);
}

#[tokio::test]
async fn under_a_legal_hold_nothing_goes() {
    let world = World::new().await;
    let tenant = world.fixture.tenant;
    world.happens(tenant, "evidence").await;
    let held = AuditRetention {
        held_for: Some("case 12".to_owned()),
        ..days(1)
    };
    world.says(tenant, held).await;
    world.pass_days(1000);
    assert_eq!(world.remove().await, 0);
    assert_eq!(world.subjects(tenant).await, ["evidence"]);
    world.says(tenant, days(1)).await;
    assert_eq!(world.remove().await, 1);
}

impl World {
    /// Somebody does something, of which the log knows from where.
    async fn acts(&self, tenant: TenantId, person: UserId) {
        let mut tx = self.fixture.db().tenant(tenant).await.unwrap();
        self.fixture.spine.vault().person(&mut tx, person).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn knows(&self, tenant: TenantId, person: UserId) -> bool {
        let mut tx = self.fixture.db().tenant(tenant).await.unwrap();
        let known = self.fixture.spine.vault().known_person(&mut tx, person).await;
        known.unwrap().is_some()
    }

    async fn erase(&self, tenant: TenantId, person: UserId, extent: Extent<'_>) -> Result<Erasure, Error> {
        let cx = OpCx::system("test", tenant, self.clock());
        let mut change = self.fixture.spine.begin(&cx).await.unwrap();
        let done = erase_person(&mut change, person, extent).await?;
        change.commit().await?;
        Ok(done)
    }

    async fn erase_released(&self) -> u64 {
        erase_released(&self.fixture.spine, &self.clock()).await.unwrap()
    }
}

fn held() -> AuditRetention {
    AuditRetention {
        held_for: Some("case 12".to_owned()),
        ..AuditRetention::default()
    }
}

#[tokio::test]
async fn under_a_legal_hold_nobody_is_erased_and_whoever_was_to_be_is_when_it_ends() {
    let world = World::new().await;
    let (one, other) = (TenantId::generate(), TenantId::generate());
    let person = UserId::generate();
    for tenant in [one, other, world.platform] {
        world.acts(tenant, person).await;
    }
    world.says(one, held()).await;
    let refused = world.erase(one, person, Extent::Tenant).await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (Kind::Conflict, "spine.audit.held"));
    assert!(refused.public_text().contains("--release"), "{refused}");

    let all = [one, other, world.platform];
    let done = world.erase(world.platform, person, Extent::Everywhere(&all)).await;
    let done = done.unwrap();
    assert_eq!((done.keys, done.held), (2, 1));
    assert!(world.knows(one, person).await);
    assert!(!world.knows(other, person).await);

    assert_eq!(world.erase_released().await, 0, "the hold is still there");
    assert!(world.knows(one, person).await);
    world.says(one, AuditRetention::default()).await;
    assert_eq!(world.erase_released().await, 1);
    assert!(!world.knows(one, person).await);
    assert_eq!(world.log(one).await[0].action, "spine.person.erased");
    assert_eq!(world.erase_released().await, 0, "and that is all");
}

#[tokio::test]
async fn an_account_that_ends_leaves_what_is_held_until_it_is_released() {
    let world = World::new().await;
    let (held_log, other) = (TenantId::generate(), TenantId::generate());
    let people: Vec<UserId> = (0..120).map(|_| UserId::generate()).collect();
    world.says(held_log, held()).await;
    for person in &people {
        world.acts(held_log, *person).await;
    }
    world.acts(other, people[0]).await;
    let mut tx = world.fixture.db().platform(Reason::Administer("test")).await.unwrap();
    // As `identity.erase_tenant` does, which acts for the tenant that goes.
    sqlx::query("select set_config('mpanel.tenant', $1, true)")
        .bind(other.uuid().to_string())
        .execute(tx.conn())
        .await
        .unwrap();
    for person in &people {
        sqlx::query("select spine.erase_person($1, true)")
            .bind(person.uuid())
            .execute(tx.conn())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert!(!world.knows(other, people[0]).await);
    assert!(world.knows(held_log, people[0]).await);
    world.says(held_log, AuditRetention::default()).await;
    assert_eq!(world.erase_released().await, 120);
    assert!(!world.knows(held_log, people[119]).await);
}

#[tokio::test]
async fn many_lines_go_in_batches() {
    let world = World::new().await;
    let tenant = world.fixture.tenant;
    super::search::fill(&world.fixture, tenant, 2500, world.fixture.clock.now()).await;
    world.pass_days(500);
    assert_eq!(world.remove().await, 2500);
    let log = world.log(tenant).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].before.as_ref().unwrap()["lines"], 2500);
}

#[test]
fn without_a_word_of_anybody_it_is_four_hundred_days() {
    let nothing = AuditRetention::default();
    assert_eq!(nothing.days_under(&nothing), 400);
    let strict = AuditRetention {
        least_days: Some(500),
        ..AuditRetention::default()
    };
    assert_eq!(nothing.days_under(&strict), 500);
    assert_eq!(
        days(1).days_under(&nothing),
        90,
        "and nobody goes below a quarter of a year"
    );
    let lenient = AuditRetention {
        least_days: Some(1),
        ..AuditRetention::default()
    };
    assert_eq!(days(1).days_under(&lenient), 1);
}

#[tokio::test]
async fn a_log_that_cannot_be_seen_to_keeps_no_other_waiting() {
    let world = World::new().await;
    let (broken, fine) = (TenantId::generate(), TenantId::generate());
    assert!(broken < fine, "it comes first");
    let person = UserId::generate();
    for tenant in [broken, fine] {
        world.happens(tenant, "old").await;
        world.waits_for_release(tenant, person).await;
    }
    world.refuse_deletes_of(broken).await;
    world.pass_days(500);
    let (spine, clock) = (&world.fixture.spine, world.clock());
    remove_expired(spine, world.platform, &clock).await.unwrap_err();
    assert_eq!(world.subjects(broken).await, ["old"]);
    assert!(world.subjects(fine).await.is_empty());

    erase_released(spine, &clock).await.unwrap_err();
    assert_eq!(world.waiting().await, [broken]);
    world.refuse_nothing().await;
    erase_released(spine, &clock).await.unwrap();
    assert!(world.waiting().await.is_empty());
    assert_eq!(world.remove().await, 1);
}
