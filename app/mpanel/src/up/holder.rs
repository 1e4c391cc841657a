//! Who holds a port, for the message that says so.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;

use mpanel_process::procfs;

/// `pid 1234 (nginx)` of the process that holds the port, when it can be found.
pub fn find(address: SocketAddr, tcp: bool) -> Option<String> {
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
    Some(format!("pid {pid} ({})", procfs::name(pid).unwrap_or_default()))
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
