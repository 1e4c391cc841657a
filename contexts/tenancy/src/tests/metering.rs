//! Measured use: recorded along the path, by month, over limits too.

use jiff::Timestamp;
use jiff::civil::date;
use mpanel_authz::TenantKind;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Reason, Tx as _};
use mpanel_tenancy_contract::{EntitlementKey, Metering as _, Month, events};
use serde_json::json;

use crate::domain::Tenant;
use crate::tests::support::{World, unlimited};

const TRAFFIC: EntitlementKey = EntitlementKey::TrafficBytesMonth;

fn january() -> Month {
    // The month in which the tests' clock begins.
    Month::of_day(date(2027, 1, 15))
}

fn february() -> Month {
    Month::of_day(date(2027, 2, 1))
}

impl World {
    async fn record(&self, month: Month, used: &[(&Tenant, i64)]) {
        let used: Vec<_> = used.iter().map(|(tenant, used)| (tenant.id, *used)).collect();
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        self.tenancy
            .record(&mut tx, TRAFFIC, month, &used, self.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn exceeded(&self, month: Month) -> Vec<TenantId> {
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        let mut exceeded = self.tenancy.exceeded(&mut tx, TRAFFIC, month).await.unwrap();
        exceeded.sort();
        exceeded
    }

    async fn traffic(&self, tenant: TenantId) -> (i64, Option<i64>) {
        let usage = self.service.usage(&self.root(), tenant).await.unwrap();
        let (_, used, limit) = usage.into_iter().find(|(key, ..)| *key == TRAFFIC).unwrap();
        (used, limit)
    }

    /// Who was told to have passed its limit, in order.
    async fn told(&self) -> Vec<TenantId> {
        let events = self.events().await;
        let passed = events
            .into_iter()
            .filter(|(_, value)| value["type"] == events::ENTITLEMENT_EXCEEDED);
        passed.map(|(tenant, _)| tenant.unwrap()).collect()
    }

    /// A reseller with `above` bytes a month and two customers of it with `own` each.
    async fn family(&self, above: i64, own: i64) -> (Tenant, Tenant, Tenant) {
        let root = self.root();
        let bought = self
            .plan(&root, "Bought", json!({"traffic_bytes_month": above}), true)
            .await;
        let reseller = self.child(&root, TenantKind::Reseller, "R", Some(bought)).await;
        let cx = self.owner(&reseller);
        let sold = self.plan(&cx, "Sold", json!({"traffic_bytes_month": own}), false).await;
        let one = self.child(&cx, TenantKind::Customer, "One", Some(sold)).await;
        let two = self.child(&cx, TenantKind::Customer, "Two", Some(sold)).await;
        (reseller, one, two)
    }
}

#[test]
fn months_begin_and_end_in_utc() {
    let at = |text: &str| Month::at(text.parse::<Timestamp>().unwrap());
    assert_eq!(at("2026-11-30T23:59:59.999Z").first_day(), date(2026, 11, 1));
    assert_eq!(at("2026-12-01T00:00:00Z").first_day(), date(2026, 12, 1));
    assert_eq!(
        at("2026-12-07T08:00:00Z").end(),
        "2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap()
    );
}

#[tokio::test]
async fn measured_use_counts_for_everybody_above_and_is_never_refused() {
    let world = World::new().await;
    let (reseller, one, two) = world.family(1000, 300).await;
    world.record(january(), &[(&one, 250), (&two, 100)]).await;
    world.record(january(), &[(&one, 250)]).await;
    assert_eq!(world.traffic(one.id).await, (500, Some(300)));
    assert_eq!(world.traffic(two.id).await, (100, Some(300)));
    assert_eq!(world.traffic(reseller.id).await, (600, Some(1000)));
    assert_eq!(world.traffic(world.tenancy.platform()).await, (600, None));
    assert_eq!(world.exceeded(january()).await, [one.id]);
}

#[tokio::test]
async fn passing_a_limit_is_told_once_and_again_in_the_next_month() {
    let world = World::new().await;
    let (reseller, one, two) = world.family(1000, 300).await;
    world.record(january(), &[(&one, 300)]).await;
    assert_eq!(world.told().await, [], "what is allowed may be used up");
    world.record(january(), &[(&one, 1)]).await;
    world.record(january(), &[(&one, 500), (&two, 10)]).await;
    assert_eq!(world.told().await, [one.id]);
    world.record(january(), &[(&two, 200)]).await;
    assert_eq!(world.told().await, [one.id, reseller.id]);
    let everybody = {
        let mut all = vec![reseller.id, one.id, two.id];
        all.sort();
        all
    };
    assert_eq!(
        world.exceeded(january()).await,
        everybody,
        "who stands below a seller that has no more has no more either"
    );
    let (_, event) = world.events().await.pop().unwrap();
    assert_eq!(
        event["data"],
        json!({"key": "traffic_bytes_month", "month": "2027-01-01", "used": 1011, "limit": 1000})
    );

    assert_eq!(world.exceeded(february()).await, []);
    world.record(february(), &[(&one, 301)]).await;
    assert_eq!(world.told().await, [one.id, reseller.id, one.id]);
    assert_eq!(world.exceeded(february()).await, [one.id]);
    // What comes late belongs to the month in which it happened.
    world.record(january(), &[(&one, 7)]).await;
    assert_eq!(world.exceeded(february()).await, [one.id]);
    assert_eq!(world.traffic(one.id).await.0, 808);
}

#[tokio::test]
async fn another_plan_changes_who_is_over_and_unlimited_means_it() {
    let world = World::new().await;
    let root = world.root();
    let small = world
        .plan(&root, "Small", json!({"traffic_bytes_month": 10}), false)
        .await;
    let all = world.plan(&root, "All", unlimited(), false).await;
    let customer = world.child(&root, TenantKind::Customer, "C", Some(small)).await;
    world.record(january(), &[(&customer, i64::MAX)]).await;
    world.record(january(), &[(&customer, i64::MAX)]).await;
    assert_eq!(world.traffic(customer.id).await, (i64::MAX, Some(10)));
    assert_eq!(world.exceeded(january()).await, [customer.id]);
    let none = crate::domain::Limits::default();
    world.service.subscribe(&root, customer.id, all, &none).await.unwrap();
    assert_eq!(world.exceeded(january()).await, []);
    world.service.subscribe(&root, customer.id, small, &none).await.unwrap();
    assert_eq!(world.exceeded(january()).await, [customer.id]);
}

#[tokio::test]
async fn who_has_no_plan_may_use_nothing() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    assert_eq!(world.exceeded(january()).await, []);
    world.record(january(), &[(&customer, 1)]).await;
    assert_eq!(world.exceeded(january()).await, [customer.id]);
    assert_eq!(world.told().await, [customer.id]);
}

#[tokio::test]
async fn a_tenant_sees_its_own_figures_and_changes_none() {
    let world = World::new().await;
    let (_, one, two) = world.family(1000, 300).await;
    world.record(january(), &[(&one, 5), (&two, 6)]).await;
    let mut tx = world.tenant_tx(one.id).await;
    let seen: Vec<i64> = sqlx::query_scalar("select used from tenancy.measured")
        .fetch_all(tx.conn())
        .await
        .unwrap();
    assert_eq!(seen, [5]);
    for query in [
        "update tenancy.measured set used = 0",
        "delete from tenancy.measured",
        "insert into tenancy.measured (tenant_id, key, month, used) values (mpanel.tenant(), 'x', now(), 0)",
    ] {
        let mut tx = world.tenant_tx(one.id).await;
        assert!(sqlx::query(query).execute(tx.conn()).await.is_err(), "{query}");
    }
}
