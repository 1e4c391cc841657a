//! A whole mPanel, started as an operator starts it, in a folder and at ports of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::http::Api;
use crate::proc;

/// Far more than a start or a stop takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// One caller makes all requests here, as fast as it can.
const UNLIMITED: &str = "1000000";

/// A command that ends when the thread that starts it does, however that comes about.
pub fn bound(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(program).stdin(Stdio::null());
    command
}

/// An address of this machine that nobody uses.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A program of ours.
///
/// # Errors
/// When it is not there.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.with_file_name(name);
    ensure!(
        program.exists(),
        "{name} is not built: `make bench` builds it in release beside this program"
    );
    Ok(program)
}

/// Asks a process to end and waits for it; one that does not is killed.
pub fn end(child: &mut Child) {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return;
    };
    let _gone = kill_process(pid, Signal::TERM);
    let begin = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if begin.elapsed() > PATIENCE {
            let _gone = child.kill();
            let _status = child.wait();
            return;
        }
        sleep(Duration::from_millis(10));
    }
}

/// Where it is, and how it is started.
#[derive(Debug)]
pub struct System {
    pub data: PathBuf,
    mpanel: PathBuf,
    pub panel: SocketAddr,
    edge_http: SocketAddr,
    pub edge_https: SocketAddr,
    pub dns: SocketAddr,
    up: Option<Child>,
}

impl System {
    /// # Errors
    /// When the programs are missing or there are no free ports.
    pub fn new(folder: &Path) -> Result<Self> {
        let mpanel = program("mpanel")?;
        program("mpanel-agent")?;
        Ok(Self {
            data: folder.join("data"),
            mpanel,
            panel: free_address()?,
            edge_http: free_address()?,
            edge_https: free_address()?,
            dns: free_address()?,
            up: None,
        })
    }

    /// Starts it and waits until the panel answers that it is ready; says how long that took.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start(&mut self) -> Result<Duration> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.data.with_extension("log"))?;
        let mut command = bound(&self.mpanel);
        command.arg("up").arg("--data").arg(&self.data);
        let addresses = [
            ("--panel", self.panel),
            ("--edge-http", self.edge_http),
            ("--edge-https", self.edge_https),
            ("--dns", self.dns),
        ];
        for (option, address) in addresses {
            command.args([option, &address.to_string()]);
        }
        for rate in [
            "REQUESTS_PER_SECOND",
            "REQUESTS_BURST",
            "CHANGES_PER_SECOND",
            "TENANT_REQUESTS_PER_SECOND",
            "ADDRESS_REQUESTS_PER_SECOND",
        ] {
            command.env(format!("MPANEL_RATE_{rate}"), UNLIMITED);
        }
        command.stdout(log.try_clone()?).stderr(log);
        let begin = Instant::now();
        self.up = Some(command.spawn().context("cannot start setpriv")?);
        while begin.elapsed() < PATIENCE {
            let answer = Api::new(self.panel).send("GET", "/readyz", "", &[]);
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(begin.elapsed());
            }
            if let Some(status) = self.up.as_mut().and_then(|up| up.try_wait().ok()?) {
                bail!("`mpanel up` ended: {status}\n{}", self.last_words());
            }
            sleep(Duration::from_millis(5));
        }
        bail!("not ready within {PATIENCE:?}\n{}", self.last_words())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    pub fn stop(&mut self) {
        if let Some(mut up) = self.up.take() {
            end(&mut up);
        }
    }

    /// Its processes by name, the supervisor first and PostgreSQL's first process last.
    ///
    /// # Errors
    /// When not all are running.
    pub fn processes(&self) -> Result<Vec<(String, u32)>> {
        let up = self.up.as_ref().context("it is not running")?.id();
        let mut all = vec![("up".to_owned(), up)];
        all.extend(children(&self.data)?);
        all.push(("postgres".to_owned(), postmaster(&self.data)?));
        Ok(all)
    }

    /// # Errors
    /// When it is not running.
    pub fn pid(&self, name: &str) -> Result<u32> {
        let found = self.processes()?.into_iter().find(|(process, _)| process == name);
        Ok(found.with_context(|| format!("no process {name}"))?.1)
    }

    /// Waits until what was asked of it before has been done: until it uses next to no processor time for a while.
    ///
    /// # Errors
    /// When it does not come to rest.
    pub fn settle(&self) -> Result<()> {
        let begin = Instant::now();
        let window = Duration::from_secs(2);
        let up = self.pid("up")?;
        let mut before = proc::cpu_of_tree(up)?;
        while begin.elapsed() < PATIENCE {
            sleep(window);
            let now = proc::cpu_of_tree(up)?;
            if now - before < window.as_secs_f64() * 0.05 {
                return Ok(());
            }
            before = now;
        }
        bail!("it does not come to rest within {PATIENCE:?}")
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.stop();
    }
}

fn children(data: &Path) -> Result<Vec<(String, u32)>> {
    let state: Value = serde_json::from_slice(&fs::read(data.join("state.json"))?)?;
    let children = state
        .pointer("/children")
        .and_then(Value::as_array)
        .context("no children")?;
    let named = children.iter().map(|child| {
        let name = child.get("name").and_then(Value::as_str).context("no name")?;
        let pid = child.get("pid").and_then(Value::as_u64).context("no pid")?;
        Ok((name.to_owned(), u32::try_from(pid)?))
    });
    named.collect()
}

fn postmaster(data: &Path) -> Result<u32> {
    let file = fs::read_to_string(data.join("postgres/postmaster.pid"))?;
    Ok(file.lines().next().unwrap_or_default().trim().parse()?)
}

/// Kills whatever still runs on the folder: for when a stop did not come about.
pub fn kill_all(data: &Path) {
    let pids = children(data)
        .unwrap_or_default()
        .into_iter()
        .map(|(_, pid)| pid)
        .chain(postmaster(data));
    for pid in pids {
        // Ours name the folder in their arguments; anybody else got the number later.
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&arguments).contains(&data.display().to_string())
            && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
        {
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
}
