//! Carries out what [`super::machine`] decides, and tells it what happens.

mod attempt;
mod backups;
mod hand_over;
mod postgres;

use std::collections::VecDeque;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use mpanel_pg::server::{self, Limits, Server};
use mpanel_process::{Exit, Process, Signal};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::announce::{Announcer, print};
use super::backups::Backups;
use super::children::Child;
use super::demo::Seeder;
use super::machine::{Action, Input, Machine, Plan};
use super::orphans::Orphans;
use super::ready;
use super::sockets::Sockets;
use super::state::{self, State};
use super::upgrade::trial;

pub use attempt::Attempt;
use attempt::{Ended, Underway};
use postgres::Postgres;

/// How often the files that `serve` leaves for us are looked at.
const GLANCE: Duration = Duration::from_secs(1);
/// Glances between looks at what changes slowly.
const LOOK_EVERY: u32 = 10;
/// PostgreSQL's own escalation (fast, immediate, killed) ends well before this.
const POSTGRES_LIMIT: Duration = Duration::from_secs(90);

/// A child and its process while it runs.
#[derive(Debug)]
pub struct Slot {
    pub child: Child,
    pub process: Option<Process>,
    /// [`Child::fingerprint`] when the process was started: the program's file may be another one since.
    pub fingerprint: u64,
}

#[derive(Debug)]
enum Event {
    PostgresStarted(Result<Box<Server>, server::Error>),
    PostgresStopped(Result<(), server::Error>),
    PanelReady,
    DemoEnded,
    /// What runs once in an upgrade has ended.
    Once(Ended),
    /// The program that is installed was asked whether it starts.
    Checked(Result<(), String>),
    BackupEnded(Result<(), String>),
}

/// Everything that runs.
#[derive(Debug)]
pub struct Supervisor {
    data: PathBuf,
    slots: Vec<Slot>,
    sockets: Sockets,
    postgres: Option<Postgres>,
    machine: Machine,
    announcer: Announcer,
    seeder: Option<Seeder>,
    successor: Option<Command>,
    /// The version that runs is being tried.
    attempt: Option<Underway>,
    /// What this process becomes once everything is stopped.
    afterwards: Option<Command>,
    /// A program that runs once, and must not outlive what it is for: its pid and start.
    once: Option<(u32, u64)>,
    /// The audit log did not take the outcome of an upgrade.
    untold: bool,
    backups: Option<Backups>,
    tasks: JoinSet<Event>,
    begin: Instant,
    finished: bool,
}

impl Supervisor {
    pub fn new(
        data: PathBuf,
        slots: Vec<Slot>,
        sockets: Sockets,
        postgres: Option<server::Options>,
        announcer: Announcer,
    ) -> Self {
        let postgres_index = slots.len();
        let mut plans: Vec<Plan> = slots
            .iter()
            .map(|Slot { child, .. }| Plan {
                name: child.name,
                needs: (child.needs_postgres && postgres.is_some()).then_some(postgres_index),
                stop_order: child.stop_order,
                stop_limit: child.stop_limit,
            })
            .collect();
        if postgres.is_some() {
            plans.push(Plan {
                name: "postgres",
                needs: None,
                stop_order: u8::MAX,
                stop_limit: POSTGRES_LIMIT,
            });
        }
        let running: Vec<usize> = (0..slots.len())
            .filter(|index| slots[*index].process.is_some())
            .collect();
        Self {
            machine: Machine::new(&plans, &running),
            data,
            slots,
            sockets,
            postgres: postgres.map(Postgres::new),
            announcer,
            seeder: None,
            successor: None,
            attempt: None,
            afterwards: None,
            once: None,
            untold: false,
            backups: None,
            tasks: JoinSet::new(),
            begin: Instant::now(),
            finished: false,
        }
    }

    /// Once the panel serves, this runs too.
    pub fn and_then(mut self, seeder: Option<Seeder>) -> Self {
        self.seeder = seeder;
        self
    }

    /// What `SIGUSR2` makes of this process.
    pub fn succeeded_by(mut self, successor: Command) -> Self {
        self.successor = Some(successor);
        self
    }

    /// Runs until everything was stopped by a signal.
    ///
    /// # Errors
    /// When signals or processes cannot be watched.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // A closed terminal does not end the service.
        let mut _hang_up = signal(SignalKind::hangup())?;
        let mut succeed = signal(SignalKind::user_defined2())?;
        let mut glance = tokio::time::interval(GLANCE);
        let mut glances: u32 = 0;
        let mut orphans = Orphans::default();
        if self.attempt.is_none() {
            self.wait_for_the_panel();
        }
        self.save();
        self.feed(Input::Tick);
        if self.postgres.is_none() {
            self.try_on(trial::Input::DatabaseUp);
        }
        while !self.finished {
            let trial = self.attempt.as_ref().and_then(Underway::deadline);
            let deadline = self.machine.deadline().into_iter().chain(trial).min();
            tokio::select! {
                (index, exit) = exited(&mut self.slots, &mut self.postgres) => self.exited(index, exit),
                Some(event) = self.tasks.join_next() => self.event(event),
                _ = terminate.recv() => self.stop(),
                _ = interrupt.recv() => self.stop(),
                _ = succeed.recv() => self.check_successor(),
                () = at(self.begin, deadline) => {
                    self.feed(Input::Tick);
                    self.try_on(trial::Input::Tick);
                }
                _ = glance.tick() => {
                    print(&self.announcer.refresh());
                    glances = glances.wrapping_add(1);
                    if glances.is_multiple_of(LOOK_EVERY) {
                        self.look_around();
                        if std::process::id() == 1 {
                            orphans.look(1);
                        }
                    }
                }
            }
        }
        tracing::info!("everything is stopped");
        match self.afterwards.take() {
            Some(mut next) => Err(next.exec().into()),
            None => Ok(()),
        }
    }

    /// Once it answers, people are told.
    fn wait_for_the_panel(&mut self) {
        let socket = self.data.join("run/serve.sock");
        self.tasks.spawn(async move {
            ready::wait(&socket).await;
            Event::PanelReady
        });
    }

    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    fn postgres_index(&self) -> usize {
        self.slots.len()
    }

    fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        // What a trial hears of it, once all of it is done.
        let mut news = Vec::new();
        while let Some(input) = inputs.pop_front() {
            for action in self.machine.step(self.now(), input) {
                inputs.extend(self.act(action, &mut news));
            }
        }
        for input in news {
            self.try_on(input);
        }
    }

    /// Does it, and gives what it led to at once.
    fn act(&mut self, action: Action, news: &mut Vec<trial::Input>) -> Option<Input> {
        match action {
            Action::Start(index) if index == self.postgres_index() => {
                self.start_postgres();
                None
            }
            Action::Start(index) => {
                let started = self.start_child(index);
                let name = self.slots[index].child.name;
                news.push(match &started {
                    Ok(()) => trial::Input::Started(index),
                    Err(how) => trial::Input::Failed { name, how: how.clone() },
                });
                Some(started.map_or(Input::StartFailed(index), |()| Input::Started(index)))
            }
            Action::Terminate(index) if index == self.postgres_index() => {
                self.stop_postgres(Limits::default());
                None
            }
            Action::Kill(index) if index == self.postgres_index() => {
                self.stop_postgres(postgres::HURRY);
                None
            }
            Action::Terminate(index) => self.signal_child(index, Signal::TERM),
            Action::Kill(index) => {
                tracing::warn!(
                    process = self.slots[index].child.name,
                    "process does not stop, killing it"
                );
                self.signal_child(index, Signal::KILL)
            }
            Action::Finished => {
                self.finished = true;
                None
            }
        }
    }

    fn start_child(&mut self, index: usize) -> Result<(), String> {
        let child = &self.slots[index].child;
        let fingerprint = child.fingerprint();
        let started = self.sockets.for_child(child.name).and_then(|listeners| {
            let command = child.command(&self.data)?.listeners(listeners);
            command
                .start()
                .map_err(|error| anyhow::anyhow!("cannot start {}: {error}", child.program.display()))
        });
        match started {
            Ok(process) => {
                tracing::info!(process = child.name, pid = process.pid(), "process started");
                self.slots[index].process = Some(process);
                self.slots[index].fingerprint = fingerprint;
                self.save();
                Ok(())
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(process = child.name, error, "process does not start");
                Err(error)
            }
        }
    }

    /// A child that is not there has ended already.
    fn signal_child(&self, index: usize, signal: Signal) -> Option<Input> {
        let slot = &self.slots[index];
        let Some(process) = &slot.process else {
            return Some(Input::Exited(index));
        };
        if let Err(error) = process.signal(signal) {
            tracing::error!(process = slot.child.name, %error, "cannot signal");
        }
        None
    }

    fn event(&mut self, event: Result<Event, tokio::task::JoinError>) {
        match event {
            Ok(Event::PostgresStarted(started)) => self.postgres_started(started),
            Ok(Event::PostgresStopped(stopped)) => self.postgres_stopped(stopped),
            Ok(Event::PanelReady) => {
                print(&self.announcer.ready());
                self.tell_outcome();
                self.allow_backups();
                if let Some(seeder) = self.seeder.take() {
                    self.tasks.spawn(async move {
                        seeder.run().await;
                        Event::DemoEnded
                    });
                }
            }
            Ok(Event::DemoEnded) => {
                // Still nobody's, when the demo failed.
                self.announcer.hold_claim(false);
                print(&self.announcer.refresh());
            }
            Ok(Event::Once(ended)) => self.once_ended(ended),
            Ok(Event::Checked(checked)) => self.hand_over(checked),
            Ok(Event::BackupEnded(result)) => self.backup_ended(result),
            // Cut short by a stop, which reports itself.
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                tracing::error!(%error, "a task of the supervisor failed");
                self.feed(Input::StartFailed(self.postgres_index()));
            }
        }
    }

    fn exited(&mut self, index: usize, exit: std::io::Result<Exit>) {
        let exit = exit.map_or_else(|error| error.to_string(), |exit| exit.to_string());
        let name = match self.slots.get_mut(index) {
            Some(slot) => {
                slot.process = None;
                slot.child.name
            }
            None => {
                if let Some(postgres) = &mut self.postgres {
                    postgres.server = None;
                }
                "postgres"
            }
        };
        let asked = self.machine.is_stopping() || self.machine.is_replacing(index);
        if asked {
            tracing::info!(process = name, exit, "process stopped");
        } else {
            tracing::warn!(process = name, exit, "process ended, it is restarted");
        }
        self.save();
        self.feed(Input::Exited(index));
        if !asked && index != self.postgres_index() {
            self.try_on(trial::Input::Failed { name, how: exit });
        }
    }

    fn stop(&mut self) {
        self.afterwards = None;
        self.end_backup();
        if self.machine.is_stopping() {
            tracing::warn!("stopping at once");
            self.feed(Input::Hurry);
        } else {
            tracing::info!("stopping; a second signal stops at once");
            self.feed(Input::Stop);
        }
    }

    /// Notes who runs. On a full disk the note is missing, and a later supervisor ends the children instead of adopting them.
    fn save(&self) {
        let children = self.slots.iter().filter_map(|slot| {
            let process = slot.process.as_ref()?;
            Some(state::Child {
                name: slot.child.name.to_owned(),
                pid: process.pid(),
                start: process.start(),
                fingerprint: slot.fingerprint,
                listeners: self.sockets.names(slot.child.name),
            })
        });
        let addresses = self
            .sockets
            .addresses()
            .into_iter()
            .map(|(setting, address)| (setting.to_owned(), address));
        let state = State {
            children: children.collect(),
            addresses: addresses.collect(),
        };
        if let Err(error) = state::save(&self.data, &state) {
            tracing::warn!(%error, "cannot note the running processes");
        }
    }
}

/// The next process that ends.
async fn exited(slots: &mut [Slot], postgres: &mut Option<Postgres>) -> (usize, std::io::Result<Exit>) {
    let postgres_index = slots.len();
    let mut ends = FuturesUnordered::new();
    for (index, slot) in slots.iter_mut().enumerate() {
        if let Some(process) = &mut slot.process {
            ends.push(futures_util::future::Either::Left(async move {
                (index, process.wait().await)
            }));
        }
    }
    if let Some(server) = postgres.as_mut().and_then(|postgres| postgres.server.as_mut()) {
        ends.push(futures_util::future::Either::Right(async move {
            (postgres_index, server.wait().await)
        }));
    }
    match ends.next().await {
        Some(end) => end,
        None => std::future::pending().await,
    }
}

async fn at(begin: Instant, deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => sleep_until(begin + deadline).await,
        None => std::future::pending().await,
    }
}
