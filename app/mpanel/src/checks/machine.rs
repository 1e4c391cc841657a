//! The machine itself: distribution, kernel, memory, disk, clock, name.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use super::{Check, Machine};

/// Everything idle takes 250 MiB; the rest is for the file cache, uploads and PostgreSQL under load.
const MEMORY_NEEDED_MIB: u64 = 960;
const MEMORY_WANTED_MIB: u64 = 1900;
/// An empty installation takes 150 MiB, an upload is kept twice while it is unpacked.
const DISK_NEEDED_MIB: u64 = 2 * 1024;
const DISK_WANTED_MIB: u64 = 20 * 1024;
/// `openat2` and `pidfd_getfd` came with it.
const KERNEL_NEEDED: (u32, u32) = (5, 6);
/// A name server that does not answer is no reason to wait longer.
const LOOKUP: Duration = Duration::from_secs(5);

/// Those that the package is made for and tested on, with the oldest version.
const SUPPORTED: [(&str, u32); 2] = [("debian", 12), ("ubuntu", 2404)];

pub fn distribution(machine: &Machine) -> Check {
    let (id, title) = ("distribution", "distribution");
    let text = machine.read("/etc/os-release").unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let name = Some(value("PRETTY_NAME"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned());
    // 24.04 is compared as 2404; a testing version has no number and is newer than all.
    let version = value("VERSION_ID").replace('.', "").parse::<u32>().ok();
    let oldest = SUPPORTED.iter().find(|(known, _)| *known == value("ID"));
    match oldest {
        Some((_, oldest)) if version.is_none_or(|version| version >= *oldest) => Check::ok(id, title, name),
        Some(_) => Check::failure(
            id,
            title,
            format!("{name} is older than what mPanel is built for"),
            "use Debian 12, Ubuntu 24.04 or newer",
        ),
        None => Check::warning(
            id,
            title,
            format!("{name} is not one that mPanel is tested on"),
            "use Debian 12, Ubuntu 24.04 or newer for customers",
        ),
    }
}

pub fn kernel(machine: &Machine) -> Check {
    let (id, title) = ("kernel", "kernel");
    let release = machine.read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let version = match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => {
            return Check::warning(
                id,
                title,
                "cannot tell its version",
                format!("make sure that it is {}.{} or newer", KERNEL_NEEDED.0, KERNEL_NEEDED.1),
            );
        }
    };
    if version < KERNEL_NEEDED {
        let (major, minor) = KERNEL_NEEDED;
        return Check::failure(
            id,
            title,
            format!("{release} has no openat2 and pidfd_getfd, which keep customers inside their folders and sites up"),
            format!("boot a kernel from {major}.{minor} up"),
        );
    }
    Check::ok(id, title, release)
}

/// What separates customers' programs from each other: nothing of it is needed to serve files.
pub fn sandbox(machine: &Machine) -> Check {
    let (id, title) = ("sandbox", "kernel features for separating programs");
    let mut missing = Vec::new();
    let number = |file: &str| machine.read(file).and_then(|text| text.trim().parse::<u64>().ok());
    if number("/proc/sys/user/max_user_namespaces").is_none_or(|most| most == 0)
        || number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0)
    {
        missing.push("user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)");
    }
    if !machine.has("/sys/fs/cgroup/cgroup.controllers") {
        missing.push("cgroup v2 (boot with systemd.unified_cgroup_hierarchy=1)");
    }
    let modules = machine.read("/sys/kernel/security/lsm");
    // Not mounted in most containers: then nothing is known, and the agent says in its log what it got.
    if modules.is_some_and(|modules| !modules.trim().split(',').any(|module| module == "landlock")) {
        missing.push("landlock (boot with lsm=landlock,…)");
    }
    if missing.is_empty() {
        return Check::ok(id, title, "user namespaces, cgroup v2");
    }
    Check::warning(
        id,
        title,
        format!("not available: {}", missing.join("; ")),
        "websites of files do without; enable it before applications of customers run here",
    )
}

pub fn memory(machine: &Machine) -> Check {
    let (id, title) = ("memory", "memory");
    let text = machine.read("/proc/meminfo").unwrap_or_default();
    let mut fields: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, rest)) = line.split_once(':')
            && let Some(Ok(kib)) = rest.split_ascii_whitespace().next().map(str::parse)
        {
            fields.insert(name, kib);
        }
    }
    let Some(total) = fields.get("MemTotal").map(|kib| kib / 1024) else {
        return Check::warning(id, title, "cannot tell how much there is", "make sure that it is 2 GiB");
    };
    let found = format!("{total} MiB");
    if total < MEMORY_NEEDED_MIB {
        return Check::failure(id, title, found, "use a machine with 2 GiB");
    }
    if total < MEMORY_WANTED_MIB {
        return Check::warning(
            id,
            title,
            found,
            "enough to try it; use a machine with 2 GiB for customers",
        );
    }
    Check::ok(id, title, found)
}

pub fn disk(machine: &Machine, data: &Path) -> Check {
    let (id, title) = ("disk", "disk");
    let target = machine.path(data);
    // The folder itself may not be there yet.
    let place = target.ancestors().find(|folder| folder.is_dir()).unwrap_or(&target);
    match rustix::fs::statvfs(place) {
        Err(error) => Check::warning(
            id,
            title,
            format!("cannot tell how much is free at {}: {error}", data.display()),
            "make sure that it is 20 GiB",
        ),
        Ok(stat) => free(stat.f_bavail * stat.f_frsize / 1024 / 1024, stat.f_favail, data),
    }
}

pub(super) fn free(mib: u64, files: u64, data: &Path) -> Check {
    let (id, title) = ("disk", "disk");
    let found = format!("{} MiB free at {}", mib, data.display());
    if mib < DISK_NEEDED_MIB {
        return Check::failure(
            id,
            title,
            found,
            "make room, or put another disk there: 2 GiB at least, 20 for customers",
        );
    }
    // Some file systems count no files and answer 0.
    if (1..200_000).contains(&files) {
        return Check::warning(
            id,
            title,
            format!("{found}, but only {files} more files"),
            "make a file system with more inodes: a single release may have 200,000 files",
        );
    }
    if mib < DISK_WANTED_MIB {
        return Check::warning(id, title, found, "enough to try it; have 20 GiB for customers");
    }
    Check::ok(id, title, found)
}

/// Certificates, one-time codes and tokens are wrong on a machine whose clock is.
pub fn clock(machine: &Machine) -> Check {
    let (id, title) = ("clock", "clock");
    if machine.is_container() {
        return Check::ok(id, title, "a container's clock is its host's");
    }
    let fix = "install and start one: apt-get install systemd-timesyncd, or chrony";
    match synchronised() {
        Some(true) => Check::ok(id, title, "synchronised"),
        Some(false) => Check::warning(id, title, "not synchronised with a time server", fix),
        None => {
            let daemons = [
                "/run/chrony/chronyd.pid",
                "/run/chronyd.pid",
                "/run/ntpd.pid",
                "/run/openntpd.pid",
            ];
            match daemons.iter().any(|pid| machine.has(pid)) {
                true => Check::ok(id, title, "a time daemon runs"),
                false => Check::warning(id, title, "no time daemon was found", fix),
            }
        }
    }
}

/// What the kernel says, as systemd tells it; `None` without systemd.
fn synchronised() -> Option<bool> {
    let output = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .ok()?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// The names at which the panel is to answer lead here.
pub fn host_name(machine: &Machine, hosts: &[String]) -> Check {
    let own = machine.read("/proc/sys/kernel/hostname").unwrap_or_default();
    let addresses = local_addresses(machine);
    named(own.trim(), hosts, &addresses, resolve)
}

pub(super) fn named(own: &str, hosts: &[String], local: &[IpAddr], resolve: impl Fn(&str) -> Vec<IpAddr>) -> Check {
    let (id, title) = ("host-name", "host name");
    let Some(host) = hosts.first() else {
        return Check::warning(
            id,
            title,
            format!("this machine is called {own}, and the panel has no name for the network"),
            "give it one with --host panel.example.com",
        );
    };
    for host in hosts {
        let found = resolve(host);
        let list = found.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
        if found.is_empty() {
            return Check::warning(
                id,
                title,
                format!("{host} does not resolve"),
                format!("add an address record for {host} where its zone is, then people can open the panel"),
            );
        }
        if found.iter().all(IpAddr::is_loopback) {
            return Check::warning(
                id,
                title,
                format!("{host} resolves to {list}, which is every machine's own"),
                format!("remove {host} from /etc/hosts, and add an address record where its zone is"),
            );
        }
        if !found.iter().any(|address| local.contains(address)) {
            return Check::warning(
                id,
                title,
                format!("{host} resolves to {list}, which is no address of this machine"),
                "fine behind address translation; otherwise correct the address record",
            );
        }
    }
    Check::ok(id, title, format!("{host} leads here"))
}

/// Asked in a thread of its own: the system's resolver has no deadline.
fn resolve(host: &str) -> Vec<IpAddr> {
    let (send, receive) = mpsc::channel();
    let target = (host.to_owned(), 443);
    std::thread::spawn(move || {
        let found = target.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody waits any more after the deadline.
        let _late = send.send(found.unwrap_or_default());
    });
    let found = receive.recv_timeout(LOOKUP).unwrap_or_default();
    let mut addresses: Vec<IpAddr> = found.into_iter().map(|address| address.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// All addresses of all interfaces, from the kernel's tables.
fn local_addresses(machine: &Machine) -> Vec<IpAddr> {
    let v4 = machine.read("/proc/net/fib_trie").unwrap_or_default();
    let v6 = machine.read("/proc/net/if_inet6").unwrap_or_default();
    addresses_in(&v4, &v6)
}

/// `fib_trie` names an address and on the next line what it is: `/32 host LOCAL` for those of this machine.
pub(super) fn addresses_in(fib_trie: &str, if_inet6: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in fib_trie.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<IpAddr>().ok();
        } else if line.contains("/32 host LOCAL")
            && let Some(address) = last
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    for line in if_inet6.lines() {
        let digits = line.split_ascii_whitespace().next().unwrap_or_default();
        if let Ok(bits) = u128::from_str_radix(digits, 16) {
            found.push(IpAddr::from(bits.to_be_bytes()));
        }
    }
    found
}
