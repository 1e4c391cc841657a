//! Trees that grow together at random: whatever is taken over by whom, nothing changes above both.

use std::collections::BTreeMap;

use mpanel_authz::TenantKind;
use mpanel_kernel::error::PublicError as _;
use mpanel_kernel::ids::{TenantId, Uuid};
use mpanel_pg::{Reason, Tx as _};
use mpanel_tenancy_contract::EntitlementKey;

use super::how;
use crate::domain::Tenant;
use crate::tests::support::{World, closure_is_right, unlimited};

/// Knuth's MMIX generator: the same run for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Everything that is counted: by tenant and key, what is used and what may be.
type Counters = BTreeMap<(TenantId, String), (i64, Option<i64>)>;

async fn counters(world: &World) -> Counters {
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    let rows: Vec<(Uuid, String, i64, Option<i64>)> =
        sqlx::query_as("select tenant_id, key, used, max_allowed from tenancy.counters")
            .fetch_all(tx.conn())
            .await
            .unwrap();
    let rows = rows
        .into_iter()
        .map(|(tenant, key, used, most)| ((TenantId::from_uuid(tenant), key), (used, most)));
    rows.collect()
}

/// Those above a tenant and itself, from the root.
async fn way(world: &World, tenant: TenantId) -> Vec<TenantId> {
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    let ids: Vec<Uuid> =
        sqlx::query_scalar("select tenant_id from tenancy.subtree where descendant = $1 order by depth desc")
            .bind(tenant.uuid())
            .fetch_all(tx.conn())
            .await
            .unwrap();
    ids.into_iter().map(TenantId::from_uuid).collect()
}

/// What nobody but the tenant itself has taken, by tenant: no merge changes it.
fn recount(counters: &Counters, parents: &BTreeMap<TenantId, Option<TenantId>>) -> BTreeMap<(TenantId, String), i64> {
    let mut own: BTreeMap<(TenantId, String), i64> =
        counters.iter().map(|(at, (used, _))| (at.clone(), *used)).collect();
    for ((tenant, key), (used, _)) in counters {
        let above = parents.get(tenant).copied().flatten();
        // The platform's figures are its own alone.
        if let Some(above) = above.filter(|above| parents.get(above).copied().flatten().is_some()) {
            *own.entry((above, key.clone())).or_default() -= used;
        }
    }
    own.retain(|_, used| *used != 0);
    own
}

async fn parents(world: &World) -> BTreeMap<TenantId, Option<TenantId>> {
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    let rows: Vec<(Uuid, Option<Uuid>)> = sqlx::query_as("select tenant_id, parent_id from tenancy.tenants")
        .fetch_all(tx.conn())
        .await
        .unwrap();
    let rows = rows
        .into_iter()
        .map(|(id, parent)| (TenantId::from_uuid(id), parent.map(TenantId::from_uuid)));
    rows.collect()
}

/// Resellers at random places, each with a customer that takes something.
async fn grow(world: &World, random: &mut Random) -> Vec<Tenant> {
    let root = world.root();
    let plan = world.plan(&root, "All", unlimited(), true).await;
    let mut sellers = vec![world.child(&root, TenantKind::Reseller, "R", Some(plan)).await];
    let mut plans = BTreeMap::new();
    for n in 0..14 {
        let above = sellers[random.below(sellers.len())].clone();
        let cx = match random.below(5) {
            0 => root.clone(),
            _ => world.owner(&above),
        };
        let sold = match plans.get(&cx.tenant()).copied() {
            Some(plan) => plan,
            None => world.plan(&cx, "Same name", unlimited(), true).await,
        };
        plans.insert(cx.tenant(), sold);
        let seller = world
            .child(&cx, TenantKind::Reseller, &format!("R{n}"), Some(sold))
            .await;
        let own = world.owner(&seller);
        let sold = world.plan(&own, "Same name", unlimited(), true).await;
        plans.insert(own.tenant(), sold);
        let customer = world
            .child(&own, TenantKind::Customer, &format!("C{n}"), Some(sold))
            .await;
        for key in [EntitlementKey::Sites, EntitlementKey::DiskBytes] {
            world.takes(customer.id, key, random.below(9) as i64 + 1).await;
        }
        sellers.push(seller);
    }
    sellers
}

#[tokio::test]
async fn a_merge_changes_no_counter_above_both_and_no_limit_at_all() {
    let seed = std::env::var("MPANEL_MERGE_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| TenantId::generate().uuid().as_u128() as u64);
    println!("MPANEL_MERGE_SEED={seed}");
    let mut random = Random(seed);
    let world = World::new().await;
    let mut sellers = grow(&world, &mut random).await;
    let root = world.root();
    let mut done = 0;
    for _ in 0..60 {
        if sellers.len() < 3 {
            break;
        }
        let at = random.below(sellers.len());
        let from = sellers[at].clone();
        let into = sellers[random.below(sellers.len())].clone();
        let (before, ways) = (
            counters(&world).await,
            (way(&world, from.id).await, way(&world, into.id).await),
        );
        let own = recount(&before, &parents(&world).await);
        let below = world.count_below(from.id).await;
        let is_possible = !ways.1.contains(&from.id);
        match world
            .service
            .merge_tenant(&root, from.id, how(&from, &into, below))
            .await
        {
            Ok(_) => assert!(is_possible),
            Err(error) => {
                assert!(!is_possible, "{error:?} {:?}", error.fields());
                assert_eq!(counters(&world).await, before);
                continue;
            }
        }
        done += 1;
        sellers.remove(at);
        let after = counters(&world).await;
        for ((tenant, key), (used, most)) in &before {
            let (now, most_now) = after[&(*tenant, key.clone())];
            assert_eq!(most_now, *most);
            let concerned = ways.0.contains(tenant) != ways.1.contains(tenant);
            assert!(
                concerned || now == *used,
                "{tenant} stands above both or beside them, and has {now} {key}, not {used}"
            );
        }
        assert_eq!(
            recount(&after, &parents(&world).await),
            own,
            "what each has taken is what it had taken"
        );
        closure_is_right(&world).await;
    }
    assert!(done >= 8, "only {done} were taken over");
}

impl World {
    async fn count_below(&self, tenant: TenantId) -> i64 {
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        sqlx::query_scalar("select count(*) - 1 from tenancy.subtree where tenant_id = $1")
            .bind(tenant.uuid())
            .fetch_one(tx.conn())
            .await
            .unwrap()
    }
}
