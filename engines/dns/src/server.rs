//! A running server: its threads, from start to stop.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::watch;

use crate::counters::{Counters, Registry, Stats};
use crate::net::bind::Listeners;
use crate::net::tcp::{self, TcpConfig};
use crate::net::udp;
use crate::zones::ZoneSet;

/// How a server behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Config {
    /// The TCP service.
    pub tcp: TcpConfig,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    zones: Arc<ZoneSet>,
    registry: Registry,
    address: SocketAddr,
    stop_udp: Arc<OwnedFd>,
    stop_tcp: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts a thread for each UDP socket and one for all TCP listeners.
    ///
    /// # Errors
    /// `NotFound` without any socket; what the system says when threads cannot be started.
    pub fn start(zones: Arc<ZoneSet>, listeners: Listeners, config: Config) -> io::Result<Self> {
        let address = listeners.local_addr()?;
        let stop_udp = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (stop_tcp, stopping) = watch::channel(false);
        let mut server = Self {
            zones,
            registry: Registry::default(),
            address,
            stop_udp,
            stop_tcp,
            threads: Vec::new(),
        };
        for (index, socket) in listeners.udp.into_iter().enumerate() {
            let (zones, stop) = (Arc::clone(&server.zones), Arc::clone(&server.stop_udp));
            server.spawn(format!("dns-udp-{index}"), move |counters| {
                udp::serve(&socket, &stop, &zones, counters)
            })?;
        }
        if !listeners.tcp.is_empty() {
            let zones = Arc::clone(&server.zones);
            server.spawn("dns-tcp".into(), move |counters| {
                tcp::serve(&listeners.tcp, config.tcp, &stopping, &zones, counters)
            })?;
        }
        Ok(server)
    }

    fn spawn(
        &mut self,
        name: String,
        work: impl Fn(&Arc<Counters>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let counters = self.registry.register();
        let run = move || loop {
            // No input is known to panic, but if one does it must not end the service for all others.
            match catch_unwind(AssertUnwindSafe(|| work(&counters))) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    tracing::error!(%error, "dns socket failed");
                    return;
                }
                Err(_) => {
                    counters.restarted();
                    tracing::error!("dns thread panicked and starts again");
                }
            }
        };
        self.threads.push(thread::Builder::new().name(name).spawn(run)?);
        Ok(())
    }

    /// The zones being served, to be changed at any time.
    #[must_use]
    pub fn zones(&self) -> &Arc<ZoneSet> {
        &self.zones
    }

    /// The address of the first socket.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.registry.stats()
    }

    /// Whether every thread still serves. A thread ends early only when its socket fails.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Stops: no new queries are taken, those taken are answered, TCP connections get their grace. Waits for all threads.
    pub fn stop(mut self) {
        self.stop_now();
    }

    fn stop_now(&mut self) {
        // Nobody reads the event, so that it wakes every thread. It cannot fail: the counter is at most 1.
        let _ = rustix::io::write(&*self.stop_udp, &1_u64.to_ne_bytes());
        self.stop_tcp.send_replace(true);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop_now();
    }
}
