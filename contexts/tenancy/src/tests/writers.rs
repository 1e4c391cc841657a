//! Many writers at once on one tree: the counters equal a recount and pass no limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use mpanel_authz::TenantKind;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Reason, Tx as _};
use mpanel_tenancy_contract::{
    ClaimKind, EntitlementError, EntitlementKey, Entitlements as _, NameClaims as _, NameError,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::tests::support::World;

const WRITERS: u64 = 8;
const ROUNDS: u32 = 40;
const KEYS: [EntitlementKey; 2] = [EntitlementKey::Sites, EntitlementKey::Domains];

/// What each tenant itself has taken, by what was committed.
type Ledger = Arc<Mutex<HashMap<(TenantId, EntitlementKey), i64>>>;

/// Knuth's MMIX generator: the same run for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// A tree of four levels whose limits are in each other's way at every level.
async fn grow(world: &World) -> Vec<TenantId> {
    let mut all = vec![world.tenancy.platform()];
    let mut level = vec![world.root()];
    for (kind, limit) in [
        (TenantKind::Reseller, 30),
        (TenantKind::Reseller, 20),
        (TenantKind::Customer, 12),
    ] {
        let mut next = Vec::new();
        for seller in &level {
            let terms = json!({"sites": limit, "domains": limit + 3});
            let plan = world.plan(seller, "P", terms, true).await;
            for n in 0..2 {
                let tenant = world.child(seller, kind, &format!("T{n}"), Some(plan)).await;
                next.push(world.owner(&tenant));
                all.push(tenant.id);
            }
        }
        level = next;
    }
    all
}

async fn write(world: Arc<World>, tenants: Arc<Vec<TenantId>>, ledger: Ledger, seed: u64) -> (u32, u32) {
    let mut random = Random(seed);
    // What this writer holds, so that nobody gives back what is not theirs.
    let mut held: HashMap<(TenantId, EntitlementKey), i64> = HashMap::new();
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let tenant = tenants[random.below(tenants.len() as u64) as usize];
        let mut tx = world.tenant_tx(tenant).await;
        let mut moves = Vec::new();
        // Both keys in either order within one transaction.
        let first = random.below(2) as usize;
        let growth = random.below(3) == 0;
        for key in [KEYS[first], KEYS[1 - first]] {
            let have = held.get(&(tenant, key)).copied().unwrap_or(0);
            let delta = if have > 0 && random.below(3) == 0 {
                -(random.below(have as u64) as i64 + 1)
            } else {
                random.below(5) as i64
            };
            match world.tenancy.reserve(&mut tx, key, delta).await {
                Ok(()) => moves.push((key, delta)),
                Err(EntitlementError::Exceeded { .. } | EntitlementError::ExceededAbove { .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        // Names come after counters; neighbours in one domain wait for each other there too.
        if growth {
            let name = format!("n{seed}.domain{}.com", random.below(3)).parse().unwrap();
            match world.tenancy.claim(&mut tx, &name, ClaimKind::Site).await {
                Ok(()) if random.below(2) == 0 => world.tenancy.release(&mut tx, &name, ClaimKind::Site).await.unwrap(),
                Ok(()) | Err(NameError::Taken(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if random.below(5) == 0 {
            continue;
        }
        tx.commit().await.unwrap();
        let mut ledger = ledger.lock().unwrap();
        for (key, delta) in moves {
            *held.entry((tenant, key)).or_default() += delta;
            *ledger.entry((tenant, key)).or_default() += delta;
            taken += 1;
        }
    }
    (taken, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counters_equal_a_recount_and_pass_no_limit() {
    let world = Arc::new(World::new().await);
    let tenants = Arc::new(grow(&world).await);
    assert_eq!(tenants.len(), 15);
    let ledger = Ledger::default();
    let mut writers = JoinSet::new();
    for seed in 0..WRITERS {
        writers.spawn(write(world.clone(), tenants.clone(), ledger.clone(), seed));
    }
    let watch = {
        let world = world.clone();
        async move {
            for _ in 0..20 {
                let over = "select count(*) from tenancy.counters where used > max_allowed";
                assert_eq!(world.count(over).await, 0, "a limit is passed");
            }
        }
    };
    let (results, ()) = tokio::join!(writers.join_all(), watch);
    let taken: u32 = results.iter().map(|(taken, _)| taken).sum();
    let refused: u32 = results.iter().map(|(_, refused)| refused).sum();
    assert!(
        taken > 100 && refused > 20,
        "the run has to meet limits: {taken} taken, {refused} refused"
    );

    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    let rows: Vec<(mpanel_kernel::ids::Uuid, mpanel_kernel::ids::Uuid)> =
        sqlx::query_as("select tenant_id, descendant from tenancy.subtree")
            .fetch_all(tx.conn())
            .await
            .unwrap();
    let ledger = ledger.lock().unwrap().clone();
    let mut recount: HashMap<(TenantId, EntitlementKey), i64> = HashMap::new();
    for (above, below) in rows {
        for key in KEYS {
            let own = ledger.get(&(TenantId::from_uuid(below), key)).copied().unwrap_or(0);
            *recount.entry((TenantId::from_uuid(above), key)).or_default() += own;
        }
    }
    for tenant in tenants.iter() {
        for (key, used, limit) in world.service.usage(&world.root(), *tenant).await.unwrap() {
            assert_eq!(
                used,
                recount.get(&(*tenant, key)).copied().unwrap_or(0),
                "{tenant} {}",
                key.as_str()
            );
            assert!(
                limit.is_none_or(|limit| used <= limit),
                "{tenant} {}: {used} of {limit:?}",
                key.as_str()
            );
        }
    }
}

/// A branch that is held does not hold up another, nor the platform's own use.
#[tokio::test]
async fn branches_below_the_platform_do_not_wait_for_each_other() {
    let world = World::new().await;
    let plan = world.plan(&world.root(), "P", json!({"sites": 10}), false).await;
    let one = world
        .child(&world.root(), TenantKind::Customer, "One", Some(plan))
        .await
        .id;
    let two = world
        .child(&world.root(), TenantKind::Customer, "Two", Some(plan))
        .await
        .id;
    let mut held = world.tenant_tx(one).await;
    world
        .tenancy
        .reserve(&mut held, EntitlementKey::Sites, 3)
        .await
        .unwrap();
    for tenant in [two, world.tenancy.platform()] {
        let mut tx = world.tenant_tx(tenant).await;
        sqlx::query("set local lock_timeout = '5s'")
            .execute(tx.conn())
            .await
            .unwrap();
        world.tenancy.reserve(&mut tx, EntitlementKey::Sites, 2).await.unwrap();
        tx.commit().await.unwrap();
    }
    held.commit().await.unwrap();
    let usage = world
        .service
        .usage(&world.root(), world.tenancy.platform())
        .await
        .unwrap();
    let sites = usage.iter().find(|(key, _, _)| *key == EntitlementKey::Sites);
    assert_eq!(
        sites,
        Some(&(EntitlementKey::Sites, 7, None)),
        "its own and everybody's"
    );
}
