//! Places in the plan: a tenant uses as many domains as it has hosts of sites, and zones that no such host is in.

use std::collections::BTreeSet;
use std::sync::Arc;

use mpanel_dns_contract::{HostRecords as _, Place};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::names::DomainName;
use mpanel_pg::Tx as _;
use mpanel_tenancy_contract::{EntitlementError, EntitlementKey, Entitlements as _};
use tokio::task::JoinSet;

use crate::domain::Zone;
use crate::error::Error;
use crate::tests::support::World;
use crate::tests::tenancy::TestEntitlements;

const KEY: EntitlementKey = EntitlementKey::Domains;

impl World {
    async fn try_zone(&self, apex: &str) -> Result<Zone, Error> {
        self.dns.create_zone(&self.cx(), &apex.parse().unwrap()).await
    }

    /// As a site gets a domain.
    async fn attach(&self, host: &str) -> Result<(), EntitlementError> {
        let host: DomainName = host.parse().unwrap();
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        TestEntitlements.reserve(&mut tx, KEY, 0).await.unwrap();
        let addresses = ["192.0.2.1".parse().unwrap()];
        self.dns.point(&mut tx, &host, &addresses, true).await.unwrap();
        TestEntitlements.reserve(&mut tx, KEY, 1).await?;
        tx.commit().await.unwrap();
        Ok(())
    }

    /// As a site loses it.
    async fn detach(&self, host: &str) -> Place {
        let host: DomainName = host.parse().unwrap();
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        TestEntitlements.reserve(&mut tx, KEY, 0).await.unwrap();
        let place = self.dns.withdraw(&mut tx, &host).await.unwrap();
        if place == Place::Free {
            TestEntitlements.reserve(&mut tx, KEY, -1).await.unwrap();
        }
        tx.commit().await.unwrap();
        place
    }

    /// How many zones have a place of their own, and how many share that of a host.
    async fn zones_by_place(&self) -> (i64, i64) {
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        let query = "select count(*) filter (where shares_place_of is null), count(shares_place_of) from dns.zones";
        sqlx::query_as(query).fetch_one(tx.conn()).await.unwrap()
    }

    async fn apexes(&self) -> Vec<String> {
        self.zones().await.into_iter().map(|zone| zone.apex).collect()
    }
}

#[tokio::test]
async fn a_zone_takes_a_place_in_the_plan_and_gives_it_back() {
    let world = World::new().await;
    world.limit(1).await;
    let zone = world.try_zone("example.com").await.unwrap();
    assert_eq!(world.used().await, 1);
    let error = world.try_zone("example.net").await.err().unwrap();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Quota, "tenancy.entitlement.exceeded")
    );
    assert_eq!(
        error.public_text(),
        "the plan's limit for domains is reached: 1 of 1 are in use"
    );
    assert_eq!(world.claims.holder("example.net"), None);
    assert_eq!(
        (world.apexes().await, world.used().await),
        (vec!["example.com".into()], 1)
    );
    world.dns.delete_zone(&world.cx(), zone.id).await.unwrap();
    assert_eq!(world.used().await, 0);
    world.try_zone("example.net").await.unwrap();
    assert_eq!(world.used().await, 1);
}

#[tokio::test]
async fn a_plan_without_domains_allows_no_zone() {
    let world = World::new().await;
    world.limit(0).await;
    let error = world.try_zone("example.com").await.err().unwrap();
    assert_eq!(error.kind(), Kind::Quota);
    assert!(world.zones().await.is_empty());
}

#[tokio::test]
async fn a_suspended_tenant_makes_no_zone_but_may_delete_one() {
    let world = World::new().await;
    let zone = world.zone("example.com").await;
    world.suspend().await;
    let error = world.try_zone("example.net").await.err().unwrap();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Forbidden, "tenancy.tenant.suspended")
    );
    assert_eq!(world.apexes().await, ["example.com"]);
    world.dns.delete_zone(&world.cx(), zone.id).await.unwrap();
    assert_eq!(world.used().await, 0);
}

#[tokio::test]
async fn what_is_refused_for_another_reason_takes_no_place() {
    let world = World::new().await;
    world.zone("example.com").await;
    for apex in ["example.com", "shop.example.org"] {
        assert!(world.try_zone(apex).await.is_err(), "{apex}");
    }
    assert_eq!(world.used().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn zones_made_at_once_do_not_pass_the_limit_together() {
    let world = Arc::new(World::new().await);
    world.limit(3).await;
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let world = world.clone();
        tasks.spawn(async move { world.try_zone(&format!("example{n}.com")).await });
    }
    let refused: Vec<Error> = tasks.join_all().await.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 5);
    assert!(refused.iter().all(|error| error.kind() == Kind::Quota), "{refused:?}");
    assert_eq!((world.zones().await.len(), world.used().await), (3, 3));
}

/// Whoever adds a site's domain and removes it over and over gets no zone that nothing counts.
#[tokio::test]
async fn a_zone_that_came_with_a_sites_domain_takes_over_its_place() {
    let world = World::new().await;
    world.limit(1).await;
    world.attach("www.example.com").await.unwrap();
    assert_eq!(
        (world.apexes().await, world.used().await),
        (vec!["example.com".into()], 1)
    );
    assert_eq!(world.detach("www.example.com").await, Place::TakenByZone);
    assert_eq!(
        (world.apexes().await, world.used().await),
        (vec!["example.com".into()], 1)
    );

    let error = world.attach("example.net").await.err().unwrap();
    assert_eq!(error.kind(), Kind::Quota);
    assert_eq!(
        (world.apexes().await, world.used().await),
        (vec!["example.com".into()], 1)
    );
    // The domain itself may come back.
    world.attach("www.example.com").await.unwrap();
    assert_eq!(world.used().await, 1);

    // Without the zone the place is the domain's alone.
    let zone = world.zones().await.remove(0);
    world.dns.delete_zone(&world.cx(), zone.id).await.unwrap();
    assert_eq!(world.used().await, 1);
    assert_eq!(world.detach("www.example.com").await, Place::Free);
    assert_eq!(world.used().await, 0);
}

#[tokio::test]
async fn a_zone_and_the_first_domain_in_it_share_a_place() {
    let world = World::new().await;
    world.limit(2).await;
    let zone = world.zone("example.com").await;
    for (host, used) in [("www.example.com", 1), ("shop.example.com", 2)] {
        world.attach(host).await.unwrap();
        assert_eq!(world.used().await, used, "{host}");
    }
    // The zone goes on to share the other's.
    assert_eq!(world.detach("www.example.com").await, Place::Free);
    assert_eq!(world.used().await, 1);
    assert_eq!(world.detach("shop.example.com").await, Place::TakenByZone);
    assert_eq!(world.used().await, 1);
    world.dns.delete_zone(&world.cx(), zone.id).await.unwrap();
    assert_eq!(world.used().await, 0);
}

#[tokio::test]
async fn bringing_addresses_up_to_date_counts_nothing() {
    let world = World::new().await;
    world.zone("example.com").await;
    world.point("www.example.com", &["192.0.2.7"], false).await.unwrap();
    assert_eq!(world.used().await, 1);
}

#[tokio::test]
async fn a_suspended_tenant_loses_a_domain_without_losing_count() {
    let world = World::new().await;
    world.attach("example.com").await.unwrap();
    world.suspend().await;
    assert_eq!(world.detach("example.com").await, Place::TakenByZone);
    assert_eq!(world.used().await, 1);
    let error = world.attach("www.example.com").await.err().unwrap();
    assert!(matches!(error, EntitlementError::Suspended), "{error}");
    assert_eq!(world.used().await, 1);
}

/// A long walk through all that changes the count, in an order that a fixed number decides.
#[tokio::test]
async fn the_count_is_what_a_recount_gives() {
    let hosts = ["a.com", "www.a.com", "x.a.com", "y.x.a.com", "b.com", "z.b.com"];
    let apexes = ["a.com", "x.a.com", "b.com"];
    let world = World::new().await;
    let mut attached = BTreeSet::new();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for step in 0..150 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let pick = usize::try_from(state >> 33).unwrap();
        let host = hosts[pick % hosts.len()];
        match (pick / hosts.len()) % 4 {
            0 if attached.insert(host) => world.attach(host).await.unwrap(),
            0 | 1 => {
                if attached.remove(host) {
                    let _place = world.detach(host).await;
                }
            }
            // Refused when it is there, or stands below a domain without a zone.
            2 => drop(world.try_zone(apexes[pick % apexes.len()]).await),
            _ => {
                // Now and then the site's addresses move into a nearer zone.
                for host in &attached {
                    world.point(host, &["192.0.2.1"], false).await.unwrap();
                }
                if let Some(zone) = world.zones().await.get(pick % 3) {
                    world.dns.delete_zone(&world.cx(), zone.id).await.unwrap();
                    world.clock.advance(jiff::SignedDuration::from_mins(1));
                }
            }
        }
        let (alone, sharing) = world.zones_by_place().await;
        let hosts = i64::try_from(attached.len()).unwrap();
        assert_eq!(world.used().await, hosts + alone, "after step {step}: {attached:?}");
        assert!(sharing <= hosts, "after step {step}: {attached:?}");
    }
}
