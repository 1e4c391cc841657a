//! Everything that changes counters and limits, at once: 16 writers do 10,000 random things to a tree of five levels. No limit
//! is ever passed, nobody waits in a circle, and at the end the counters are what the rows add up to.
//!
//! `MPANEL_STORM_SEED` repeats a run as far as the order of the writers allows; `MPANEL_STORM_WRITERS` and
//! `MPANEL_STORM_OPERATIONS` (of each) make it smaller, since what a writer does depends on the seed and its number alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mpanel_authz::{OpCx, Role, TenantKind};
use mpanel_kernel::ids::{PlanId, TenantId, Uuid};
use mpanel_pg::Tx as _;
use mpanel_tenancy_contract::{EntitlementError, EntitlementKey, Entitlements as _};
use serde_json::json;
use tokio::task::JoinSet;

use crate::domain::{Limits, TenantState};
use crate::error::Error;
use crate::service::{CreateTenant, Merging, Move, TenantPatch};
use crate::tests::support::{World, tenant};

const WRITERS: u64 = 16;
/// 10,000 in all.
const OPERATIONS: u64 = 625;
const KEYS: [EntitlementKey; 3] = [
    EntitlementKey::Sites,
    EntitlementKey::Domains,
    EntitlementKey::DiskBytes,
];
/// Levels below the platform: three of resellers, one of customers.
const DEPTH: usize = 4;

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

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Somebody in the tree, as the writers know it.
#[derive(Clone)]
struct Node {
    id: TenantId,
    kind: TenantKind,
    /// Plans that it sells, from few to many.
    plans: Vec<PlanId>,
    /// Whether it takes something for itself. A seller that does is taken over by nobody.
    takes: bool,
}

struct Storm {
    world: World,
    seed: u64,
    nodes: Mutex<Vec<Node>>,
    merged: AtomicU32,
    /// What was done, for whoever has to find out.
    trace: Mutex<Vec<String>>,
}

fn setting(name: &str, fallback: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(fallback)
}

/// What is taken and given back stands in rows, like the sites that are counted; and whoever lets a counter grow past its
/// limit fails then and there.
const WATCH: &[&str] = &[
    "create table tenancy.test_uses (tenant_id uuid not null, key text not null, delta bigint not null)",
    "grant select, insert on tenancy.test_uses to mpanel_app",
    "create function tenancy.test_watch() returns trigger language plpgsql as $$
     begin
         if new.used > old.used and new.used > new.max_allowed then
             raise exception 'the limit of % for % is passed: % of %', new.tenant_id, new.key, new.used, new.max_allowed;
         end if;
         return new;
     end $$",
    "create trigger test_watch before update on tenancy.counters for each row execute function tenancy.test_watch()",
];

impl Storm {
    async fn new(seed: u64) -> Self {
        let world = World::new().await;
        for statement in WATCH {
            sqlx::query(*statement).execute(world.db().pool()).await.unwrap();
        }
        let storm = Self {
            world,
            seed,
            nodes: Mutex::default(),
            merged: AtomicU32::new(0),
            trace: Mutex::default(),
        };
        let root = storm.world.root();
        let plans = storm.plans(&root, 60).await;
        storm.grow(&root, &plans, DEPTH).await;
        storm.nodes.lock().unwrap().push(Node {
            id: root.tenant(),
            kind: TenantKind::Platform,
            plans,
            takes: true,
        });
        storm
    }

    /// Limits that are in each other's way at every level: all together may have more than their seller has.
    async fn plans(&self, seller: &OpCx, most: i64) -> Vec<PlanId> {
        let mut plans = Vec::new();
        for (name, limit) in [("Small", most / 3), ("Middle", most / 2), ("Large", most)] {
            let terms = json!({"sites": limit, "domains": limit + 3, "disk_bytes": limit * 1000});
            plans.push(self.world.plan(seller, name, terms, true).await);
        }
        plans
    }

    async fn grow(&self, seller: &OpCx, plans: &[PlanId], levels: usize) {
        let kind = match levels {
            1 => TenantKind::Customer,
            _ => TenantKind::Reseller,
        };
        for n in 0..2 {
            let made = self.world.child(seller, kind, &format!("T{n}"), Some(plans[1])).await;
            let own = self.world.owner(&made);
            let mut sold = Vec::new();
            if levels > 1 {
                sold = self.plans(&own, 15 * levels as i64).await;
                Box::pin(self.grow(&own, &sold, levels - 1)).await;
            }
            self.nodes.lock().unwrap().push(Node {
                id: made.id,
                kind,
                plans: sold,
                takes: levels != 2 || n > 0,
            });
        }
    }

    fn any(&self, random: &mut Random, wanted: impl Fn(&Node) -> bool) -> Node {
        let nodes = self.nodes.lock().unwrap();
        let fit: Vec<&Node> = nodes.iter().filter(|node| wanted(node)).collect();
        (*random.of(&fit)).clone()
    }

    fn owner(&self, node: &Node) -> OpCx {
        self.world.cx(node.id, node.kind, Role::Owner)
    }

    fn note(&self, text: String) {
        self.trace.lock().unwrap().push(text);
    }

    async fn write(self: Arc<Self>, number: u64, operations: u64) -> [u32; 2] {
        let mut random = Random(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // What this writer holds: nobody gives back what is not theirs.
        let mut held = HashMap::new();
        let mut outcomes = [0, 0];
        for n in 0..operations {
            let done = match random.below(20) {
                0..14 => self.count(&mut random, &mut held).await,
                14..16 => self.sell(&mut random).await,
                16..18 => self.suspend_or_resume(&mut random).await,
                18 if random.below(8) == 0 => self.take_over(&mut random).await,
                18 => self.create(&mut random).await,
                _ => self.change_seller(&mut random).await,
            };
            match done {
                Ok(what) => {
                    outcomes[0] += 1;
                    self.note(format!("{number}/{n} {what}"));
                }
                Err(refused) => {
                    outcomes[1] += 1;
                    self.note(format!("{number}/{n} refused: {refused}"));
                }
            }
        }
        outcomes
    }

    /// Takes and gives back, of several keys in any order in one transaction.
    async fn count(
        &self,
        random: &mut Random,
        held: &mut HashMap<(TenantId, EntitlementKey), i64>,
    ) -> Result<String, String> {
        let node = self.any(random, |node| node.takes);
        let mut tx = self.world.tenant_tx(node.id).await;
        let mut moved = Vec::new();
        for _ in 0..=random.below(2) {
            let key = *random.of(&KEYS);
            let scale = if key == EntitlementKey::DiskBytes { 1000 } else { 1 };
            let have = held.get(&(node.id, key)).copied().unwrap_or(0)
                + moved
                    .iter()
                    .filter(|(k, _)| *k == key)
                    .map(|(_, delta)| delta)
                    .sum::<i64>();
            let delta = match random.below(5) {
                0 | 1 if have > 0 => -(random.below(have as usize) as i64 + 1),
                _ => (random.below(4) as i64 + 1) * scale,
            };
            match self.world.tenancy.reserve(&mut tx, key, delta).await {
                Ok(()) => moved.push((key, delta)),
                Err(
                    EntitlementError::Exceeded { .. }
                    | EntitlementError::ExceededAbove { .. }
                    | EntitlementError::Suspended,
                ) => continue,
                Err(error) => panic!("{} {} {delta}: {error:?}", node.id, key.as_str()),
            }
            sqlx::query("insert into tenancy.test_uses (tenant_id, key, delta) values ($1, $2, $3)")
                .bind(node.id.uuid())
                .bind(key.as_str())
                .bind(delta)
                .execute(tx.conn())
                .await
                .unwrap();
        }
        if moved.is_empty() || random.below(10) == 0 {
            return Err(format!("{} counts nothing", node.id));
        }
        tx.commit().await.unwrap();
        for (key, delta) in &moved {
            *held.entry((node.id, *key)).or_default() += delta;
        }
        Ok(format!("{} counts {moved:?}", node.id))
    }

    async fn sell(&self, random: &mut Random) -> Result<String, String> {
        let seller = self.any(random, |node| !node.plans.is_empty());
        let buyer = self.child_of(random, &seller).await?;
        let plan = *random.of(&seller.plans);
        let (cx, limits) = (self.owner(&seller), Limits::default());
        let sold = self.world.service.subscribe(&cx, buyer, plan, &limits);
        settled(sold.await, || format!("{buyer} is sold {plan}"))
    }

    async fn suspend_or_resume(&self, random: &mut Random) -> Result<String, String> {
        let seller = self.any(random, |node| !node.plans.is_empty());
        let whom = self.child_of(random, &seller).await?;
        // More often resumed than suspended, or else nobody takes anything any more.
        let state = match random.below(5) {
            0 => TenantState::Suspended,
            _ => TenantState::Active,
        };
        let patch = TenantPatch {
            name: None,
            state: Some(state),
            seen: None,
        };
        let done = self
            .world
            .service
            .update_tenant(&self.owner(&seller), whom, patch)
            .await;
        settled(done, || format!("{whom} is {}", state.as_str()))
    }

    async fn create(&self, random: &mut Random) -> Result<String, String> {
        let seller = self.any(random, |node| !node.plans.is_empty());
        let new = CreateTenant {
            plan: Some(*random.of(&seller.plans)),
            ..tenant(TenantKind::Customer, "New")
        };
        let made = self.world.service.create_tenant(&self.owner(&seller), new).await;
        if let Ok(made) = &made {
            self.nodes.lock().unwrap().push(Node {
                id: made.tenant.id,
                kind: TenantKind::Customer,
                plans: Vec::new(),
                takes: true,
            });
        }
        settled(made, || format!("{} has another customer", seller.id))
    }

    async fn change_seller(&self, random: &mut Random) -> Result<String, String> {
        let whom = self.any(random, |node| node.kind == TenantKind::Customer);
        let to = self.any(random, |node| node.kind == TenantKind::Reseller);
        let there = Move {
            parent: to.id,
            plan: Some(*random.of(&to.plans)),
            overrides: Limits::default(),
        };
        let moved = self.world.service.move_tenant(&self.world.root(), whom.id, there).await;
        settled(moved, || format!("{} goes to {}", whom.id, to.id))
    }

    /// One seller takes over another, which goes on without customers.
    async fn take_over(&self, random: &mut Random) -> Result<String, String> {
        let from = self.any(random, |node| node.kind == TenantKind::Reseller && !node.takes);
        let into = self.any(random, |node| node.kind == TenantKind::Reseller);
        let root = self.world.root();
        let service = &self.world.service;
        let known = service.get_tenant(&root, from.id).await.unwrap();
        let mut tx = self.world.tenant_tx(from.id).await;
        let below: i64 = sqlx::query_scalar("select count(*) - 1 from tenancy.subtree where tenant_id = $1")
            .bind(from.id.uuid())
            .fetch_one(tx.conn())
            .await
            .unwrap();
        tx.end_read();
        let how = Merging {
            into: into.id,
            name: known.name,
            tenants_below: Some(below),
            members: true,
            grace_days: None,
        };
        let merged = service.merge_tenant(&root, from.id, how).await;
        let is_done = merged.is_ok();
        let said = settled(merged, || format!("{} takes over {} with {below}", into.id, from.id));
        if is_done {
            self.merged.fetch_add(1, Ordering::Relaxed);
            settled(service.restore_tenant(&root, from.id).await, || {
                "it is restored".to_owned()
            })?;
        }
        said
    }

    async fn child_of(&self, random: &mut Random, seller: &Node) -> Result<TenantId, String> {
        let mut tx = self.world.tenant_tx(seller.id).await;
        let children: Vec<Uuid> =
            sqlx::query_scalar("select descendant from tenancy.subtree where tenant_id = $1 and depth = 1 order by 1")
                .bind(seller.id.uuid())
                .fetch_all(tx.conn())
                .await
                .unwrap();
        match children.is_empty() {
            true => Err(format!("{} has no customers", seller.id)),
            false => Ok(TenantId::from_uuid(*random.of(&children))),
        }
    }

    fn fail(&self, why: &str) -> ! {
        let trace = self.trace.lock().unwrap();
        panic!(
            "{why}\nMPANEL_STORM_SEED={}\nwhat was done:\n{}",
            self.seed,
            trace.join("\n")
        )
    }
}

/// What the rules may say no to; everything else is a fault.
fn settled<T>(result: Result<T, Error>, what: impl FnOnce() -> String) -> Result<String, String> {
    match result {
        Ok(_) => Ok(what()),
        Err(Error::Spine(error)) => panic!("{}: {error:?}", what()),
        Err(refused) => Err(format!("{}: {refused}", what())),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_things_at_once_pass_no_limit_and_add_up() {
    let seed = setting("MPANEL_STORM_SEED", TenantId::generate().uuid().as_u128() as u64);
    let (writers, operations) = (
        setting("MPANEL_STORM_WRITERS", WRITERS),
        setting("MPANEL_STORM_OPERATIONS", OPERATIONS),
    );
    println!("MPANEL_STORM_SEED={seed} MPANEL_STORM_WRITERS={writers} MPANEL_STORM_OPERATIONS={operations}");
    let storm = Arc::new(Storm::new(seed).await);
    let mut all = JoinSet::new();
    for number in 0..writers {
        all.spawn(storm.clone().write(number, operations));
    }
    let mut sums = [0, 0];
    while let Some(done) = all.join_next().await {
        match done {
            Ok(outcomes) => (0..2).for_each(|n| sums[n] += outcomes[n]),
            Err(error) => storm.fail(&format!("a writer failed: {error}")),
        }
    }
    let [done, refused] = sums;
    let merged = storm.merged.load(Ordering::Relaxed);
    println!("{done} done, {merged} taken over, {refused} refused");
    if writers == WRITERS && operations == OPERATIONS {
        assert_eq!(u64::from(done + refused), writers * operations);
        assert!(
            done > 2000 && refused > 500,
            "limits have to be met: {done} done, {refused} refused"
        );
        assert!(merged > 0, "nobody was taken over");
    }
    let wrong = "select count(*) from tenancy.counters c
         left join lateral (
             select sum(u.delta) as used from tenancy.subtree s join tenancy.test_uses u on u.tenant_id = s.descendant
             where s.tenant_id = c.tenant_id and u.key = c.key
               and (s.depth = 0 or c.tenant_id <> (select tenant_id from tenancy.tenants where kind = 'platform'))) r on true
         where c.used <> coalesce(r.used, 0)";
    sqlx::query("grant select on tenancy.test_uses to mpanel_platform")
        .execute(storm.world.db().pool())
        .await
        .unwrap();
    if storm.world.count(wrong).await != 0 {
        storm.fail("counters differ from what the rows add up to");
    }
    let counted = storm
        .world
        .count("select count(*) from tenancy.counters where used > 0")
        .await;
    assert!(counted > 20, "{counted} counters are in use");
    let crooked = "select count(*) from tenancy.tenants t where t.parent_id is not null and not exists (
         select from tenancy.subtree s where s.tenant_id = t.parent_id and s.descendant = t.tenant_id and s.depth = 1)";
    if storm.world.count(crooked).await != 0 {
        storm.fail("the tree is not closed");
    }
}
