//! What to do when: which process to start, restart or stop. Pure decisions; [`super::supervisor`] carries them out.
//!
//! Time is the duration since the supervisor started.

use std::time::Duration;

/// A process that ran this long was healthy: its next crash is restarted at once.
const HEALTHY: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Of what was killed already.
const NEVER: Duration = Duration::MAX;

/// What the decisions need to know about a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub name: &'static str,
    /// Starts only while this process (an index) is ready.
    pub needs: Option<usize>,
    /// Lower stops first; equal ones together.
    pub stop_order: u8,
    /// How long it may take to stop by itself.
    pub stop_limit: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It runs, and what needs it may start.
    Started(usize),
    StartFailed(usize),
    Exited(usize),
    /// End it and start it again at once, from what its program is now. One that does not run is started anyway.
    Replace(usize),
    /// Stop everything in order.
    Stop,
    /// Stop everything now.
    Hurry,
    /// A deadline may have passed.
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Answered by `Started` or `StartFailed`.
    Start(usize),
    /// Asks it to end; answered by `Exited`.
    Terminate(usize),
    Kill(usize),
    /// Everything is down.
    Finished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not started yet, or for want of what it needs.
    Waiting,
    Starting,
    Running {
        since: Duration,
    },
    /// It was asked to end, and starts again then.
    Replacing {
        kill_at: Duration,
    },
    BackOff {
        until: Duration,
    },
    Stopping {
        kill_at: Duration,
    },
    Killed,
    Down,
}

#[derive(Debug)]
struct Unit {
    plan: Plan,
    state: State,
    failures: u32,
}

/// All processes and where each stands.
#[derive(Debug)]
pub struct Machine {
    units: Vec<Unit>,
    stopping: bool,
    finished: bool,
}

impl Machine {
    /// `running` are the indexes of processes that run already (adopted ones).
    pub fn new(plans: &[Plan], running: &[usize]) -> Self {
        let state = |index| match running.contains(&index) {
            true => State::Running { since: Duration::ZERO },
            false => State::Waiting,
        };
        let units = plans.iter().enumerate().map(|(index, plan)| Unit {
            plan: *plan,
            state: state(index),
            failures: 0,
        });
        Self {
            units: units.collect(),
            stopping: false,
            finished: false,
        }
    }

    /// Takes in what happened and says what to do, in this order.
    pub fn step(&mut self, now: Duration, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Started(index) => self.started(index, now),
            Input::StartFailed(index) | Input::Exited(index) => self.ended(index, now),
            Input::Replace(index) => self.replace(index, now, &mut actions),
            Input::Stop => self.begin_stop(),
            Input::Hurry => {
                self.begin_stop();
                self.kill_all(&mut actions);
            }
            Input::Tick => {}
        }
        if self.stopping {
            self.continue_stop(now, &mut actions);
        } else {
            self.kill_replaced(now, &mut actions);
            self.start_due(now, &mut actions);
        }
        actions
    }

    /// When [`Input::Tick`] is due next.
    pub fn deadline(&self) -> Option<Duration> {
        let deadlines = self.units.iter().filter_map(|unit| match unit.state {
            State::BackOff { until } => Some(until),
            State::Stopping { kill_at } | State::Replacing { kill_at } => Some(kill_at),
            _ => None,
        });
        deadlines.filter(|deadline| *deadline != NEVER).min()
    }

    /// Whether the process was asked to end so that another takes its place.
    pub fn is_replacing(&self, index: usize) -> bool {
        matches!(self.units[index].state, State::Replacing { .. })
    }

    /// How long until the process is started again, when it waits for that.
    pub fn pause(&self, index: usize, now: Duration) -> Option<Duration> {
        match self.units[index].state {
            State::BackOff { until } => Some(until.saturating_sub(now)),
            _ => None,
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    fn started(&mut self, index: usize, now: Duration) {
        let unit = &mut self.units[index];
        // A start that was under way when stopping began keeps its place in the order.
        if unit.state == State::Starting {
            unit.state = State::Running { since: now };
        }
    }

    fn ended(&mut self, index: usize, now: Duration) {
        let unit = &mut self.units[index];
        if self.stopping {
            unit.state = State::Down;
            return;
        }
        if matches!(unit.state, State::Replacing { .. }) {
            unit.failures = 0;
            unit.state = State::Waiting;
            return;
        }
        if matches!(unit.state, State::Running { since } if now.saturating_sub(since) >= HEALTHY) {
            unit.failures = 0;
        }
        unit.state = State::BackOff {
            until: now + pause(unit.failures),
        };
        unit.failures += 1;
    }

    fn replace(&mut self, index: usize, now: Duration, actions: &mut Vec<Action>) {
        let unit = &mut self.units[index];
        if !self.stopping && matches!(unit.state, State::Running { .. }) {
            unit.state = State::Replacing {
                kill_at: now + unit.plan.stop_limit,
            };
            actions.push(Action::Terminate(index));
        }
    }

    fn kill_replaced(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for (index, unit) in self.units.iter_mut().enumerate() {
            if let State::Replacing { kill_at } = &mut unit.state
                && *kill_at <= now
            {
                *kill_at = NEVER;
                actions.push(Action::Kill(index));
            }
        }
    }

    fn start_due(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for index in 0..self.units.len() {
            let due = match self.units[index].state {
                State::Waiting => true,
                State::BackOff { until } => until <= now,
                _ => false,
            };
            if !due {
                continue;
            }
            if self.is_ready(self.units[index].plan.needs) {
                self.units[index].state = State::Starting;
                actions.push(Action::Start(index));
            } else {
                self.units[index].state = State::Waiting;
            }
        }
    }

    fn is_ready(&self, needed: Option<usize>) -> bool {
        needed.is_none_or(|index| matches!(self.units[index].state, State::Running { .. }))
    }

    fn begin_stop(&mut self) {
        self.stopping = true;
        for unit in &mut self.units {
            match unit.state {
                State::Waiting | State::BackOff { .. } => unit.state = State::Down,
                // It was asked already.
                State::Replacing { kill_at } => unit.state = State::Stopping { kill_at },
                _ => {}
            }
        }
    }

    fn kill_all(&mut self, actions: &mut Vec<Action>) {
        for (index, unit) in self.units.iter_mut().enumerate() {
            if !matches!(unit.state, State::Down | State::Killed) {
                unit.state = State::Killed;
                actions.push(Action::Kill(index));
            }
        }
    }

    fn continue_stop(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for (index, unit) in self.units.iter_mut().enumerate() {
            if matches!(unit.state, State::Stopping { kill_at } if kill_at <= now) {
                unit.state = State::Killed;
                actions.push(Action::Kill(index));
            }
        }
        let up = self.units.iter().filter(|unit| unit.state != State::Down);
        let Some(order) = up.map(|unit| unit.plan.stop_order).min() else {
            if !self.finished {
                self.finished = true;
                actions.push(Action::Finished);
            }
            return;
        };
        for (index, unit) in self.units.iter_mut().enumerate() {
            if unit.plan.stop_order == order && matches!(unit.state, State::Starting | State::Running { .. }) {
                unit.state = State::Stopping {
                    kill_at: now + unit.plan.stop_limit,
                };
                actions.push(Action::Terminate(index));
            }
        }
    }
}

/// None at first, then doubling.
fn pause(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_PAUSE.saturating_mul(1 << doublings.min(16)).min(LONGEST_PAUSE),
    }
}
