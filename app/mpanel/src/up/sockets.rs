//! Every listener, opened here and kept open, so that a child can be replaced while its clients wait in the queue.
//!
//! After a crash of the supervisor the listeners live on in its children, and are taken back from them through their pidfds. Where
//! the kernel forbids that (Yama's ptrace scope, seccomp), a listener stays with its child and is opened anew when the child ends.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use anyhow::Context;
use mpanel_process::{Listener, Process};
use rustix::net::sockopt::socket_acceptconn;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::holder;
use super::settings::variable;

/// Connections that wait while a process is replaced.
const BACKLOG: i32 = 1024;
/// How often the kernel is asked for a port that is free for TCP and UDP.
const CHOICES: usize = 16;

/// Where a socket listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `shared`: several processes each have their own socket on this address (`SO_REUSEPORT`).
    Tcp {
        setting: &'static str,
        address: SocketAddr,
        shared: bool,
    },
    Udp {
        setting: &'static str,
        address: SocketAddr,
        shared: bool,
    },
    Unix {
        path: PathBuf,
        owner: Option<(u32, u32)>,
        mode: u32,
    },
}

/// A listener of a child.
#[derive(Debug)]
pub struct Held {
    pub child: &'static str,
    pub name: &'static str,
    pub place: Place,
    fd: Option<OwnedFd>,
}

impl Held {
    pub fn new(child: &'static str, name: &'static str, place: Place) -> Self {
        Self {
            child,
            name,
            place,
            fd: None,
        }
    }
}

/// All listeners.
#[derive(Debug)]
pub struct Sockets {
    held: Vec<Held>,
}

impl Sockets {
    pub fn new(held: Vec<Held>) -> Self {
        Self { held }
    }

    /// Every open listener, as `child/name`.
    pub fn open_ones(&self) -> Vec<(String, BorrowedFd<'_>)> {
        let name = |held: &Held| format!("{}/{}", held.child, held.name);
        let open = self.held.iter();
        open.filter_map(|held| Some((name(held), held.fd.as_ref()?.as_fd())))
            .collect()
    }

    /// Takes what a predecessor had open, as far as the addresses are still wanted.
    pub fn inherit(&mut self, listeners: Vec<(String, OwnedFd)>) {
        for (name, fd) in listeners {
            let is_it = |held: &&mut Held| {
                held.fd.is_none() && name == format!("{}/{}", held.child, held.name) && held.place.is_of(&fd)
            };
            if let Some(held) = self.held.iter_mut().find(is_it) {
                held.fd = Some(fd);
                self.settle();
            }
        }
    }

    /// Takes back from a living child what it listens on, as far as the addresses are still wanted.
    pub fn take_back(&mut self, child: &str, process: &Process) {
        let wanted = |held: &Held| held.child == child && held.fd.is_none();
        // Usually 3, 4, …; a child may have moved them.
        let mut numbers: Vec<i32> = std::fs::read_dir(format!("/proc/{}/fd", process.pid()))
            .map(|entries| {
                entries
                    .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
                    .collect()
            })
            .unwrap_or_default();
        numbers.sort_unstable();
        for number in numbers {
            if !self.held.iter().any(wanted) {
                return;
            }
            let Ok(fd) = process.duplicate_fd(number) else { continue };
            let found = self.held.iter_mut().find(|held| wanted(held) && held.place.is_of(&fd));
            if let Some(held) = found {
                held.fd = Some(fd);
                self.settle();
            }
        }
        for held in self.held.iter().filter(|held| wanted(held)) {
            tracing::warn!(
                child,
                listener = held.name,
                "cannot take a listener back, it stays with the process until that ends"
            );
        }
    }

    /// Opens what is not open, except for what stays with the adopted children in `left_with`.
    ///
    /// # Errors
    /// When an address is taken or not allowed: names the address, the setting and, when it can be found, the holder.
    pub fn open(&mut self, left_with: &[&str]) -> anyhow::Result<()> {
        for index in 0..self.held.len() {
            if !left_with.contains(&self.held[index].child) {
                self.open_one(index)?;
            }
        }
        Ok(())
    }

    /// Duplicates of a child's listeners, opening those that had stayed with its predecessor.
    ///
    /// # Errors
    /// As [`Sockets::open`].
    pub fn for_child(&mut self, child: &str) -> anyhow::Result<Vec<Listener>> {
        let mut listeners = Vec::new();
        for index in 0..self.held.len() {
            if self.held[index].child == child {
                self.open_one(index)?;
                let held = &self.held[index];
                let fd = held
                    .fd
                    .as_ref()
                    .context("the listener is open")?
                    .try_clone()
                    .context("duplicating a listener")?;
                listeners.push(Listener {
                    name: held.name.to_owned(),
                    fd,
                });
            }
        }
        Ok(listeners)
    }

    /// The names of a child's listeners, in the order in which it gets them.
    pub fn names(&self, child: &str) -> Vec<String> {
        self.held
            .iter()
            .filter(|held| held.child == child)
            .map(|held| held.name.to_owned())
            .collect()
    }

    /// The addresses as bound, by setting.
    pub fn addresses(&self) -> Vec<(&'static str, String)> {
        let mut addresses: Vec<_> = self
            .held
            .iter()
            .filter_map(|held| held.place.network())
            .map(|(setting, address)| (setting, address.to_string()))
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// The address of a setting as bound.
    pub fn address(&self, setting: &str) -> Option<SocketAddr> {
        self.held
            .iter()
            .filter_map(|held| held.place.network())
            .find(|(name, _)| *name == setting)
            .map(|(_, address)| address)
    }

    fn open_one(&mut self, index: usize) -> anyhow::Result<()> {
        let held = &self.held[index];
        if held.fd.is_some() {
            return Ok(());
        }
        if let Some((_, address)) = held.place.network() {
            // Sharing would also share with a stranger who allows it: the first of ours makes sure that the address is free.
            let first = !self
                .held
                .iter()
                .any(|other| other.fd.is_some() && other.place == held.place);
            if held.place.is_shared() && first && address.port() != 0 {
                held.place.bind(false).map_err(|error| held.place.explain(error))?;
            }
        }
        let bind = || {
            let bound = held.place.bind(held.place.is_shared());
            bound.map_err(|error| held.place.explain(error))
        };
        let mut fd = bind()?;
        // A port that the kernel chose for one protocol may be somebody's in the other.
        for _ in 0..CHOICES {
            if self.suits_all(held, &fd) {
                break;
            }
            fd = bind()?;
        }
        self.held[index].fd = Some(fd);
        self.settle();
        Ok(())
    }

    /// Whether the setting's other sockets, if they still have no port, could have the one of this socket.
    pub(super) fn suits_all(&self, held: &Held, fd: &OwnedFd) -> bool {
        let bound = SockRef::from(fd).local_addr().ok().and_then(|local| local.as_socket());
        let (Some((setting, wanted)), Some(bound)) = (held.place.network(), bound) else {
            return true;
        };
        let in_use = |place: &Place| {
            let there = place.at(bound).bind(false);
            there.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
        };
        wanted.port() != 0
            || !self.held.iter().any(|other| {
                other.place != held.place && other.place.network() == Some((setting, wanted)) && in_use(&other.place)
            })
    }

    /// Replaces port 0 by the port that the kernel chose, for every socket of the setting.
    fn settle(&mut self) {
        let known: Vec<(&'static str, SocketAddr)> = self
            .held
            .iter()
            .filter_map(|held| {
                let (setting, _) = held.place.network()?;
                Some((
                    setting,
                    SockRef::from(held.fd.as_ref()?).local_addr().ok()?.as_socket()?,
                ))
            })
            .collect();
        for held in &mut self.held {
            if let Place::Tcp { setting, address, .. } | Place::Udp { setting, address, .. } = &mut held.place
                && address.port() == 0
                && let Some((_, bound)) = known.iter().find(|(name, _)| name == setting)
            {
                *address = *bound;
            }
        }
    }
}

impl Place {
    fn network(&self) -> Option<(&'static str, SocketAddr)> {
        match self {
            Self::Tcp { setting, address, .. } | Self::Udp { setting, address, .. } => Some((setting, *address)),
            Self::Unix { .. } => None,
        }
    }

    /// The same at another address.
    fn at(&self, address: SocketAddr) -> Self {
        let mut place = self.clone();
        if let Self::Tcp { address: at, .. } | Self::Udp { address: at, .. } = &mut place {
            *at = address;
        }
        place
    }

    fn is_shared(&self) -> bool {
        matches!(self, Self::Tcp { shared: true, .. } | Self::Udp { shared: true, .. })
    }

    /// Whether this descriptor is a listener (no connection) on this place.
    pub(super) fn is_of(&self, fd: &OwnedFd) -> bool {
        let socket = SockRef::from(fd);
        let Ok(local) = socket.local_addr() else { return false };
        let listens = || socket_acceptconn(fd.as_fd()).unwrap_or(false);
        let same = |wanted: &SocketAddr| {
            local
                .as_socket()
                .is_some_and(|local| local == *wanted || (wanted.port() == 0 && local.ip() == wanted.ip()))
        };
        match self {
            Self::Tcp { address, .. } => same(address) && listens(),
            Self::Udp { address, .. } => {
                same(address) && socket.r#type().is_ok_and(|kind| kind == Type::DGRAM) && socket.peer_addr().is_err()
            }
            // The file must still be there for clients to find it.
            Self::Unix { path, .. } => local.as_pathname() == Some(path) && listens() && path.exists(),
        }
    }

    fn bind(&self, shared: bool) -> std::io::Result<OwnedFd> {
        match self {
            Self::Tcp { address, .. } => {
                let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                prepare(&socket, address, shared)?;
                socket.listen(BACKLOG)?;
                Ok(socket.into())
            }
            Self::Udp { address, .. } => {
                let socket = Socket::new(Domain::for_address(*address), Type::DGRAM, None)?;
                prepare(&socket, address, shared)?;
                Ok(socket.into())
            }
            Self::Unix { path, owner, mode } => {
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                let socket = UnixListener::bind(path)?;
                // The mode first: as long as root owns it, nobody can put something else in its place.
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode))?;
                if let Some((uid, gid)) = owner {
                    lchown(path, Some(*uid), Some(*gid))?;
                }
                Ok(socket.into())
            }
        }
    }

    fn explain(&self, error: std::io::Error) -> anyhow::Error {
        use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
        let (setting, address) = match self {
            Self::Unix { path, .. } => {
                return anyhow::Error::new(error).context(format!("listening on {}", path.display()));
            }
            Self::Tcp { setting, address, .. } | Self::Udp { setting, address, .. } => (*setting, *address),
        };
        let tcp = matches!(self, Self::Tcp { .. });
        let protocol = if tcp { "TCP" } else { "UDP" };
        let remedy = format!("set --{} or {}", setting.replace('_', "-"), variable(setting));
        match error.kind() {
            AddrInUse => {
                let holder = holder::find(address, tcp).map_or_else(String::new, |holder| format!(" by {holder}"));
                anyhow::anyhow!(
                    "{protocol} port {} ({address}) is taken{holder}: stop that program, or {remedy} to another address",
                    address.port()
                )
            }
            PermissionDenied => anyhow::anyhow!(
                "{protocol} port {} ({address}) is reserved for root: start as root, or {remedy} to a port from 1024 up",
                address.port()
            ),
            AddrNotAvailable => anyhow::anyhow!("this machine has no address {}: {remedy} to one it has", address.ip()),
            _ => {
                anyhow::Error::new(error).context(format!("listening on {protocol} {address} ({remedy} to change it)"))
            }
        }
    }
}

fn prepare(socket: &Socket, address: &SocketAddr, shared: bool) -> std::io::Result<()> {
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(*address))
}
