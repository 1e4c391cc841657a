//! Counters, one block a thread, added up when read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::{Outcome, Transport};

/// Response codes counted by name; all others share the last place.
const RCODES: [(&str, u16); 9] = [
    ("noerror", 0),
    ("formerr", 1),
    ("servfail", 2),
    ("nxdomain", 3),
    ("notimp", 4),
    ("refused", 5),
    ("notauth", 9),
    ("badvers", 16),
    ("other", u16::MAX),
];

/// What happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Queries over UDP, dropped ones included.
    pub queries_udp: u64,
    /// Queries over TCP, dropped ones included.
    pub queries_tcp: u64,
    /// Messages that must not be answered: too short, responses, cut off, from port 0.
    pub dropped: u64,
    /// Responses with the TC bit.
    pub truncated: u64,
    /// Responses the system would not send.
    pub send_errors: u64,
    /// TCP connections accepted.
    pub tcp_accepted: u64,
    /// TCP connections closed at once because of a limit.
    pub tcp_rejected: u64,
    /// Threads that panicked and were started again.
    pub restarts: u64,
    rcodes: [u64; RCODES.len()],
}

impl Stats {
    /// Responses by response code: the code's name in lower case and the count.
    pub fn by_rcode(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RCODES.iter().zip(self.rcodes).map(|(&(name, _), count)| (name, count))
    }

    /// Responses sent or tried to be sent.
    #[must_use]
    pub fn responses(&self) -> u64 {
        self.rcodes.iter().sum()
    }
}

/// The counters of one thread, which alone writes them; on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    queries_udp: AtomicU64,
    queries_tcp: AtomicU64,
    dropped: AtomicU64,
    truncated: AtomicU64,
    send_errors: AtomicU64,
    tcp_accepted: AtomicU64,
    tcp_rejected: AtomicU64,
    restarts: AtomicU64,
    rcodes: [AtomicU64; RCODES.len()],
}

/// There is one writer, so no read-modify-write is needed.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

impl Counters {
    pub(crate) fn query(&self, transport: Transport, outcome: Option<Outcome>) {
        match transport {
            Transport::Udp => add(&self.queries_udp, 1),
            Transport::Tcp => add(&self.queries_tcp, 1),
        }
        let Some(outcome) = outcome else {
            add(&self.dropped, 1);
            return;
        };
        if outcome.truncated {
            add(&self.truncated, 1);
        }
        let place = match outcome.rcode {
            code @ 0..=5 => usize::from(code),
            9 => 6,
            16 => 7,
            _ => 8,
        };
        if let Some(counter) = self.rcodes.get(place) {
            add(counter, 1);
        }
    }

    pub(crate) fn send_errors(&self, count: usize) {
        add(&self.send_errors, count as u64);
    }

    pub(crate) fn accepted(&self) {
        add(&self.tcp_accepted, 1);
    }

    pub(crate) fn rejected(&self) {
        add(&self.tcp_rejected, 1);
    }

    pub(crate) fn restarted(&self) {
        add(&self.restarts, 1);
    }

    fn add_to(&self, total: &mut Stats) {
        total.queries_udp += self.queries_udp.load(Relaxed);
        total.queries_tcp += self.queries_tcp.load(Relaxed);
        total.dropped += self.dropped.load(Relaxed);
        total.truncated += self.truncated.load(Relaxed);
        total.send_errors += self.send_errors.load(Relaxed);
        total.tcp_accepted += self.tcp_accepted.load(Relaxed);
        total.tcp_rejected += self.tcp_rejected.load(Relaxed);
        total.restarts += self.restarts.load(Relaxed);
        for (sum, counter) in total.rcodes.iter_mut().zip(&self.rcodes) {
            *sum += counter.load(Relaxed);
        }
    }
}

/// The counters of all threads of a server.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<Vec<Arc<Counters>>>);

impl Registry {
    pub(crate) fn register(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&counters));
        counters
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut total = Stats::default();
        for counters in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            counters.add_to(&mut total);
        }
        total
    }
}
