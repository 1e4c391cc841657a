//! What nodes report is counted once, for whom it concerns; and what follows when it is too much.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::Role;
use mpanel_events::UsageSink as _;
use mpanel_feed::{SiteUsage, Usage};
use mpanel_jobs::Reconciler as _;
use mpanel_kernel::ids::{NodeId, SiteId, TenantId, Uuid};
use mpanel_pg::PlatformTx;
use mpanel_tenancy_contract::{EntitlementKey, Metering, MeteringError, Month};
use serde_json::json;

use super::store::{plant, published, traffic_rows};
use super::support::World;
use crate::domain::Traffic;
use crate::pause::Pauses;
use crate::{Error, store};

/// Counts in memory, against one limit for everybody.
#[derive(Default)]
pub struct TestMetering {
    pub used: Mutex<BTreeMap<(TenantId, Month), i64>>,
    pub limit: Mutex<Option<i64>>,
}

#[async_trait]
impl Metering for TestMetering {
    async fn record(
        &self,
        _tx: &mut PlatformTx,
        key: EntitlementKey,
        month: Month,
        used: &[(TenantId, i64)],
        _now: Timestamp,
    ) -> Result<(), MeteringError> {
        assert_eq!(key, EntitlementKey::TrafficBytesMonth);
        let mut all = self.used.lock().unwrap();
        for (tenant, used) in used {
            *all.entry((*tenant, month)).or_default() += used;
        }
        Ok(())
    }

    async fn exceeded(
        &self,
        _tx: &mut PlatformTx,
        _key: EntitlementKey,
        month: Month,
    ) -> Result<Vec<TenantId>, MeteringError> {
        let limit = self.limit.lock().unwrap().unwrap_or(i64::MAX);
        let all = self.used.lock().unwrap();
        let over = all.iter().filter(|((_, of), used)| *of == month && **used > limit);
        Ok(over.map(|((tenant, _), _)| *tenant).collect())
    }
}

impl World {
    fn node(&self) -> NodeId {
        self.sites.ports.nodes.local()
    }

    /// A report of this node about sites of the tenant, with this many bytes sent each.
    fn report(&self, boot: Uuid, day: &str, sites: &[(SiteId, u64)]) -> Usage {
        self.report_of(self.tenant, boot, day, sites)
    }

    fn report_of(&self, tenant: TenantId, boot: Uuid, day: &str, sites: &[(SiteId, u64)]) -> Usage {
        let site = |(site, bytes): &(SiteId, u64)| SiteUsage {
            tenant: tenant.to_string(),
            site: site.to_string(),
            requests: bytes / 100,
            bytes_in: bytes / 10,
            bytes_out: *bytes,
            status: [0, bytes / 200, 0, bytes / 100 - bytes / 200, 0],
        };
        Usage {
            seq: 1,
            boot: boot.to_string(),
            window: day.to_owned(),
            sites: sites.iter().map(site).collect(),
        }
    }

    async fn keep(&self, usage: &Usage) {
        self.sites.keep(&self.node().to_string(), usage).await.unwrap();
    }

    async fn this_month(&self, site: SiteId) -> Traffic {
        let traffic = self.sites.site_traffic(&self.owner(), site, 31).await.unwrap();
        traffic.this_month
    }

    fn counted(&self, month: Month) -> i64 {
        let used = self.metering.used.lock().unwrap();
        used.get(&(self.tenant, month)).copied().unwrap_or(0)
    }
}

/// The day on which the tests' clock begins, and its month.
const TODAY: &str = "2027-01-15";

fn january() -> Month {
    Month::of_day(date(2027, 1, 1))
}

fn boot() -> Uuid {
    Uuid::now_v7()
}

#[tokio::test]
async fn a_site_that_comes_twice_in_one_report_is_counted_once() {
    let world = World::new().await;
    let (site, other) = (world.site("Shop", None).await.id, world.site("Blog", None).await.id);
    world
        .keep(&world.report(boot(), TODAY, &[(site, 1700), (other, 300), (site, 1000)]))
        .await;
    assert_eq!(world.this_month(site).await.bytes_out, 1700);
    assert_eq!(world.counted(january()), 2000);
}

#[tokio::test]
async fn a_report_that_comes_twice_or_late_is_counted_once() {
    let world = World::new().await;
    let (site, other) = (world.site("Shop", None).await.id, world.site("Blog", None).await.id);
    let boot = boot();
    let first = world.report(boot, TODAY, &[(site, 1000), (other, 500)]);
    let second = world.report(boot, TODAY, &[(site, 1700)]);
    for usage in [&first, &first, &second, &first, &second] {
        world.keep(usage).await;
    }
    let all = Traffic {
        requests: 17,
        bytes_in: 170,
        bytes_out: 1700,
        answers: [0, 8, 0, 9, 0],
    };
    assert_eq!(world.this_month(site).await, all);
    assert_eq!(world.this_month(other).await.bytes_out, 500);
    assert_eq!(world.counted(january()), 2200);
}

#[tokio::test]
async fn two_reports_at_once_are_counted_once() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let usage = world.report(boot(), TODAY, &[(site, 1000)]);
    // As when a node comes back while its old connection is still being read.
    tokio::join!(
        world.keep(&usage),
        world.keep(&usage),
        world.keep(&usage),
        world.keep(&usage)
    );
    assert_eq!(world.counted(january()), 1000);
}

#[tokio::test]
async fn each_boot_and_day_adds_to_the_series_and_to_its_own_month() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    world.keep(&world.report(boot(), TODAY, &[(site, 1000)])).await;
    world.keep(&world.report(boot(), TODAY, &[(site, 100)])).await;
    world.keep(&world.report(boot(), "2027-01-01", &[(site, 10)])).await;
    world.keep(&world.report(boot(), "2026-12-31", &[(site, 7)])).await;
    let traffic = world.sites.site_traffic(&world.owner(), site, 31).await.unwrap();
    assert_eq!((traffic.month, traffic.this_month.bytes_out), (date(2027, 1, 1), 1110));
    let days: Vec<_> = traffic
        .days
        .iter()
        .map(|day| (day.day, day.traffic.bytes_out))
        .collect();
    assert_eq!(
        (days.len(), days[0].0, days[30]),
        (31, date(2026, 12, 16), (date(2027, 1, 15), 1100))
    );
    let known: Vec<_> = days.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    assert_eq!(
        known,
        [
            (date(2026, 12, 31), 7),
            (date(2027, 1, 1), 10),
            (date(2027, 1, 15), 1100)
        ]
    );
    assert_eq!(world.counted(january()), 1110);
    assert_eq!(world.counted(Month::of_day(date(2026, 12, 1))), 7);

    world.clock.advance(SignedDuration::from_hours(24 * 17));
    assert_eq!(world.this_month(site).await, Traffic::default(), "a month has begun");
    let short = world.sites.site_traffic(&world.owner(), site, 1).await.unwrap();
    assert_eq!((short.days.len(), short.days[0].day), (1, date(2027, 2, 1)));
}

#[tokio::test]
async fn a_node_reports_of_the_sites_that_it_has() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let stranger = plant(&world.db, "customer", [None; 3]).await;
    let boot = boot();
    // Not this tenant's, no site at all, and not on that node.
    world
        .keep(&world.report_of(stranger, boot, TODAY, &[(site, 1000)]))
        .await;
    world
        .keep(&world.report(boot, TODAY, &[(SiteId::generate(), 1000)]))
        .await;
    let elsewhere = NodeId::generate().to_string();
    let usage = world.report(boot, TODAY, &[(site, 1000)]);
    world.sites.keep(&elsewhere, &usage).await.unwrap();
    assert_eq!(traffic_rows(&world.db).await, 0);
    assert!(world.metering.used.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_came_before_a_site_went_is_counted_after_it_too() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let boot = boot();
    world.keep(&world.report(boot, TODAY, &[(site, 1000)])).await;
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    assert!(store::sites::delete(&mut tx, site).await.unwrap());
    tx.commit().await.unwrap();
    world.keep(&world.report(boot, TODAY, &[(site, 1200)])).await;
    assert_eq!(world.counted(january()), 1200);
    let gone = world.sites.site_traffic(&world.owner(), site, 31).await;
    assert!(matches!(gone, Err(Error::NotFound)));
}

#[tokio::test]
async fn what_makes_no_sense_is_left_out_and_does_not_come_again() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    for day in ["2027-01-17", "2025-12-01", "tomorrow", "", "2027-02-30"] {
        world.keep(&world.report(boot(), day, &[(site, 1000)])).await;
    }
    let mut nameless = world.report(boot(), TODAY, &[(site, 1000)]);
    nameless.boot = "one".to_owned();
    world.keep(&nameless).await;
    let usage = world.report(boot(), TODAY, &[(site, 1000)]);
    world.sites.keep("nobody", &usage).await.unwrap();
    assert_eq!(traffic_rows(&world.db).await, 0);
    // One bad figure does not keep the others out.
    let other = world.site("Blog", None).await.id;
    let mut mixed = world.report(boot(), TODAY, &[(site, u64::MAX), (other, 1000), (site, 1 << 51)]);
    mixed.sites[2].site = "site_x".to_owned();
    world.keep(&mixed).await;
    assert_eq!(world.counted(january()), 1000);
}

#[tokio::test]
async fn traffic_is_seen_by_its_tenant_alone() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    world.keep(&world.report(boot(), TODAY, &[(site, 1000)])).await;
    let stranger = plant(&world.db, "customer", [None; 3]).await;
    let seen = world
        .sites
        .site_traffic(&world.cx_of(stranger, Role::Owner), site, 31)
        .await;
    assert!(matches!(seen, Err(Error::NotFound)));
    let mut tx = world.db.tenant(stranger).await.unwrap();
    let from = date(2026, 1, 1);
    assert_eq!(store::traffic::by_day(&mut tx, site, from).await.unwrap(), []);
    for days in [0, -1, 401] {
        let refused = world.sites.site_traffic(&world.owner(), site, days).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{days}");
    }
}

#[tokio::test]
async fn who_is_over_the_limit_is_paused_until_the_month_turns() {
    let world = World::new().await;
    let _server = world.serve();
    let shop = world.site("Shop", Some("shop.example.com")).await.id;
    world.deployed(shop, &[("index.html", "hello")]).await;
    let stranger = plant(&world.db, "customer", [None; 3]).await;
    *world.metering.limit.lock().unwrap() = Some(1000);
    let pause = Pauses::new(world.sites.clone());
    let boot = boot();
    world.keep(&world.report(boot, TODAY, &[(shop, 1000)])).await;
    assert_eq!(pause.pass().await.unwrap().changed, 0, "what is allowed may be used up");

    world.keep(&world.report(boot, TODAY, &[(shop, 1001)])).await;
    let report = pause.pass().await.unwrap();
    assert_eq!(report.changed, 1);
    let left = Timestamp::from_second(1_800_000_000).unwrap();
    let left = january().end().duration_since(left);
    assert_eq!(
        report.again,
        Some(left.try_into().unwrap()),
        "it looks again when the month is over"
    );
    let (_, target) = published(&world.db, "shop.example.com").await.unwrap();
    let target = target.unwrap();
    assert_eq!(
        (&target["kind"], &target["status"], &target["retry_at"]),
        (&json!("placeholder"), &json!(503), &json!("2027-02-01T00:00:00Z"))
    );
    assert_eq!(target["site"], json!(shop.to_string()));
    assert!(target["text"].as_str().unwrap().contains("1 February 2027"), "{target}");
    assert_eq!(pause.pass().await.unwrap().changed, 0);
    // A site that is made now, and a release, change nothing about it.
    world.site("Second", Some("second.example.com")).await;
    world.deployed(shop, &[("index.html", "again")]).await;
    for host in ["second.example.com", "shop.example.com"] {
        let (_, target) = published(&world.db, host).await.unwrap();
        assert_eq!(target.unwrap()["status"], 503, "{host}");
    }
    let seen = world.get(shop).await;
    assert!(!seen.ready && seen.summary.contains("used up"), "{}", seen.summary);
    let mut tx = world.db.tenant(stranger).await.unwrap();
    assert_eq!(store::pauses::paused(&mut tx).await.unwrap(), None);
    drop(tx);

    world.clock.advance(left);
    assert_eq!(pause.pass().await.unwrap().changed, 1);
    let (_, target) = published(&world.db, "shop.example.com").await.unwrap();
    assert_eq!(target.unwrap()["kind"], "site");
    assert!(!world.get(shop).await.summary.contains("used up"));
    assert_eq!(pause.pass().await.unwrap().changed, 0);
}

#[tokio::test]
async fn a_larger_plan_shows_the_sites_again_at_once_and_the_log_says_so() {
    let world = World::new().await;
    let shop = world.site("Shop", Some("shop.example.com")).await.id;
    let pause = Pauses::new(world.sites.clone());
    *world.metering.limit.lock().unwrap() = Some(0);
    world.keep(&world.report(boot(), TODAY, &[(shop, 1)])).await;
    pause.pass().await.unwrap();
    assert!(pause.wakes_on(mpanel_tenancy_contract::events::SUBSCRIPTION_CHANGED));
    assert!(pause.wakes_on(mpanel_tenancy_contract::events::ENTITLEMENT_EXCEEDED));
    *world.metering.limit.lock().unwrap() = None;
    pause.pass().await.unwrap();
    let (_, target) = published(&world.db, "shop.example.com").await.unwrap();
    assert_eq!(target.unwrap()["status"], 200);
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    let filter = mpanel_events::AuditFilter {
        subject: Some(shop.to_string()),
        ..mpanel_events::AuditFilter::default()
    };
    let log = mpanel_events::list_audit(&mut tx, &filter, mpanel_kernel::paging::PageRequest::default())
        .await
        .unwrap();
    let log: Vec<_> = log
        .items
        .iter()
        .map(|entry| (entry.action.as_str(), entry.actor.as_str()))
        .collect();
    assert_eq!(
        log[..2],
        [
            ("sites.site.resumed", "system:sites.pause"),
            ("sites.site.paused", "system:sites.pause")
        ]
    );
}

#[tokio::test]
async fn figures_are_forgotten_after_a_year_and_a_month() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    world.keep(&world.report(boot(), TODAY, &[(site, 1000)])).await;
    let pause = Pauses::new(world.sites.clone());
    world.clock.advance(SignedDuration::from_hours(24 * 400));
    assert_eq!(pause.pass().await.unwrap().deleted, 0);
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(pause.pass().await.unwrap().deleted, 1);
    assert_eq!(traffic_rows(&world.db).await, 0);
}
