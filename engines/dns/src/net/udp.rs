//! Serving a UDP socket: batches in, batches out, in buffers that live as long as the thread.
#![allow(
    unsafe_code,
    reason = "recvmmsg and sendmmsg have no safe wrapper; each call is justified where it stands"
)]

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr;

use rustix::event::{PollFd, PollFlags, poll};

use crate::answer::{self, Transport, UDP_PAYLOAD};
use crate::counters::Counters;
use crate::zones::ZoneSet;

/// Messages taken and sent with one system call.
const BATCH: usize = 64;
/// Longer queries are cut off by the kernel, and then dropped.
const QUERY_MAX: usize = 1232;
const REPLY_MAX: usize = UDP_PAYLOAD as usize;
/// Room for one `IP_PKTINFO` or `IPV6_PKTINFO`, aligned as `cmsghdr` needs.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_LEN]);
const CONTROL_LEN: usize = 48;
/// Where the data of a control message starts.
const CONTROL_DATA: usize = size_of::<libc::cmsghdr>();

/// Serves until `stop` becomes readable.
///
/// # Errors
/// When the socket is of no use any more.
pub(crate) fn serve(socket: &UdpSocket, stop: &OwnedFd, zones: &ZoneSet, counters: &Counters) -> io::Result<()> {
    let address = socket.local_addr()?.ip();
    let wildcard = address.is_unspecified();
    if wildcard {
        ask_for_destination(socket)?;
    }
    let mut batch = Batch::new(wildcard, address.is_ipv6());
    loop {
        match batch.receive(socket) {
            Ok(count) => {
                batch.answer(count, zones, counters);
                let failed = batch.send(socket);
                if failed > 0 {
                    counters.send_errors(failed);
                }
                if count == BATCH {
                    // More is likely there already.
                    continue;
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                // ICMP errors of earlier replies surface here.
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable => continue,
                _ => return Err(error),
            },
        }
        if stopped(socket, stop)? {
            return Ok(());
        }
    }
}

/// Waits for a message or the end.
fn stopped(socket: &UdpSocket, stop: &OwnedFd) -> io::Result<bool> {
    let mut fds = [
        PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
    ];
    match poll(&mut fds, None) {
        Ok(_) => Ok(fds[1].revents().contains(PollFlags::IN)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Has the kernel say which local address a message came to, so that the reply leaves from there.
fn ask_for_destination(socket: &UdpSocket) -> io::Result<()> {
    let (level, option) = if socket.local_addr()?.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_PKTINFO)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    };
    let on: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of_val(&on)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for the life of `socket`, and the pointer and size describe `on`.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), size) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

impl Control {
    /// Makes of the destination of a query the source of its reply, whichever interface that leaves by.
    fn reply_from_destination(&mut self, ipv6: bool) {
        let Some(data) = self.0.get_mut(CONTROL_DATA..) else {
            return;
        };
        if ipv6 {
            // in6_pktinfo: address, interface. Link-local addresses mean nothing without their interface.
            if !(data[0] == 0xfe && data[1] & 0xc0 == 0x80) {
                data[16..20].fill(0);
            }
        } else {
            // in_pktinfo: interface, source to use, destination in the header. The kernel leaves the middle one empty
            // in datagrams that came before it was asked.
            data.copy_within(8..12, 4);
            data[..4].fill(0);
        }
    }
}

struct Batch {
    queries: Box<[[u8; QUERY_MAX]]>,
    replies: Box<[[u8; REPLY_MAX]]>,
    peers: Box<[libc::sockaddr_storage]>,
    controls: Box<[Control]>,
    received: Box<[libc::mmsghdr]>,
    sending: Box<[libc::mmsghdr]>,
    vectors: Box<[libc::iovec]>,
    wildcard: bool,
    ipv6: bool,
    to_send: usize,
}

fn boxed<T: Clone>(value: T) -> Box<[T]> {
    vec![value; BATCH].into_boxed_slice()
}

impl Batch {
    fn new(wildcard: bool, ipv6: bool) -> Self {
        // SAFETY: these are plain C structures of integers and pointers, for which all zeroes is a valid value.
        let (peer, message) = unsafe {
            (
                std::mem::zeroed::<libc::sockaddr_storage>(),
                std::mem::zeroed::<libc::mmsghdr>(),
            )
        };
        Self {
            queries: boxed([0; QUERY_MAX]),
            replies: boxed([0; REPLY_MAX]),
            peers: boxed(peer),
            controls: boxed(Control([0; CONTROL_LEN])),
            received: boxed(message),
            sending: boxed(message),
            vectors: boxed(libc::iovec {
                iov_base: ptr::null_mut(),
                iov_len: 0,
            }),
            wildcard,
            ipv6,
            to_send: 0,
        }
    }

    /// Takes what is there, without waiting.
    fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        for (index, message) in self.received.iter_mut().enumerate() {
            self.vectors[index] = libc::iovec {
                iov_base: self.queries[index].as_mut_ptr().cast(),
                iov_len: QUERY_MAX,
            };
            let header = &mut message.msg_hdr;
            header.msg_name = (&raw mut self.peers[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = if self.wildcard {
                self.controls[index].0.as_mut_ptr().cast()
            } else {
                ptr::null_mut()
            };
            header.msg_controllen = if self.wildcard { CONTROL_LEN } else { 0 };
        }
        // SAFETY: the descriptor is open; every header just got pointers into buffers of this batch with their true
        // lengths, and nothing else touches them during the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.received.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Answers the first `count` queries and lines up the replies.
    fn answer(&mut self, count: usize, zones: &ZoneSet, counters: &Counters) {
        let map = zones.load();
        self.to_send = 0;
        for index in 0..count.min(BATCH) {
            let message = &self.received[index];
            let cut_off = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let outcome = if cut_off || port_is_zero(&self.peers[index]) {
                None
            } else {
                let query = &self.queries[index][..(message.msg_len as usize).min(QUERY_MAX)];
                answer::answer(&map, query, Transport::Udp, &mut self.replies[index])
            };
            counters.query(Transport::Udp, outcome);
            let Some(outcome) = outcome else { continue };
            // The query has been read, so its vector can describe the reply.
            self.vectors[index] = libc::iovec {
                iov_base: self.replies[index].as_mut_ptr().cast(),
                iov_len: outcome.len.min(REPLY_MAX),
            };
            if self.wildcard {
                self.controls[index].reply_from_destination(self.ipv6);
            }
            // The peer's name and the control message go back as they came.
            let mut header = message.msg_hdr;
            header.msg_flags = 0;
            if header.msg_controllen == 0 {
                header.msg_control = ptr::null_mut();
            }
            self.sending[self.to_send] = libc::mmsghdr {
                msg_hdr: header,
                msg_len: 0,
            };
            self.to_send += 1;
        }
    }

    /// Sends the replies and returns how many the system refused.
    fn send(&mut self, socket: &UdpSocket) -> usize {
        let (mut at, mut failed) = (0, 0);
        while let Some(rest) = self.sending.get_mut(at..self.to_send).filter(|rest| !rest.is_empty()) {
            let len = rest.len() as libc::c_uint;
            // SAFETY: the descriptor is open; the headers were copied from those the kernel filled in, point into
            // buffers of this batch that have not moved since, and their vectors describe the replies.
            let count = unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), len, 0) };
            match usize::try_from(count) {
                Ok(count) => at += count.max(1),
                Err(_) => match io::Error::last_os_error().kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        // A full send queue: what does not fit is lost, as any datagram may be.
                        return failed + self.to_send - at;
                    }
                    _ => {
                        failed += 1;
                        at += 1;
                    }
                },
            }
        }
        failed
    }
}

/// Nobody can be reached at port 0; such a query is forged.
fn port_is_zero(peer: &libc::sockaddr_storage) -> bool {
    // SAFETY: both address families start with the family and the port, and `sockaddr_storage` is large and aligned
    // enough for either.
    let port = unsafe { (*ptr::from_ref(peer).cast::<libc::sockaddr_in>()).sin_port };
    port == 0
}
