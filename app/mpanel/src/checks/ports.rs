//! The addresses that mPanel is to listen on: are they there, and does somebody else hold them.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{Check, Demands, Machine};
use crate::up::holder::{self, Holder};

/// The stub resolver of systemd, which most Ubuntu machines run.
const RESOLVED: &str = "systemd-resolve";

pub fn all(machine: &Machine, demands: &Demands<'_>) -> Vec<Check> {
    let addresses = demands.addresses.iter();
    addresses
        .map(|(setting, address, udp)| one(machine, demands.data, setting, *address, *udp))
        .collect()
}

fn one(machine: &Machine, data: &Path, setting: &str, address: SocketAddr, udp: bool) -> Check {
    let (id, title) = identity(setting);
    let protocols: &[(Type, &str)] = match udp {
        true => &[(Type::STREAM, "TCP"), (Type::DGRAM, "UDP")],
        false => &[(Type::STREAM, "TCP")],
    };
    let option = format!("--{}", setting.replace('_', "-"));
    for (kind, protocol) in protocols {
        let Err(error) = bind(address, *kind) else { continue };
        let holder = holder::find(address, *kind == Type::STREAM);
        return match error.kind() {
            // Set up before: it is to go on.
            ErrorKind::AddrInUse if holder.as_ref().is_some_and(|holder| holder.serves(data)) => {
                Check::ok(id, title, format!("{address} is mPanel's already"))
            }
            ErrorKind::AddrInUse => taken(machine, setting, address, protocol, holder),
            ErrorKind::AddrNotAvailable => Check::failure(
                id,
                title,
                format!("this machine has no address {}", address.ip()),
                format!("give one that it has with {option}"),
            ),
            ErrorKind::PermissionDenied => Check::warning(
                id,
                title,
                format!("only root can tell whether {protocol} {address} is free"),
                "ask again as root",
            ),
            _ => Check::failure(
                id,
                title,
                format!("{protocol} {address} cannot be listened on: {error}"),
                format!("give another address with {option}"),
            ),
        };
    }
    Check::ok(id, title, format!("{address} is free"))
}

fn identity(setting: &str) -> (&'static str, &'static str) {
    match setting {
        "panel" => ("port.panel", "address of the panel"),
        "edge_http" => ("port.http", "address of the sites over HTTP"),
        "edge_https" => ("port.https", "address of the sites over HTTPS"),
        _ => ("port.dns", "address of the name server"),
    }
}

pub(super) fn taken(
    machine: &Machine,
    setting: &str,
    address: SocketAddr,
    protocol: &str,
    holder: Option<Holder>,
) -> Check {
    let (id, title) = identity(setting);
    let option = format!("--{}", setting.replace('_', "-"));
    let Some(holder) = holder else {
        return Check::failure(
            id,
            title,
            format!("{protocol} {address} is taken"),
            format!("`ss -lntup` as root says by whom: stop that program, or give another address with {option}"),
        );
    };
    // Its name is cut to 15 characters by the kernel.
    let fix = if holder.name.starts_with(RESOLVED) {
        "put `[Resolve]` and `DNSStubListener=no` into /etc/systemd/resolved.conf.d/mpanel.conf, run `ln -sf \
         ../run/systemd/resolve/resolv.conf /etc/resolv.conf` and `systemctl restart systemd-resolved`; or give this \
         machine's public address with --dns ADDRESS:53, since the resolver holds loopback addresses only"
            .to_owned()
    } else if machine.has_systemd() {
        let unit = holder.unit().unwrap_or_else(|| holder.name.clone());
        format!("stop it for good with `systemctl disable --now {unit}`, or give another address with {option}")
    } else {
        format!("stop that program, or give another address with {option}")
    };
    Check::failure(id, title, format!("{protocol} {address} is taken by {holder}"), fix)
}

/// Listens for a moment, as `mpanel up` will; what the kernel says counts, not what a table looks like.
fn bind(address: SocketAddr, kind: Type) -> std::io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    if kind == Type::STREAM {
        socket.listen(1)?;
    }
    Ok(())
}
