//! Metering: what sites have used, spooled on disk and reported through the feed.
//!
//! Figures are cumulative within a *window*: one day (UTC) of one process. Every second what the engine has counted is
//! added, and what the control plane does not have yet is written to disk: a kill loses the last second, or a second for
//! every [`WRITTEN`] sites that wait to be reported. A window's
//! counting begins at zero under a UUID of its own and nobody goes on with it after a restart: what the disk holds is
//! only reported, so a file that is older than the last report changes nothing.

mod spool;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mpanel_engine_edge::{Edge, SiteTraffic, Traffic};
use mpanel_feed::{Reports, SiteUsage, Usage};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::Uuid;
use tokio::time::MissedTickBehavior;

use spool::{Spool, Write};

/// What a kill costs at most, as long as no more than [`WRITTEN`] sites wait to be reported.
const EVERY: Duration = Duration::from_secs(1);
/// Sites that are written each second. With a control plane that is away a file grows to all sites, and is written as
/// seldom as to be no more than this.
const WRITTEN: usize = 5_000;
/// Sites in one report.
const REPORTED: usize = 5_000;
/// Sites in windows that are over and not reported: some 20 MiB. Beyond it the oldest windows are given up.
const KEPT: usize = 200_000;

/// The engine's label for a site's traffic; empty for what is nobody's.
pub fn label(tenant: &str, site: &str) -> String {
    if tenant.is_empty() || site.is_empty() {
        String::new()
    } else {
        format!("{tenant}/{site}")
    }
}

/// What this node has counted and the control plane may not have yet. Clones share it.
#[derive(Clone)]
pub struct Meter(Arc<Mutex<State>>);

struct State {
    clock: SharedClock,
    spool: Spool,
    live: Window,
    /// Of earlier days and processes, the oldest first.
    left: VecDeque<Window>,
    seq: u64,
    on_its_way: Option<OnItsWay>,
    /// Seconds in which nothing is written, so that much is not written often.
    pause: usize,
    /// The last write failed, which has been said.
    failing: bool,
}

struct Window {
    boot: Uuid,
    day: String,
    sites: BTreeMap<Box<str>, Counted>,
    /// Whether its file says less than is known.
    unwritten: bool,
}

#[derive(Default)]
struct Counted {
    total: Traffic,
    /// What the control plane has of it.
    taken: Traffic,
}

struct OnItsWay {
    seq: u64,
    boot: Uuid,
    sites: Vec<(Box<str>, Traffic)>,
}

impl Window {
    fn new(day: String) -> Self {
        Self {
            boot: Uuid::now_v7(),
            day,
            sites: BTreeMap::new(),
            unwritten: false,
        }
    }

    fn unreported(&self) -> impl Iterator<Item = (&str, Traffic)> {
        self.sites
            .iter()
            .filter(|(_, counted)| counted.total != counted.taken)
            .map(|(label, counted)| (&**label, counted.total))
    }

    fn is_reported(&self) -> bool {
        self.unreported().next().is_none()
    }

    fn add(&mut self, grown: Vec<SiteTraffic>) {
        self.unwritten |= !grown.is_empty();
        for SiteTraffic { site, traffic } in grown {
            let total = &mut self.sites.entry(site).or_default().total;
            total.requests += traffic.requests;
            total.bytes_in += traffic.bytes_in;
            total.bytes_out += traffic.bytes_out;
            for (total, grown) in total.status.iter_mut().zip(traffic.status) {
                *total += grown;
            }
        }
    }

    fn report(&self, seq: u64, most: usize) -> Usage {
        let site = |(label, total): (&str, Traffic)| {
            let (tenant, site) = label.split_once('/')?;
            Some(SiteUsage {
                tenant: tenant.to_owned(),
                site: site.to_owned(),
                requests: total.requests,
                bytes_in: total.bytes_in,
                bytes_out: total.bytes_out,
                status: total.status,
            })
        };
        Usage {
            seq,
            boot: self.boot.to_string(),
            window: self.day.clone(),
            sites: self.unreported().take(most).filter_map(site).collect(),
        }
    }

    /// A window of an earlier process, as its file says.
    fn left(boot: Uuid, usage: Usage) -> Self {
        let site = |site: SiteUsage| {
            let total = Traffic {
                requests: site.requests,
                bytes_in: site.bytes_in,
                bytes_out: site.bytes_out,
                status: site.status,
            };
            let counted = Counted {
                total,
                taken: Traffic::default(),
            };
            (label(&site.tenant, &site.site).into(), counted)
        };
        Self {
            boot,
            day: usage.window,
            sites: usage.sites.into_iter().map(site).collect(),
            unwritten: false,
        }
    }
}

impl Meter {
    /// Finds what earlier processes have left in `folder`, which is made if it is not there.
    pub fn open(folder: PathBuf, clock: SharedClock) -> Self {
        let mut spool = Spool::new(folder);
        let left: VecDeque<Window> = spool
            .load()
            .into_iter()
            .map(|(boot, usage)| Window::left(boot, usage))
            .collect();
        if !left.is_empty() {
            tracing::info!(
                windows = left.len(),
                "usage of an earlier process is still to be reported"
            );
        }
        let mut state = State {
            live: Window::new(today(&clock)),
            clock,
            spool,
            left,
            seq: 0,
            on_its_way: None,
            pause: 0,
            failing: false,
        };
        state.give_up_what_is_too_much();
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Collects from the engine every second, for ever.
    pub async fn run(&self, edge: &Edge) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let write = {
                let mut state = self.state();
                state.collect(edge.take_traffic());
                state.due_write()
            };
            if let Some(write) = write {
                let boot = write.boot;
                // The disk may be slow, and the feed is followed on this thread.
                let written = tokio::task::spawn_blocking(move || write.run()).await;
                self.state()
                    .written(boot, written.unwrap_or_else(|error| Err(io::Error::other(error))));
            }
        }
    }

    /// Collects what is there for the last time. Blocks.
    pub fn finish(&self, edge: &Edge) {
        self.state().finish(edge.take_traffic());
    }
}

impl State {
    /// The windows, the oldest first.
    fn windows(&self) -> impl Iterator<Item = &Window> {
        self.left.iter().chain([&self.live])
    }

    fn window(&mut self, boot: Uuid) -> Option<&mut Window> {
        self.left
            .iter_mut()
            .chain([&mut self.live])
            .find(|window| window.boot == boot)
    }

    /// Adds what was counted.
    fn collect(&mut self, grown: Vec<SiteTraffic>) {
        let today = today(&self.clock);
        if today != self.live.day {
            let over = std::mem::replace(&mut self.live, Window::new(today));
            if over.is_reported() {
                self.spool.remove(over.boot);
            } else {
                self.left.push_back(over);
                self.give_up_what_is_too_much();
            }
        }
        self.live.add(grown);
        if self.live.is_reported() {
            self.spool.remove(self.live.boot);
            self.live.unwritten = false;
        }
    }

    /// What has to be written this second: the live window, or one that could not be written before its day was over.
    fn due_write(&mut self) -> Option<Write> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let window = self.windows().find(|window| window.unwritten)?;
        let write = self.spool.write(window.boot, window.report(0, usize::MAX));
        self.pause = write.sites() / WRITTEN;
        Some(write)
    }

    /// Adds what was counted last and writes all that is not written. One window that the disk does not take does not
    /// keep the others from it.
    fn finish(&mut self, grown: Vec<SiteTraffic>) {
        self.collect(grown);
        let unwritten = self.windows().filter(|window| window.unwritten);
        let writes: Vec<Write> = unwritten
            .map(|window| self.spool.write(window.boot, window.report(0, usize::MAX)))
            .collect();
        for write in writes {
            let written = write.run();
            self.written(write.boot, written);
        }
    }

    fn written(&mut self, boot: Uuid, result: io::Result<()>) {
        let failed = result.is_err();
        match result {
            Ok(()) => {
                self.spool.note(boot);
                match self.window(boot) {
                    Some(window) => window.unwritten = false,
                    // It was taken meanwhile.
                    None => self.spool.remove(boot),
                }
            }
            Err(error) if !self.failing => {
                tracing::error!(%error, "usage cannot be written to disk; a crash would lose what is not reported");
            }
            Err(_) => {}
        }
        self.failing = failed;
    }

    fn give_up_what_is_too_much(&mut self) {
        let mut sites: usize = self.left.iter().map(|window| window.sites.len()).sum();
        while sites > KEPT
            && let Some(window) = self.left.pop_front()
        {
            sites -= window.sites.len();
            self.spool.remove(window.boot);
            tracing::error!(
                day = window.day,
                sites = window.sites.len(),
                "usage was not taken for too long and is given up"
            );
        }
    }
}

impl Reports for Meter {
    fn next(&mut self) -> Option<Usage> {
        let mut state = self.state();
        let seq = state.seq + 1;
        let window = state.windows().find(|window| !window.is_reported())?;
        let usage = window.report(seq, REPORTED);
        let sites = window.unreported().take(REPORTED);
        let sites = sites.map(|(label, total)| (label.into(), total)).collect();
        let boot = window.boot;
        state.seq = seq;
        state.on_its_way = Some(OnItsWay { seq, boot, sites });
        Some(usage)
    }

    fn taken(&mut self, seq: u64) {
        let mut state = self.state();
        let Some(OnItsWay { boot, sites, .. }) = state.on_its_way.take_if(|sent| sent.seq == seq) else {
            return;
        };
        let live = state.live.boot;
        let Some(window) = state.window(boot) else { return };
        for (label, total) in sites {
            if let Some(counted) = window.sites.get_mut(&label) {
                counted.taken = total;
            }
        }
        // The live one's file goes with the next second, which often needs it again.
        if boot != live && window.is_reported() {
            state.left.retain(|window| window.boot != boot);
            state.spool.remove(boot);
        }
    }
}

/// The day in UTC.
fn today(clock: &SharedClock) -> String {
    clock.now().strftime("%F").to_string()
}
