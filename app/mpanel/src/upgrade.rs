//! `mpanel upgrade`: has the supervisor try the version that is installed, and says what came of it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use jiff::SignedDuration;
use mpanel_kernel::clock::{Clock as _, SystemClock};
use mpanel_process::{Process, Signal, procfs};
use serde_json::json;

use crate::installation::{Installation, print};
use crate::up::programs::Version;
use crate::up::ready;
use crate::up::upgrade::Record;

const GLANCE: Duration = Duration::from_millis(100);
/// Within this the supervisor has begun, or it will not.
const BEGINS: Duration = Duration::from_secs(60);
/// Within this the version before runs again, which has nothing to prove.
const RETURNS: Duration = Duration::from_secs(180);

/// Change over to the version that is installed now; the one before is started again when it does not work, and this ends with 1
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    installation: Installation,
    /// Also when this version was tried before and did not work, or somebody went back from it
    #[arg(long)]
    again: bool,
    /// Change back to the version that ran before the present one, though that one works
    #[arg(long, conflicts_with = "again")]
    back: bool,
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
    if args.back {
        return back(args, &data);
    }
    let program = std::env::current_exe()?;
    let version = Version::of(program.parent().context("the program has a folder")?)?;
    let mut record = Record::load(&data);
    if record.running.as_ref() == Some(&version) {
        return tell(args, &version.name, &format!("version {} runs already", version.name));
    }
    if let Some(refused) = record.refused.take_if(|refused| refused.version == version) {
        ensure!(
            args.again,
            "version {} {}: {}; to try it again: mpanel upgrade --again",
            version.name,
            refused.told(),
            refused.reason
        );
        // What kept it from working may be gone.
        record.save(&data)?;
    }
    let supervisor = supervisor(&data)?;
    ask(&supervisor)?;
    let before = record.running.map(|running| running.name);
    match wait(&data, &version, &supervisor)? {
        None => tell(args, &version.name, &format!("version {} runs", version.name)),
        Some(reason) => bail!(
            "version {} does not work, and {} runs as before: {reason}",
            version.name,
            before.as_deref().unwrap_or("the one before")
        ),
    }
}

/// Has the supervisor become the one of the version before. What is noted makes it go there, also when it is killed on the way.
fn back(args: &Args, data: &Path) -> anyhow::Result<()> {
    let supervisor = supervisor(data)?;
    let mut record = Record::load(data);
    ensure!(
        record.trial.is_none(),
        "another version is being tried: wait until that is decided"
    );
    let left = record.go_back(
        "somebody went back from it by `mpanel upgrade --back`",
        SystemClock.now(),
    );
    let (left, before) = left.context("no version is known that ran before this one")?;
    ensure!(
        before.is_kept(data),
        "the programs of version {}, which ran before, are not there any more",
        before.name
    );
    let installed = Version::of(std::env::current_exe()?.parent().context("the program has a folder")?)?;
    ensure!(
        installed == left,
        "version {} is installed, and {} runs: `mpanel upgrade` first, or install what runs",
        installed.name,
        left.name
    );
    record.save(data)?;
    ask(&supervisor)?;
    let (begin, folder) = (Instant::now(), before.folder(&data.canonicalize()?));
    let is_back = || {
        let program = std::fs::read_link(format!("/proc/{}/exe", supervisor.pid()));
        program.is_ok_and(|program| program.starts_with(&folder))
    };
    while !(is_back() && ready::once(&data.join("run/serve.sock"))?) {
        ensure!(
            begin.elapsed() < RETURNS,
            "version {} does not answer yet; its messages say why (journalctl -u mpanel)",
            before.name
        );
        std::thread::sleep(GLANCE);
    }
    tell(args, &before.name, &format!("version {} runs", before.name))
}

/// Has it become what is installed, or what was noted.
fn ask(supervisor: &Process) -> anyhow::Result<()> {
    let begin = Instant::now();
    // One that has just become another does not listen yet, and would end.
    while !listens(supervisor.pid()) {
        ensure!(begin.elapsed() < BEGINS, "the supervisor does not take signals");
        std::thread::sleep(GLANCE);
    }
    Ok(supervisor.signal(Signal::USR2)?)
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
fn wait(data: &Path, version: &Version, supervisor: &Process) -> anyhow::Result<Option<String>> {
    let begin = Instant::now();
    let mut until = None;
    loop {
        let record = Record::load(data);
        if record.running.as_ref() == Some(version) {
            return Ok(None);
        }
        if let Some(refused) = record.refused.filter(|refused| refused.version == *version) {
            return Ok(Some(refused.reason));
        }
        // Each start of the supervisor has a time of its own, and there are few of them.
        until = record.trial.and_then(|tried| tried.until).or(until);
        ensure!(
            until.is_some() || begin.elapsed() < BEGINS,
            "the supervisor does not take the version that is installed; its messages say why (journalctl -u mpanel)"
        );
        ensure!(
            until.is_none_or(
                |until| SystemClock.now() < until + SignedDuration::from_secs(BEGINS.as_secs().cast_signed())
            ),
            "it should have been decided by now, and is not; `mpanel doctor` says what runs"
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
