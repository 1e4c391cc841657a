//! An installation with programs of its own, its one customer, and load on it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::accounts::claim;
use crate::harness::website::Browser;
use crate::harness::{Account, Answer, PATIENCE, System, eventually, website};
use crate::main_job::api::dig;

pub const DOMAIN: &str = "www.upgraded.example";
const TEXT: &str = "open during the works";
/// Far longer than a panel takes to be replaced.
const AWAY: Duration = Duration::from_secs(30);

pub struct World {
    pub system: System,
    pub owner: Account,
    customer: Account,
    browser: Browser,
}

/// What the load has seen.
#[derive(Debug, Default)]
pub struct Load {
    pub visits: u32,
    pub written: BTreeSet<String>,
}

/// How `mpanel upgrade` ended.
#[derive(Debug)]
pub struct Upgraded {
    pub code: i32,
    pub text: String,
}

impl World {
    pub async fn new() -> Self {
        let limits = [
            ("MPANEL_UPGRADE_GATE_SECONDS", "20"),
            ("MPANEL_UPGRADE_MIGRATE_SECONDS", "15"),
        ];
        let mut system = System::prepare(&limits);
        system.install_apart();
        system.up().await;
        let owner = claim(&system).await;
        // The load has no end but the work's.
        let limits = json!({"sites": 1, "domains": null, "disk_bytes": 20_000_000_000u64, "traffic_bytes_month": null});
        let plan = owner.plan(Some(limits)).await;
        let customer = owner.tenant_below("customer", &plan).await;
        let api = &customer.api;
        api.post("/zones", json!({"apex": "upgraded.example"}))
            .await
            .expect(201);
        let site = customer.site(DOMAIN).await;
        customer.publish(&site, &website::page(TEXT)).await;
        let browser = system.browser(&[DOMAIN]).await;
        browser.shows(DOMAIN, "/", TEXT).await;
        eventually("DNS answers", async || {
            (dig(&system, DOMAIN, "A") == "127.0.0.1").then_some(())
        })
        .await;
        Self {
            system,
            owner,
            customer,
            browser,
        }
    }

    /// Puts another version in the place of the programs, which fails so (see `pretence.rs`), as a package does.
    pub fn install(&self, version: &str, failure: &str) {
        let fresh = self.system.programs().join("pretence.new");
        std::fs::write(&fresh, format!("{version}\n{failure}\n")).unwrap();
        std::fs::rename(fresh, self.system.programs().join("pretence")).unwrap();
    }

    /// `mpanel upgrade` of what is installed.
    pub fn upgrade(&self, options: &[&str]) -> tokio::task::JoinHandle<Upgraded> {
        let mut command = Command::new(self.system.programs().join("mpanel"));
        command
            .arg("upgrade")
            .arg("--data")
            .arg(self.system.data())
            .args(options);
        command.env_clear().env("HOME", "/nonexistent");
        tokio::task::spawn_blocking(move || {
            let output = command.output().unwrap();
            let text = [output.stdout, output.stderr].concat();
            Upgraded {
                code: output.status.code().unwrap_or(-1),
                text: String::from_utf8_lossy(&text).into_owned(),
            }
        })
    }

    /// What resolvers are told. They ask again when they hear their own question, since their port happened to be the server's, or
    /// nothing, since theirs went with a process that was replaced.
    fn answered(&self) -> String {
        let mut answer = dig(&self.system, DOMAIN, "A");
        for _ in 0..3 {
            if !answer.starts_with(";;") {
                break;
            }
            answer = dig(&self.system, DOMAIN, "A");
        }
        answer
    }

    /// Visits and writes until the work is done: each visit and each question is answered, and a writer is refused only by a 503
    /// that says when to come again, and not for long.
    pub async fn under_load<T>(&self, work: impl Future<Output = T>) -> (T, Load) {
        let done = Cell::new(false);
        let visits = Cell::new(0);
        let worked = async {
            let value = work.await;
            done.set(true);
            value
        };
        let visiting = async {
            while !done.get() {
                let answer = self.browser.get(DOMAIN, "/").await;
                let answer = answer.unwrap_or_else(|error| panic!("the site is away: {error}\n{}", self.system.logs()));
                assert_eq!(answer.status, 200, "{answer}");
                assert_eq!(self.answered(), "127.0.0.1");
                visits.set(visits.get() + 1);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let writing = async {
            let mut written = BTreeSet::new();
            let mut away_since = None;
            let mut number = 0;
            while !done.get() {
                number += 1;
                let apex = format!("w{number}-{}.example", crate::harness::accounts::unique());
                let answer = self.write(&apex).await;
                let answer =
                    answer.unwrap_or_else(|error| panic!("no answer at all: {error:?}\n{}", self.system.logs()));
                match answer.status {
                    201 => {
                        away_since = None;
                        written.insert(apex);
                    }
                    503 => {
                        assert!(!answer.header("retry-after").is_empty(), "{answer}");
                        let since: &mut Instant = away_since.get_or_insert_with(Instant::now);
                        assert!(since.elapsed() < AWAY, "the panel is away for too long");
                    }
                    _ => panic!("{answer}\n{}", self.system.logs()),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            written
        };
        let (value, (), written) = tokio::join!(worked, visiting, writing);
        let load = Load {
            visits: visits.get(),
            written,
        };
        (value, load)
    }

    async fn write(&self, apex: &str) -> Result<Answer, reqwest::Error> {
        let request = self.customer.api.request("POST", "/zones").json(&json!({"apex": apex}));
        request.header("idempotency-key", apex).send_unchecked().await
    }

    /// Everything that was written is there, as soon as somebody can be asked.
    pub async fn assert_kept(&self, load: &Load) {
        self.wait_for_the_panel().await;
        let zones = self.customer.api.list("/zones").await;
        let there: BTreeSet<&str> = zones.iter().filter_map(|zone| zone["apex"].as_str()).collect();
        let lost: Vec<&String> = load
            .written
            .iter()
            .filter(|apex| !there.contains(apex.as_str()))
            .collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert!(
            load.visits > 0 && !load.written.is_empty(),
            "there was no load: {load:?}"
        );
    }

    /// Asks again while the panel is being replaced: it says so, and is not away for long.
    async fn wait_for_the_panel(&self) {
        let begin = Instant::now();
        loop {
            let answer = self
                .customer
                .api
                .request("GET", "/zones?limit=1")
                .send_unchecked()
                .await;
            let answer = answer.unwrap_or_else(|error| panic!("no answer at all: {error:?}\n{}", self.system.logs()));
            if answer.status == 200 {
                return;
            }
            assert_eq!(answer.status, 503, "{answer}\n{}", self.system.logs());
            assert!(!answer.header("retry-after").is_empty(), "{answer}");
            assert!(begin.elapsed() < AWAY, "the panel is away for too long");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the supervisor has noted.
    pub fn record(&self) -> Value {
        let text = std::fs::read(self.system.data().join("programs/upgrade.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Waits until nothing is under way and every process is of one version, and says which.
    pub async fn settled(&self) -> String {
        eventually("every process is of one version", async || {
            let record = self.record();
            let running = &record["running"];
            let folder = self.system.data().join("programs").join(running["id"].as_str()?);
            let is_of_it = |process: &&str| {
                let pid = self.system.pid(process)?;
                Some(program(pid)?.starts_with(&folder))
            };
            let all = ["serve", "agent", "edge", "dns-1", "dns-2"];
            let whole = record["trial"].is_null() && all.iter().all(|process| is_of_it(process) == Some(true));
            whole.then(|| running["name"].as_str().unwrap_or_default().to_owned())
        })
        .await
    }

    /// The site is served, DNS answers, and somebody may write.
    pub async fn assert_serves(&self) {
        let (_, load) = self
            .under_load(async { tokio::time::sleep(Duration::from_millis(300)).await })
            .await;
        self.assert_kept(&load).await;
    }

    /// Waits until the audit log has so many rows of an action, and gives the newest.
    pub async fn told(&self, action: &str, rows: usize) -> Value {
        eventually(&format!("the audit log says {action}"), async || {
            let items = self.rows(action).await?;
            assert!(items.len() <= rows, "{items:?}");
            (items.len() == rows).then(|| items.into_iter().next()).flatten()
        })
        .await
    }

    /// The audit log says nothing of an action.
    pub async fn assert_untold(&self, action: &str) {
        let items = eventually("the audit log can be read", async || self.rows(action).await).await;
        assert!(items.is_empty(), "{items:?}");
    }

    async fn rows(&self, action: &str) -> Option<Vec<Value>> {
        let path = format!("/audit?filter[action]=platform.upgrade.{action}");
        let answer = self.owner.api.request("GET", &path).send_unchecked().await.ok()?;
        answer.body["items"].as_array().cloned()
    }

    /// What `mpanel doctor` says of the version.
    pub fn examined(&self) -> String {
        let mut command = Command::new(self.system.programs().join("mpanel"));
        command.args(["doctor", "--json", "--data"]).arg(self.system.data());
        let output = command.env_clear().env("HOME", "/nonexistent").output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let checks = told["checks"].as_array().cloned().unwrap_or_default();
        let check = checks
            .iter()
            .find(|check| check["id"] == "version" || check["name"] == "version");
        check
            .map(ToString::to_string)
            .unwrap_or_else(|| panic!("no check of the version in {told}"))
    }

    /// Asks the supervisor to become what is installed, as `systemctl reload` does, and waits for nothing.
    pub fn reload(&self) {
        self.system.signal_supervisor(mpanel_process::Signal::USR2);
    }

    /// Starts the supervisor again whenever it has ended, as systemd does, until one of them stays.
    pub async fn restart_until_ready(&mut self) {
        let begin = Instant::now();
        self.system.spawn();
        while !self.system.output().contains("is ready: http") {
            assert!(
                begin.elapsed() < PATIENCE,
                "no supervisor stays:\n{}",
                self.system.output()
            );
            if !self.system.is_supervised() {
                self.system.spawn();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn program(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(Path::new("/proc").join(pid.to_string()).join("exe")).ok()
}
