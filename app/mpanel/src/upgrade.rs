//! `mpanel upgrade`: has the supervisor try the version that is installed, and says what came of it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mpanel_process::{Process, Signal, procfs};
use serde_json::json;

use crate::operator::{Installation, print};
use crate::up::programs::Version;
use crate::up::upgrade::Record;

const GLANCE: Duration = Duration::from_millis(100);
/// Within this the supervisor has begun, or it will not.
const BEGINS: Duration = Duration::from_secs(60);

/// Change over to the version that is installed now; the one before is started again when it does not work, and this ends with 1
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    installation: Installation,
    /// Also when this version was tried before and did not work
    #[arg(long)]
    again: bool,
}

/// # Errors
/// A text for the operator: the supervisor does not run, or why the version before runs again.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let data = args.installation.path()?;
    let lock = data.join("lock");
    ensure!(
        lock.exists(),
        "there is no installation in {}; name one by --data",
        data.display()
    );
    crate::up::layout::check_owner(&data, &lock)?;
    let program = std::env::current_exe()?;
    let version = Version::of(program.parent().context("the program has a folder")?)?;
    let mut record = Record::load(&data);
    if record.running.as_ref() == Some(&version) {
        return tell(args, &version.name, &format!("version {} runs already", version.name));
    }
    if let Some(refused) = record.refused.take_if(|refused| refused.version == version) {
        ensure!(
            args.again,
            "version {} was tried at {:.0} and did not work: {}; to try it again: mpanel upgrade --again",
            version.name,
            refused.at,
            refused.reason
        );
        // What kept it from working may be gone.
        record.save(&data)?;
    }
    let mut supervisor = supervisor(&data)?;
    let begin = Instant::now();
    // One that has just become another does not listen yet, and would end.
    while !listens(supervisor.pid()) {
        ensure!(begin.elapsed() < BEGINS, "the supervisor does not take signals");
        std::thread::sleep(GLANCE);
    }
    supervisor.signal(Signal::USR2)?;
    let before = record.running.map(|running| running.name);
    match wait(&data, &version, &mut supervisor)? {
        None => tell(args, &version.name, &format!("version {} runs", version.name)),
        Some(reason) => bail!(
            "version {} does not work, and {} runs as before: {reason}",
            version.name,
            before.as_deref().unwrap_or("the one before")
        ),
    }
}

fn supervisor(data: &Path) -> anyhow::Result<Process> {
    let found = || {
        let pid = std::fs::read_to_string(data.join("lock")).ok()?.trim().parse().ok()?;
        let is_ours = procfs::name(pid)?.starts_with("mpanel");
        Process::adopt(pid, procfs::stat(pid)?.start).ok()?.filter(|_| is_ours)
    };
    found().context("mPanel does not run; its next start takes the version that is installed")
}

/// Whether the process has a handler for `SIGUSR2`.
fn listens(pid: u32) -> bool {
    let caught = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok();
    status
        .and_then(caught)
        .is_some_and(|mask| mask & (1 << (Signal::USR2.as_raw() - 1)) != 0)
}

/// Why it was given up; `None` when it stays.
fn wait(data: &Path, version: &Version, supervisor: &mut Process) -> anyhow::Result<Option<String>> {
    let begin = Instant::now();
    let mut begun = false;
    loop {
        let record = Record::load(data);
        if record.running.as_ref() == Some(version) {
            return Ok(None);
        }
        if let Some(refused) = record.refused.filter(|refused| refused.version == *version) {
            return Ok(Some(refused.reason));
        }
        begun |= record.trial.is_some();
        ensure!(
            begun || begin.elapsed() < BEGINS,
            "the supervisor does not take the version that is installed; its messages say why (journalctl -u mpanel)"
        );
        // As a successor it has the same pid. One that was killed is started again by systemd, and goes on with it.
        let lives = procfs::stat(supervisor.pid()).is_some_and(|stat| stat.is_alive());
        ensure!(
            lives || begin.elapsed() < BEGINS,
            "the supervisor has ended; its next start decides which version runs"
        );
        std::thread::sleep(GLANCE);
    }
}

fn tell(args: &Args, version: &str, text: &str) -> anyhow::Result<()> {
    match args.installation.json {
        true => print(&json!({"version": version}).to_string()),
        false => print(text),
    }
}
