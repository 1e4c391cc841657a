//! A Debian in a folder: made once, copied, booted, and commands in it.

use super::refuse_without;
use crate::process;
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SUITE: &str = "bookworm";
/// What a server has, and what looks at it; the package brings the rest.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,ca-certificates,curl";
/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A machine; it ends, and its folder goes, with this value.
pub struct Machine {
    folder: PathBuf,
    container: Option<Child>,
    /// The first process inside.
    init: u32,
    kept: bool,
}

impl Machine {
    /// A fresh Debian with the package and its dependencies, not booted.
    pub fn install(out: &Path, package: &Path) -> Result<Self> {
        for program in ["debootstrap", "systemd-nspawn", "nsenter", "curl"] {
            refuse_without(program)?;
        }
        let base = base()?;
        let folder = out.join("trial");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        process::output(
            Command::new("cp")
                .args(["--archive", "--reflink=auto"])
                .args([&base, &folder]),
        )?;
        let machine = Self {
            folder,
            container: None,
            init: 0,
            kept: false,
        };
        fs::copy(package, machine.folder.join("root").join("first.deb"))?;
        let apt = ["apt-get", "--quiet", "--yes", "--no-install-recommends"];
        machine.before_boot(&[&apt[..], &["update"]].concat())?;
        machine.before_boot(&[&apt[..], &["install", concat!("/ro", "ot/first.deb")]].concat())?;
        Ok(machine)
    }

    /// A command in the folder, on our network.
    fn before_boot(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("systemd-nspawn");
        command
            .args([
                "--quiet",
                "--pipe",
                "--register=no",
                "--keep-unit",
                "--resolv-conf=copy-host",
            ])
            .args(["--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LC_ALL=C.UTF-8"])
            .arg("--directory")
            .arg(&self.folder)
            .arg("--")
            .args(arguments);
        process::output(&mut command).map(|_told| ())
    }

    /// Starts it in a network of its own, where every port is free.
    pub fn boot(mut self) -> Result<Self> {
        let log = fs::File::create(self.folder.with_extension("log"))?;
        let mut nspawn = Command::new("systemd-nspawn");
        nspawn
            .args([
                "--quiet",
                "--boot",
                "--private-network",
                "--register=no",
                "--keep-unit",
                "--console=pipe",
            ])
            .args(["--machine=mpanel-trial", "--resolv-conf=off", "--timezone=off"])
            .arg("--directory")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let container = nspawn.spawn().context("cannot start systemd-nspawn")?;
        let outer = container.id();
        self.container = Some(container);
        let begin = Instant::now();
        self.init = loop {
            ensure!(
                begin.elapsed() < PATIENCE,
                "the container does not start: see {}.log",
                self.folder.display()
            );
            if let Some(init) = init_below(outer) {
                break init;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        self.eventually("systemd is up", || {
            let state = self.command(&["systemctl", "is-system-running"]).output()?.stdout;
            Ok(["running", "degraded"].contains(&String::from_utf8_lossy(&state).trim()))
        })?;
        Ok(self)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder stays after the end.
    pub fn keep(mut self) {
        self.kept = true;
    }

    /// A command inside, as root, with what a login would set.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.init.to_string(), "--all", "--"])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", concat!("/ro", "ot"))
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// What it prints.
    pub fn tells(&self, arguments: &[&str]) -> Result<String> {
        process::output(&mut self.command(arguments))
    }

    /// The same, with something on standard input.
    pub fn says(&self, arguments: &[&str], input: &str) -> Result<()> {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("a pipe")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "`{}` failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Whether it does not succeed.
    pub fn fails(&self, arguments: &[&str]) -> Result<bool> {
        Ok(!self.command(arguments).output()?.status.success())
    }

    /// A program of ours in its network.
    pub fn inside_network(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.init.to_string(), "--net", "--"])
            .args(arguments);
        process::output(&mut command)
    }

    /// dpkg with a package of ours.
    pub fn dpkg(&self, arguments: &[&str], package: &Path) -> Result<()> {
        fs::copy(package, self.folder.join("root/package.deb"))?;
        let command = [&["dpkg"], arguments, &[concat!("/ro", "ot/package.deb")]].concat();
        self.tells(&command).map(|_told| ())
    }

    pub fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.folder.join(path)).is_ok()
    }

    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.folder.join(path)).with_context(|| format!("cannot read /{path}"))
    }

    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        Ok(fs::write(path, text)?)
    }

    /// Asks until it holds.
    pub fn eventually(&self, what: &str, holds: impl Fn() -> Result<bool>) -> Result<()> {
        let begin = Instant::now();
        loop {
            match holds() {
                Ok(true) => return Ok(()),
                late if begin.elapsed() > PATIENCE => {
                    let journal = self
                        .tells(&["journalctl", "--no-pager", "--lines=40", "--unit=mpanel"])
                        .unwrap_or_default();
                    bail!("not after {} s: {what} ({late:?})\n{journal}", PATIENCE.as_secs());
                }
                _ => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(container) = &mut self.container {
            // Its first process takes all others with it. What cannot be ended is gone already.
            let _gone = Command::new("kill").args(["-KILL", &self.init.to_string()]).status();
            let _ended = container.wait();
        }
        if !self.kept && !std::thread::panicking() {
            let _left = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The first process of the container whose nspawn has this number.
fn init_below(outer: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
    let init = children.split_ascii_whitespace().next()?.parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{init}/comm")).ok()?;
    (name.trim() == "systemd").then_some(init)
}

/// The Debian that all copies are made of, from the cache folder.
fn base() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = cache.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?;
    let base = folder.join("mpanel/machines").join(SUITE);
    if base.join("usr/bin/systemctl").exists() {
        return Ok(base);
    }
    // A half-made one is made anew.
    let partial = base.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    println!("making a Debian in {}", base.display());
    let mut debootstrap = Command::new("debootstrap");
    debootstrap
        .arg("--variant=minbase")
        .arg(format!("--include={PACKAGES}"))
        .arg(SUITE)
        .arg(&partial);
    process::output(&mut debootstrap)?;
    fs::rename(&partial, &base)?;
    Ok(base)
}
