//! One mPanel in a data folder of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use mpanel_process::account::Account;
use mpanel_process::{Process, Signal, Spawn, procfs};
use serde_json::Value;

use super::disks::Disk;
use super::{Api, PATIENCE, binaries, eventually, folders, holds, queue};

/// Everything that the supervisor keeps running.
const PROCESSES: [&str; 6] = ["serve", "agent", "edge", "dns-1", "dns-2", "postgres"];

/// A running installation. Everything of it ends with the value, and with the thread that started it.
#[derive(Debug)]
pub struct System {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    options: Vec<String>,
    up: Option<Process>,
    runs: u32,
    /// Whose processes they are, when not the test's own user's, and the programs that this user may start.
    user: Option<Account>,
    programs: PathBuf,
    disks: Vec<Disk>,
}

impl System {
    /// Starts on free ports with an empty data folder, and waits until the panel serves.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with settings (`MPANEL_*`).
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut system = Self::prepare(settings);
        system.up().await;
        system
    }

    /// A data folder in which nothing runs yet.
    pub fn prepare(settings: &[(&str, &str)]) -> Self {
        let options = ["--panel", "--edge-http", "--edge-https", "--dns"];
        let options = options
            .iter()
            .flat_map(|name| [(*name).to_owned(), "127.0.0.1:0".to_owned()]);
        let mut environment = BTreeMap::from([
            (
                "PATH".to_owned(),
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
            ("HOME".to_owned(), "/nonexistent".to_owned()),
        ]);
        // The tests ask more than any person, from one address.
        for (name, value) in [
            ("MPANEL_RATE_REQUESTS_PER_SECOND", "100000"),
            ("MPANEL_RATE_REQUESTS_BURST", "100000"),
            ("MPANEL_RATE_CHANGES_PER_SECOND", "100000"),
            ("MPANEL_RATE_COSTLY_PER_MINUTE", "100000"),
            ("MPANEL_RATE_TENANT_REQUESTS_PER_SECOND", "100000"),
            ("MPANEL_RATE_ADDRESS_REQUESTS_PER_SECOND", "100000"),
            ("MPANEL_RATE_LOGINS_PER_MINUTE_ADDRESS", "100000"),
            // The installation that tests share may be older than a proof counts.
            ("MPANEL_SIGN_IN_STEP_UP_MINUTES", "600"),
        ]
        .iter()
        .chain(settings)
        {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let folder = folders::fresh();
        let holds = holds::make(&folder);
        environment.insert("MPANEL_HOLD_AT".to_owned(), holds.display().to_string());
        Self {
            folder,
            environment,
            options: options.collect(),
            up: None,
            runs: 0,
            user: None,
            programs: binaries::folder(),
            disks: Vec::new(),
        }
    }

    /// Sets a setting (`MPANEL_*`) for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Lets another user start it, with a data folder of their own.
    pub fn run_as(&mut self, user: Account) {
        self.programs = binaries::linked(&self.folder);
        std::os::unix::fs::chown(&self.folder, Some(user.uid), Some(user.gid)).unwrap();
        self.user = Some(user);
    }

    /// Gives it programs of its own, which a test may replace.
    pub fn install_apart(&mut self) {
        self.programs = binaries::linked(&self.folder);
    }

    /// Where its supervisor is started from.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Lets the test's own user start it again.
    pub fn run_as_owner(&mut self) {
        self.user = None;
    }

    /// Puts a file system of this many MiB where `folder` of the data folder will be. For a system that has not started yet.
    pub fn mount(&mut self, folder: &str, mebibytes: u64) {
        self.disks.push(Disk::mount(&self.data().join(folder), mebibytes));
    }

    /// The file system mounted at `folder`.
    pub fn disk(&self, folder: &str) -> &Disk {
        let at = self.data().join(folder);
        self.disks.iter().find(|disk| disk.at() == at).expect("it was mounted")
    }

    /// Sets a command-line option for the next start.
    pub fn option(&mut self, name: &str, value: &str) {
        match self.options.iter().position(|option| option == name) {
            Some(index) => self.options[index + 1] = value.to_owned(),
            None => self.options.extend([name.to_owned(), value.to_owned()]),
        }
    }

    /// Sets an option that has no value for each start from now on. After those that have one.
    pub fn flag(&mut self, name: &str) {
        self.options.push(name.to_owned());
    }

    /// Starts the supervisor and waits until the panel serves.
    pub async fn up(&mut self) {
        self.spawn();
        self.wait_ready().await;
    }

    /// Starts the supervisor.
    pub fn spawn(&mut self) {
        self.runs += 1;
        let mut command = Spawn::new(self.programs.join("mpanel"))
            .run_as(self.user.as_ref())
            .arg("up")
            .arg("--data")
            .arg(self.data())
            .args(&self.options)
            .output(std::fs::File::create(self.output_file(self.runs)).unwrap())
            .dies_with_thread("TERM");
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        self.up = Some(command.start().unwrap());
    }

    pub async fn wait_ready(&self) {
        let up = self.up.as_ref().expect("it was started").pid();
        eventually("the panel is ready", async || {
            let output = self.output();
            let alive = procfs::stat(up).is_some_and(|stat| stat.is_alive());
            assert!(
                alive || output.contains("is ready: http"),
                "the supervisor ended:\n{output}\n{}",
                self.logs()
            );
            output.contains("is ready: http").then_some(())
        })
        .await;
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A folder beside the data, for a test's own files; readable by nobody else.
    pub fn scratch(&self) -> PathBuf {
        let scratch = self.folder.join("scratch");
        std::fs::create_dir_all(&scratch).unwrap();
        scratch
    }

    /// See [`holds`].
    pub(super) fn holds(&self) -> PathBuf {
        self.folder.join("holds")
    }

    fn output_file(&self, run: u32) -> PathBuf {
        self.folder.join(format!("output-{run}"))
    }

    /// What the running supervisor has printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.output_file(self.runs)).unwrap_or_default()
    }

    /// The end of every process's log.
    pub fn logs(&self) -> String {
        let Ok(entries) = std::fs::read_dir(self.data().join("logs")) else {
            return String::new();
        };
        let mut text = String::new();
        for entry in entries.flatten() {
            let log = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(60)..];
            text += &format!("--- {}\n{}\n", entry.file_name().display(), tail.join("\n"));
        }
        text
    }

    fn state(&self) -> Value {
        let text = std::fs::read(self.data().join("state.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Where it listens: `panel`, `edge_http`, `edge_https` or `dns`.
    pub fn address(&self, setting: &str) -> SocketAddr {
        let state = self.state();
        let address = state["addresses"][setting].as_str();
        address
            .unwrap_or_else(|| panic!("no address of {setting} in {state}"))
            .parse()
            .unwrap()
    }

    /// The pid of a living child (`serve`, `agent`, `edge`, `dns-1`, `dns-2`) or of `postgres`.
    pub fn pid(&self, process: &str) -> Option<u32> {
        let pid = if process == "postgres" {
            let text = std::fs::read_to_string(self.data().join("postgres/postmaster.pid")).ok()?;
            text.lines().next()?.parse().ok()?
        } else {
            let state = self.state();
            let child = state["children"]
                .as_array()?
                .iter()
                .find(|child| child["name"] == process)?
                .clone();
            u32::try_from(child["pid"].as_u64()?).ok()?
        };
        procfs::stat(pid).filter(|stat| stat.is_alive()).map(|_| pid)
    }

    /// `kill -9`, and waits until the process is gone. Children are started again by the supervisor.
    pub async fn kill(&self, process: &str) -> u32 {
        let pid = self.pid(process).unwrap_or_else(|| panic!("{process} does not run"));
        folders::kill(pid, Signal::KILL);
        eventually(&format!("{process} is gone"), async || {
            (!procfs::stat(pid).is_some_and(|stat| stat.is_alive())).then_some(())
        })
        .await;
        pid
    }

    /// Waits until `process` runs with another pid than `before`.
    pub async fn wait_restarted(&self, process: &str, before: u32) {
        eventually(&format!("{process} is back"), async || {
            self.pid(process).filter(|now| *now != before)
        })
        .await;
    }

    /// Waits until every process of a supervisor that runs lives.
    pub async fn wait_complete(&self) {
        eventually("every process is back", async || {
            PROCESSES
                .iter()
                .all(|process| self.pid(process).is_some())
                .then_some(())
        })
        .await;
    }

    /// What the supervisor printed, and its exit code. For one that is to end by itself.
    pub async fn ended(&mut self) -> (Option<i32>, String) {
        let mut up = self.up.take().expect("it was started");
        let exit = up.wait_for(PATIENCE).await.unwrap().expect("the supervisor ends");
        (exit.status.and_then(|status| status.code()), self.output())
    }

    pub fn signal_supervisor(&self, signal: Signal) {
        self.up.as_ref().expect("it runs").signal(signal).unwrap();
    }

    /// Whether the supervisor that was started last lives.
    pub fn is_supervised(&self) -> bool {
        let up = self.up.as_ref().and_then(|up| procfs::stat(up.pid()));
        up.is_some_and(|stat| stat.is_alive())
    }

    /// `kill -9` of the supervisor alone: the others run on.
    pub async fn kill_supervisor(&mut self) {
        let mut up = self.up.take().expect("it runs");
        up.signal(Signal::KILL).unwrap();
        up.wait_for(PATIENCE).await.unwrap().expect("a killed process ends");
    }

    /// Kills everything at once, as a power cut does: nobody tidies up.
    pub async fn power_cut(&mut self) {
        let mut pids: Vec<u32> = PROCESSES.iter().filter_map(|process| self.pid(process)).collect();
        if let Some(postmaster) = self.pid("postgres") {
            let is_its = |pid: &u32| procfs::stat(*pid).is_some_and(|stat| stat.parent == postmaster);
            pids.extend(procfs::pids().into_iter().filter(is_its));
        }
        // The supervisor first, or it would start the others again.
        self.kill_supervisor().await;
        for pid in &pids {
            folders::kill(*pid, Signal::KILL);
        }
        eventually("everything is gone", async || {
            let alive = |pid: &u32| procfs::stat(*pid).is_some_and(|stat| stat.is_alive());
            (!pids.iter().any(alive)).then_some(())
        })
        .await;
    }

    /// The one-time token of an installation that nobody owns yet.
    pub async fn claim_token(&self) -> String {
        let file = self.data().join("run/claim");
        eventually("there is a claim token", async || {
            let text = std::fs::read_to_string(&file).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        })
        .await
    }

    /// The API without a credential.
    pub fn api(&self) -> Api {
        let panel = self.address("panel");
        queue::at(panel, self.data());
        Api::new(panel)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- output of the supervisor\n{}\n{}", self.output(), self.logs());
        }
        let begin = Instant::now();
        self.up = None;
        folders::end_all(&self.data());
        // Before what they are mounted in is removed, and whatever comes next.
        self.disks.clear();
        assert!(begin.elapsed() < PATIENCE, "{} does not end", self.data().display());
        let _best_effort = std::fs::remove_dir_all(&self.folder);
    }
}

/// Every file and folder below `folder`, relative to it, in order.
pub fn tree(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = format!("{prefix}{}", entry.file_name().display());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                walk(&entry.path(), &format!("{name}/"), found);
            }
            found.push(name);
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}
