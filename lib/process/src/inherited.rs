//! The child's half of socket passing: listeners opened by the supervisor arrive as descriptors 3, 4, … and are found by name.
//!
//! The protocol is systemd's (`LISTEN_FDS`, `LISTEN_FDNAMES`) without `LISTEN_PID`, which a parent cannot know before the fork.

use std::collections::HashMap;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

pub const LISTEN_FDS: &str = "LISTEN_FDS";
pub const LISTEN_FDNAMES: &str = "LISTEN_FDNAMES";
/// The first passed descriptor.
pub const FIRST_FD: i32 = 3;

/// The sockets this process was started with. Each can be taken once; all are non-blocking and close on exec.
pub struct Inherited {
    fds: ListenFd,
    index: HashMap<String, usize>,
}

impl Inherited {
    /// Reads the environment. Call it first in `main`, before any thread starts: it also clears the variables.
    pub fn from_env() -> Self {
        let names = std::env::var(LISTEN_FDNAMES).unwrap_or_default();
        let index = names
            .split(':')
            .enumerate()
            .map(|(index, name)| (name.to_owned(), index))
            .collect();
        Self {
            fds: ListenFd::from_env(),
            index,
        }
    }

    /// The stream listener of this name, if one was passed.
    ///
    /// # Errors
    /// When the descriptor is not a listening TCP socket.
    pub fn tcp(&mut self, name: &str) -> io::Result<Option<TcpListener>> {
        let Some(index) = self.index.remove(name) else {
            return Ok(None);
        };
        let taken = self.fds.take_tcp_listener(index)?;
        taken
            .map(|socket| socket.set_nonblocking(true).map(|()| socket))
            .transpose()
    }

    /// The datagram socket of this name, if one was passed.
    ///
    /// # Errors
    /// When the descriptor is not a UDP socket.
    pub fn udp(&mut self, name: &str) -> io::Result<Option<UdpSocket>> {
        let Some(index) = self.index.remove(name) else {
            return Ok(None);
        };
        let taken = self.fds.take_udp_socket(index)?;
        taken
            .map(|socket| socket.set_nonblocking(true).map(|()| socket))
            .transpose()
    }

    /// The Unix stream listener of this name, if one was passed.
    ///
    /// # Errors
    /// When the descriptor is not a listening Unix socket.
    pub fn unix(&mut self, name: &str) -> io::Result<Option<UnixListener>> {
        let Some(index) = self.index.remove(name) else {
            return Ok(None);
        };
        let taken = self.fds.take_unix_listener(index)?;
        taken
            .map(|socket| socket.set_nonblocking(true).map(|()| socket))
            .transpose()
    }
}
