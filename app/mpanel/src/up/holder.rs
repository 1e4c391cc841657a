//! Who holds a port, for the message that says so.

use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mpanel_process::procfs;

/// The process that holds a port. Shown as `pid 1234 (nginx)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// At most 15 bytes: the kernel cuts it.
    pub name: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pid {} ({})", self.pid, self.name)
    }
}

impl Holder {
    /// Whether it is one of mPanel's processes on this data folder.
    pub fn serves(&self, data: &Path) -> bool {
        let argv = procfs::argv(self.pid).unwrap_or_default();
        // The supervisor may have the folder from the environment, but it notes its pid there.
        let noted = std::fs::read_to_string(data.join("lock")).unwrap_or_default();
        self.name.starts_with("mpanel")
            && (noted.trim() == self.pid.to_string()
                || argv.iter().any(|argument| argument == data.as_os_str().as_bytes()))
    }

    /// The service that it is part of, such as `nginx.service`.
    pub fn unit(&self) -> Option<String> {
        unit(&std::fs::read_to_string(format!("/proc/{}/cgroup", self.pid)).ok()?)
    }
}

/// The last part of a control group's path that is a service's: `0::/system.slice/nginx.service` → `nginx.service`.
pub(crate) fn unit(cgroups: &str) -> Option<String> {
    let mut parts = cgroups.lines().flat_map(|line| line.split('/')).rev();
    parts.find(|part| part.ends_with(".service")).map(str::to_owned)
}

/// The process that holds the port, when it can be found.
pub fn find(address: SocketAddr, tcp: bool) -> Option<Holder> {
    let tables = if tcp {
        ["/proc/net/tcp", "/proc/net/tcp6"]
    } else {
        ["/proc/net/udp", "/proc/net/udp6"]
    };
    let inodes: Vec<u64> = tables
        .into_iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|text| inodes(&text, address.port(), tcp))
        .collect();
    let pid = procfs::pids().into_iter().find(|pid| holds(*pid, &inodes))?;
    Some(Holder {
        pid,
        name: procfs::name(pid).unwrap_or_default(),
    })
}

/// The sockets bound to the port: listening ones for TCP (state `0A`), any for UDP.
pub(super) fn inodes(table: &str, port: u16, tcp: bool) -> Vec<u64> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let listening = !tcp || *fields.get(3)? == "0A";
        (listening && u16::from_str_radix(local, 16).ok()? == port).then(|| fields.get(9)?.parse().ok())?
    };
    table.lines().skip(1).filter_map(line).collect()
}

fn holds(pid: u32, inodes: &[u64]) -> bool {
    let Ok(fds) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    fds.flatten().any(|fd| {
        // A link to `socket:[inode]`; following it gives the socket itself.
        std::fs::metadata(fd.path())
            .is_ok_and(|metadata| metadata.mode() & 0o170_000 == 0o140_000 && inodes.contains(&metadata.ino()))
    })
}
