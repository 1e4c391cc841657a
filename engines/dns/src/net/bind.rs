//! Opening sockets, for those who do not get them from a supervisor.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// What the kernel may queue before a thread takes it; the system's own maximum still holds.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Open sockets to serve on.
#[derive(Debug, Default)]
pub struct Listeners {
    /// One thread serves each. Several sockets on one address share its load (`SO_REUSEPORT`).
    pub udp: Vec<UdpSocket>,
    /// Served together by one thread.
    pub tcp: Vec<TcpListener>,
}

impl Listeners {
    /// Opens `udp_sockets` UDP sockets and a TCP listener on one address. With port 0 the system chooses a port that is
    /// free for both.
    ///
    /// # Errors
    /// When the address cannot be used, for example because another process listens there.
    pub fn bind(address: SocketAddr, udp_sockets: usize) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            match Self::bind_once(address, udp_sockets) {
                Err(error) if address.port() == 0 && error.kind() == io::ErrorKind::AddrInUse && tries < 20 => {
                    tries += 1
                }
                result => return result,
            }
        }
    }

    fn bind_once(address: SocketAddr, udp_sockets: usize) -> io::Result<Self> {
        // A socket that does not share finds out whether somebody else is there.
        let first = bind_udp(address, false)?;
        let address = first.local_addr()?;
        let tcp = bind_tcp(address, false)?;
        let udp = if udp_sockets > 1 {
            drop(first);
            (0..udp_sockets)
                .map(|_| bind_udp(address, true))
                .collect::<io::Result<_>>()?
        } else {
            vec![first]
        };
        Ok(Self { udp, tcp: vec![tcp] })
    }

    /// The first address served.
    ///
    /// # Errors
    /// `NotFound` without any socket, and what the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match (self.udp.first(), self.tcp.first()) {
            (Some(udp), _) => udp.local_addr(),
            (_, Some(tcp)) => tcp.local_addr(),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // Otherwise listening on 0.0.0.0 and [::] side by side fails.
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    Ok(socket)
}

/// Opens a UDP socket; with `shared`, several sockets of the same user can serve the address (`SO_REUSEPORT`).
///
/// # Errors
/// What the system says.
pub fn bind_udp(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP, shared)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

/// Opens a TCP listener; with `shared`, several can serve the address (`SO_REUSEPORT`).
///
/// # Errors
/// What the system says.
pub fn bind_tcp(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = socket(address, Type::STREAM, Protocol::TCP, shared)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(1024)?;
    Ok(socket.into())
}
