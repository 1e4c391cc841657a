//! The listening socket: inherited, or made at a path.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::fs::Mode;
use rustix::net::AddressFamily;
use rustix::net::sockopt::{socket_acceptconn, socket_domain};
use rustix::process::umask;

use crate::inherit;

const NAME: &str = "agent";
const FIRST_FD: i32 = 3;

/// The socket named `agent` of those passed by `LISTEN_FDS` (sd_listen_fds(3)).
///
/// # Errors
/// When there is none, or it is no listening Unix socket.
pub(crate) fn inherited() -> io::Result<UnixListener> {
    let variable = |name: &str| std::env::var(name).ok();
    let count: i32 = variable("LISTEN_FDS").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mine = variable("LISTEN_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    let position = names
        .split(':')
        .position(|name| name == NAME)
        .and_then(|at| i32::try_from(at).ok());
    let (true, Some(at)) = (mine, position.filter(|at| *at < count)) else {
        return Err(io::Error::other(
            "no socket: give --socket, or pass one as LISTEN_FDNAMES=agent",
        ));
    };
    let fd = inherit::take(FIRST_FD + at)?;
    if socket_domain(&fd)? != AddressFamily::UNIX || !socket_acceptconn(&fd)? {
        return Err(io::Error::other("the inherited descriptor is no listening Unix socket"));
    }
    let listener = UnixListener::from(fd);
    listener.set_nonblocking(false)?;
    Ok(listener)
}

/// A new socket. Anybody may connect to it; who may call is decided by the peer's uid, which no file mode or
/// change of the path can forge.
///
/// # Errors
/// `AddrInUse` when somebody listens there, and what binding gives.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() || UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let before = umask(Mode::empty());
    let listener = UnixListener::bind(path);
    umask(before);
    listener
}
