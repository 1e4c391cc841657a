//! The order in which a new version takes over, and when it is given up. Pure decisions, as in [`crate::up::machine`].
//!
//! ```text
//! database is up → migrations → agent and panel → gate → data planes, one after the other → it stays
//! ```

use std::collections::VecDeque;
use std::time::Duration;

/// A process that ran this long is taken to work; one that does not ends sooner, and is counted.
const SETTLED: Duration = Duration::from_secs(1);
/// So often may processes of the new version end by themselves.
const MOST_CRASHES: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Migrations can run.
    DatabaseUp,
    /// The migrations, or the gate, with what was wrong.
    StepEnded(Result<(), String>),
    /// A process runs from the new programs.
    Started(usize),
    /// One ended, and nobody had asked it to.
    Crashed {
        name: &'static str,
        exit: String,
    },
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Migrate,
    /// Ends the process; the new one starts in its place, on the same listeners.
    Replace(usize),
    /// Asks the panel for a real read and a real write.
    Gate,
    Accept,
    GoBack(String),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Migrating,
    Panel { left: Vec<usize>, until: Duration },
    Gate { until: Duration },
    Plane { index: usize, settled_at: Option<Duration> },
    Over,
}

/// One upgrade.
#[derive(Debug)]
pub struct Trial {
    phase: Phase,
    panel: Vec<usize>,
    planes: VecDeque<usize>,
    limit: Duration,
    crashes: u32,
}

impl Trial {
    /// `panel` and `planes` are the processes that still run from the programs before; `limit` is for the panel to become healthy.
    pub fn new(panel: Vec<usize>, planes: Vec<usize>, limit: Duration) -> Self {
        Self {
            phase: Phase::Waiting,
            panel,
            planes: planes.into(),
            limit,
            crashes: 0,
        }
    }

    pub fn step(&mut self, now: Duration, input: Input) -> Vec<Action> {
        match (input, &mut self.phase) {
            (_, Phase::Over) => Vec::new(),
            (Input::Crashed { name, exit }, _) => self.crashed(name, &exit),
            (Input::DatabaseUp, Phase::Waiting) => {
                self.phase = Phase::Migrating;
                vec![Action::Migrate]
            }
            (Input::StepEnded(Err(reason)), _) => self.give_up(reason),
            (Input::StepEnded(Ok(())), Phase::Migrating) => {
                let until = now + self.limit;
                let left = std::mem::take(&mut self.panel);
                let replace = left.iter().map(|index| Action::Replace(*index)).collect();
                self.phase = Phase::Panel { left, until };
                self.panel_done().unwrap_or(replace)
            }
            (Input::StepEnded(Ok(())), Phase::Gate { .. }) => self.next_plane(),
            (Input::Started(index), Phase::Panel { left, .. }) => {
                left.retain(|other| *other != index);
                self.panel_done().unwrap_or_default()
            }
            (Input::Started(started), Phase::Plane { index, settled_at }) if started == *index => {
                *settled_at = Some(now + SETTLED);
                Vec::new()
            }
            (Input::Tick, Phase::Panel { until, .. } | Phase::Gate { until }) if *until <= now => {
                let seconds = self.limit.as_secs();
                self.give_up(format!("the panel was not healthy within {seconds} s"))
            }
            (
                Input::Tick,
                Phase::Plane {
                    settled_at: Some(at), ..
                },
            ) if *at <= now => self.next_plane(),
            _ => Vec::new(),
        }
    }

    /// When [`Input::Tick`] is due next.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Panel { until, .. } | Phase::Gate { until } => Some(*until),
            Phase::Plane { settled_at, .. } => *settled_at,
            Phase::Waiting | Phase::Migrating | Phase::Over => None,
        }
    }

    fn panel_done(&mut self) -> Option<Vec<Action>> {
        match &self.phase {
            Phase::Panel { left, until } if left.is_empty() => {
                self.phase = Phase::Gate { until: *until };
                Some(vec![Action::Gate])
            }
            _ => None,
        }
    }

    fn next_plane(&mut self) -> Vec<Action> {
        match self.planes.pop_front() {
            Some(index) => {
                self.phase = Phase::Plane {
                    index,
                    settled_at: None,
                };
                vec![Action::Replace(index)]
            }
            None => {
                self.phase = Phase::Over;
                vec![Action::Accept]
            }
        }
    }

    fn crashed(&mut self, name: &str, exit: &str) -> Vec<Action> {
        self.crashes += 1;
        // The one that is waited for has to settle anew.
        if let Phase::Plane { settled_at, .. } = &mut self.phase {
            *settled_at = None;
        }
        if self.crashes < MOST_CRASHES {
            return Vec::new();
        }
        let crashes = self.crashes;
        self.give_up(format!(
            "its processes ended {crashes} times by themselves, {name} the last ({exit})"
        ))
    }

    fn give_up(&mut self, reason: String) -> Vec<Action> {
        self.phase = Phase::Over;
        vec![Action::GoBack(reason)]
    }
}
