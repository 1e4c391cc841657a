//! `cargo xtask package --trial`: the life of a package on a fresh Debian. It is built twice, as two versions; installed with apt, set
//! up, claimed; a website is published; the package is upgraded while a client keeps asking; removed, and installed again.
//!
//! The Debian is made with debootstrap, kept in the cache folder, copied for each run, and booted with systemd-nspawn in a network of
//! its own. Needs root. A shell is never involved: commands go into it as argument vectors through `nsenter`.

mod machine;

use super::{Order, make};
use anyhow::{Context as _, Result, ensure};
use machine::Machine;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const HOST: &str = "panel.example.test";
const PASSWORD: &str = "correct horse battery staple 7\n";
const PAGE: &str = "<h1>baked daily</h1>";

/// Runs it all, telling each step.
pub fn run(root: &Path, order: &Order, keep: bool) -> Result<()> {
    let begin = Instant::now();
    let tell = |what: &str| println!("{:6.1} s  {what}", begin.elapsed().as_secs_f32());
    let next = Order {
        version: format!("{}+next", order.version),
        ..order.clone()
    };
    let (old, new) = (make(root, order)?, make(root, &next)?);
    super::check::check(&old)?;
    tell("two packages are built");
    let machine = Machine::install(&order.out, &old)?;
    tell("the first is installed with what it depends on");
    installed_and_quiet(&machine)?;
    let machine = machine.boot()?;
    tell("the machine is booted");

    refuses_and_plans(&machine)?;
    tell("nothing runs, and a plan changes nothing");
    survives_kills(&machine)?;
    tell("set up, although it was killed several times");
    let site = publish(&machine)?;
    tell("claimed, and a site is served");
    let asked = upgrade(&machine, &new, &site)?;
    tell(&format!("upgraded: {asked}"));
    crash(&machine, &site)?;
    tell("the supervisor was killed, and systemd started another");
    remove_and_return(&machine, &new, &site)?;
    tell("removed with its data kept, installed again, and the site is back");
    purge(&machine)?;
    tell("purged, and the data are still there");
    if keep {
        println!("kept: {}", machine.folder().display());
        machine.keep();
    }
    println!("8 passed, 0 failed");
    Ok(())
}

/// The state after `apt-get install`, before anything was booted.
fn installed_and_quiet(machine: &Machine) -> Result<()> {
    let passwd = machine.read("etc/passwd")?;
    for user in ["mpanel", "mpanel-edge", "mpanel-dns", "mpanel-pg", "mpanel-scratch"] {
        ensure!(
            passwd.lines().any(|line| line.starts_with(&format!("{user}:"))),
            "no user {user}"
        );
    }
    let clusters = std::fs::read_dir(machine.folder().join("etc/postgresql"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|version| version.path().join("main").exists());
    ensure!(
        clusters.count() == 0,
        "PostgreSQL's package made a cluster that nobody needs"
    );
    let enabled = "etc/systemd/system/multi-user.target.wants/mpanel.service";
    ensure!(!machine.has(enabled), "the service would start by itself");
    ensure!(
        !machine.has("etc/mpanel/config.toml"),
        "there are settings that nobody asked for"
    );
    Ok(())
}

fn refuses_and_plans(machine: &Machine) -> Result<()> {
    ensure!(
        machine.fails(&["systemctl", "is-active", "--quiet", "mpanel"])?,
        "it runs before it was set up"
    );
    machine.tells(&[
        "systemd-analyze",
        "verify",
        "--man=no",
        "/usr/lib/systemd/system/mpanel.service",
    ])?;
    let looked: Value = serde_json::from_str(&machine.tells(&["mpanel", "setup", "--check", "--json"])?)?;
    ensure!(
        looked.pointer("/suits") == Some(&Value::Bool(true)),
        "the machine does not suit: {looked}"
    );
    let passwd = machine.read("etc/passwd")?;
    ensure!(
        machine.fails(&["mpanel", "setup", "--host", HOST])?,
        "it went on without a yes"
    );
    ensure!(!machine.has("etc/mpanel/config.toml"), "a plan wrote settings");
    ensure!(machine.read("etc/passwd")? == passwd, "a plan added users");
    ensure!(
        machine.fails(&["runuser", "-u", "nobody", "--", "mpanel", "setup", "--yes"])?,
        "an ordinary user could set the machine up"
    );
    Ok(())
}

/// Killed at once, a little later, and later still: the same command goes on each time.
fn survives_kills(machine: &Machine) -> Result<()> {
    let setup = ["mpanel", "setup", "--yes", "--json", "--host", HOST];
    for after in ["0.02", "0.1", "0.4", "0.8", "1.5"] {
        let killed = [&["timeout", "--signal=KILL", after][..], &setup].concat();
        // Whether it came to its end before is up to the machine.
        machine.fails(&killed)?;
    }
    let done: Value = serde_json::from_str(&machine.tells(&setup)?)?;
    let link = done.pointer("/claim/link").and_then(Value::as_str).unwrap_or_default();
    ensure!(
        link.starts_with(&format!("https://{HOST}/claim#")),
        "no claim link: {done}"
    );
    let again: Value = serde_json::from_str(&machine.tells(&["mpanel", "setup", "--yes", "--json"])?)?;
    let steps = again.pointer("/plan").and_then(Value::as_array).context("a plan")?;
    ensure!(
        steps.iter().all(|step| step.get("done") == Some(&Value::Bool(true))),
        "a second set-up has something to do: {again}"
    );
    Ok(())
}

/// Gives the host name of a site that shows [`PAGE`].
fn publish(machine: &Machine) -> Result<String> {
    let claim = [
        "mpanel",
        "claim",
        "--email",
        "olga@provider.example",
        "--name",
        "Olga",
        "--password-stdin",
    ];
    machine.says(&[&claim[..], &["--create-token"]].concat(), PASSWORD)?;
    machine.tells(&["mpanel", "site", "create", "Bakery"])?;
    machine.write("srv/bakery/index.html", PAGE)?;
    machine.tells(&["mpanel", "site", "deploy", "Bakery", "/srv/bakery"])?;
    let site: Value = serde_json::from_str(&machine.tells(&["mpanel", "site", "show", "Bakery", "--json"])?)?;
    let preview = site
        .pointer("/preview_url")
        .and_then(Value::as_str)
        .context("a preview address")?;
    let host = preview.trim_start_matches("https://").trim_end_matches('/').to_owned();
    machine.eventually("the site is served", || Ok(ask(machine, &host)? == PAGE))?;
    Ok(host)
}

/// A request over a connection of its own.
fn ask(machine: &Machine, host: &str) -> Result<String> {
    let place = format!("{host}:443:127.0.0.1");
    let url = format!("https://{host}/");
    machine.inside_network(&[
        "curl",
        "--silent",
        "--show-error",
        "--insecure",
        "--max-time",
        "20",
        "--resolve",
        &place,
        &url,
    ])
}

/// Says what the client has seen.
fn upgrade(machine: &Machine, package: &Path, host: &str) -> Result<String> {
    let before = children(machine)?;
    let stop = AtomicBool::new(false);
    let (answers, slowest) = std::thread::scope(|scope| {
        let client = scope.spawn(|| -> Result<(u32, Duration)> {
            let (mut answers, mut slowest) = (0, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let begin = Instant::now();
                let answer = ask(machine, host).context("a request failed during the upgrade")?;
                ensure!(answer == PAGE, "another page during the upgrade: {answer}");
                answers += 1;
                slowest = slowest.max(begin.elapsed());
            }
            Ok((answers, slowest))
        });
        let upgraded = machine.dpkg(&["--install"], package).and_then(|()| {
            machine.eventually("all processes are the new version's", || {
                let now = children(machine)?;
                let replaced = |name: &String| now.get(name).is_some_and(|pid| Some(pid) != before.get(name));
                Ok(before.keys().all(replaced))
            })?;
            machine.eventually("the panel answers", || {
                Ok(!machine.fails(&["mpanel", "selftest", "ready"])?)
            })
        });
        stop.store(true, Ordering::Relaxed);
        let seen = client.join().map_err(|_| anyhow::anyhow!("the client panicked"))?;
        upgraded.and(seen)
    })?;
    ensure!(answers > 0, "nobody asked");
    Ok(format!(
        "{answers} requests on new connections, none failed, the slowest took {} ms",
        slowest.as_millis()
    ))
}

/// Process numbers by name, as the supervisor notes them.
fn children(machine: &Machine) -> Result<std::collections::BTreeMap<String, u64>> {
    let state: Value = serde_json::from_str(&machine.read("var/lib/mpanel/state.json")?)?;
    let list = state
        .pointer("/children")
        .and_then(Value::as_array)
        .context("children")?;
    let one = |child: &Value| Some((child.get("name")?.as_str()?.to_owned(), child.get("pid")?.as_u64()?));
    Ok(list.iter().filter_map(one).collect())
}

fn crash(machine: &Machine, host: &str) -> Result<()> {
    let before = children(machine)?;
    machine.tells(&["systemctl", "kill", "--kill-whom=main", "--signal=KILL", "mpanel"])?;
    ensure!(ask(machine, host)? == PAGE, "the edge does not go on");
    machine.eventually("another supervisor", || {
        Ok(!machine.fails(&["systemctl", "is-active", "--quiet", "mpanel"])?
            && !machine.fails(&["mpanel", "selftest", "ready"])?)
    })?;
    ensure!(children(machine)? == before, "the processes were not adopted");
    Ok(())
}

fn remove_and_return(machine: &Machine, package: &Path, host: &str) -> Result<()> {
    machine.tells(&["dpkg", "--remove", "mpanel"])?;
    ensure!(ask(machine, host).is_err(), "it serves although it is removed");
    ensure!(
        machine.has("etc/mpanel/config.toml") && machine.has("var/lib/mpanel/keys/master.key"),
        "data are gone"
    );
    machine.dpkg(&["--install"], package)?;
    machine.eventually("the site is back", || {
        Ok(ask(machine, host).is_ok_and(|page| page == PAGE))
    })?;
    machine.eventually("the panel answers", || {
        Ok(!machine.fails(&["mpanel", "selftest", "ready"])?)
    })
}

fn purge(machine: &Machine) -> Result<()> {
    machine.tells(&["dpkg", "--purge", "mpanel"])?;
    ensure!(!machine.has("etc/mpanel"), "settings are left after purge");
    ensure!(!machine.has("usr/bin/mpanel"), "programs are left");
    for kept in ["keys/master.key", "postgres/PG_VERSION", "sites"] {
        ensure!(
            machine.has(&format!("var/lib/mpanel/{kept}")),
            "purge has deleted {kept}"
        );
    }
    let users = machine.read("etc/passwd")?;
    ensure!(users.contains("mpanel-pg:"), "the owner of the data is gone");
    Ok(())
}

/// What this needs of the machine that it runs on.
fn refuse_without(program: &str) -> Result<()> {
    let found = Command::new("which").arg(program).output()?;
    ensure!(
        found.status.success(),
        "{program} is missing: `make test-package` installs it"
    );
    Ok(())
}
