//! What PostgreSQL may do to the panel: die, restart, refuse writes, hang, have no connection left. (For full disks see
//! `full_disk`.) Each time the panel refuses for as long as the fault lasts and no longer, what it has confirmed is there
//! afterwards and what it has refused is not, and visitors and resolvers notice nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mpanel_process::{Signal, procfs};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;

use crate::harness::accounts::{claim, unique};
use crate::harness::website::Browser;
use crate::harness::{Account, Api, System, eventually, folders, website};
use crate::main_job::api::dig_at;

const DOMAIN: &str = "www.faulty.example";
/// Changes that have to go through, one after the other, before the fault counts as over.
const IN_A_ROW: u32 = 20;

struct World {
    system: System,
    owner: Account,
    /// Names of plans that were confirmed.
    confirmed: BTreeSet<String>,
    refused: BTreeSet<String>,
}

impl World {
    async fn new() -> Self {
        let system = System::start().await;
        let owner = claim(&system).await;
        let body = json!({"apex": "faulty.example"});
        owner.api.post("/zones", body).await.expect(201);
        let site = owner.site(DOMAIN).await;
        owner.publish(&site, &website::page("always here")).await;
        let browser = system.browser(&[DOMAIN]).await;
        browser.shows(DOMAIN, "/", "always here").await;
        Self {
            system,
            owner,
            confirmed: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    /// As the cluster's administrator.
    async fn sql(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(self.system.data().join("run/pg"))
            .username("mpanel_admin")
            .database("mpanel")
            .ssl_mode(PgSslMode::Disable);
        PgConnection::connect_with(&options).await.unwrap()
    }

    /// Makes a plan; whether it was confirmed.
    async fn change(&mut self) -> bool {
        let name = format!("plan {:06}", unique());
        let body = json!({"name": name, "entitlements": {"sites": 1}});
        let request = self.owner.api.request("POST", "/plans").json(&body);
        let answer = request
            .send_unchecked()
            .await
            .expect("the edge answers, whatever happens behind it");
        match answer.status {
            201 => {
                self.confirmed.insert(name);
                true
            }
            503 => {
                assert!(!answer.header("retry-after").is_empty(), "{answer}");
                self.refused.insert(name);
                false
            }
            _ => panic!("neither made nor refused for now: {answer}"),
        }
    }

    /// Changes until one is refused: the fault is felt.
    async fn until_refused(&mut self) {
        for _ in 0..10_000 {
            if !self.change().await {
                return;
            }
        }
        panic!("the fault is not felt");
    }

    /// The fault has ended: soon changes go through, and none of those after them is refused.
    async fn recovers(&mut self) {
        for attempt in 0.. {
            if self.change().await {
                break;
            }
            assert!(attempt < 600, "it stays away\n{}", self.system.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..IN_A_ROW {
            assert!(self.change().await, "it is away again\n{}", self.system.logs());
        }
        let listed = self.owner.api.list("/plans?limit=200").await;
        let listed: BTreeSet<String> = listed
            .iter()
            .map(|plan| plan["name"].as_str().unwrap().to_owned())
            .collect();
        let lost: Vec<_> = self.confirmed.difference(&listed).collect();
        assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
        let kept: Vec<_> = self.refused.intersection(&listed).collect();
        // A connection that breaks in the middle of a commit leaves it open; it must not happen where nothing breaks.
        assert!(kept.len() <= 2, "refused and made: {kept:?}");
    }
}

/// Asks for the site and for its address without a pause, until told to stop.
struct Visitors {
    stop: Arc<AtomicBool>,
    task: JoinHandle<u32>,
}

impl Visitors {
    async fn start(system: &System) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let browser: Browser = system.browser(&[DOMAIN]).await;
        let stopped = stop.clone();
        let dns = system.address("dns");
        let known = dig_at(dns, DOMAIN, "A");
        assert!(!known.is_empty());
        #[expect(clippy::disallowed_methods, reason = "a test's own task")]
        let task = tokio::spawn(async move {
            let mut visits = 0;
            while !stopped.load(Ordering::Relaxed) {
                let page = browser.get(DOMAIN, "/").await.expect("the site answers");
                assert_eq!(page.status, 200, "{page}");
                let address = tokio::task::spawn_blocking(move || dig_at(dns, DOMAIN, "A"))
                    .await
                    .unwrap();
                assert_eq!(address, known);
                visits += 1;
            }
            visits
        });
        Self { stop, task }
    }

    async fn were_served(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(self.task.await.unwrap() > 0, "nobody came");
    }
}

fn backends(system: &System) -> Vec<u32> {
    let postmaster = system.pid("postgres").expect("it runs");
    let is_its = |pid: &u32| procfs::stat(*pid).is_some_and(|stat| stat.parent == postmaster);
    procfs::pids().into_iter().filter(is_its).collect()
}

#[tokio::test]
async fn a_database_that_dies_or_restarts_costs_no_more_than_the_time_it_is_away() {
    let mut world = World::new().await;
    let visitors = Visitors::start(&world.system).await;
    // KILL: a crash. INT: a fast shutdown, as an administrator's restart is.
    for signal in [Signal::KILL, Signal::INT] {
        let before = world.system.pid("postgres").expect("it runs");
        folders::kill(before, signal);
        world.until_refused().await;
        world.system.wait_restarted("postgres", before).await;
        world.recovers().await;
    }
    visitors.were_served().await;
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_read_and_written_to_again_afterwards() {
    let mut world = World::new().await;
    let visitors = Visitors::start(&world.system).await;
    let mut sql = world.sql().await;
    let set = async |sql: &mut PgConnection, value: &'static str| {
        for statement in [value, "select pg_reload_conf()"] {
            sqlx::query(statement).execute(&mut *sql).await.unwrap();
        }
    };
    set(&mut sql, "alter system set default_transaction_read_only = on").await;
    world.until_refused().await;
    let read = world.owner.api.get("/plans?limit=1").await;
    assert_eq!(read.status, 200, "what changes nothing is answered: {read}");
    sqlx::query("set transaction_read_only = off")
        .execute(&mut sql)
        .await
        .ok();
    sqlx::query("set default_transaction_read_only = off")
        .execute(&mut sql)
        .await
        .unwrap();
    set(&mut sql, "alter system reset default_transaction_read_only").await;
    world.recovers().await;
    visitors.were_served().await;
}

#[tokio::test]
async fn a_database_that_hangs_makes_the_panel_refuse_and_not_hang_with_it() {
    let mut world = World::new().await;
    let visitors = Visitors::start(&world.system).await;
    let stopped = backends(&world.system);
    assert!(!stopped.is_empty());
    for pid in &stopped {
        folders::kill(*pid, Signal::STOP);
    }
    // Health checks say so rather than wait.
    let api = Api::new(world.system.address("panel"));
    eventually("the panel says that it is not ready", async || {
        let answer = api.request("GET", "/readyz").send_unchecked().await.ok()?;
        (answer.status == 503).then_some(())
    })
    .await;
    for pid in &stopped {
        folders::kill(*pid, Signal::CONT);
    }
    world.recovers().await;
    visitors.were_served().await;
}

#[tokio::test]
async fn a_database_without_a_connection_left_refuses_until_there_is_one() {
    let mut world = World::new().await;
    let visitors = Visitors::start(&world.system).await;
    let mut sql = world.sql().await;
    // Nobody but the administrator gets in, and who is in is thrown out.
    sqlx::query("alter database mpanel connection limit 0")
        .execute(&mut sql)
        .await
        .unwrap();
    let others = "select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = 'mpanel' and pid <> pg_backend_pid()";
    sqlx::query(others).execute(&mut sql).await.unwrap();
    world.until_refused().await;
    sqlx::query("alter database mpanel connection limit -1")
        .execute(&mut sql)
        .await
        .unwrap();
    world.recovers().await;
    visitors.were_served().await;
}
