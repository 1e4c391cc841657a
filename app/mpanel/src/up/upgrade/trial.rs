//! The order in which a new version takes over, and when it is given up. Pure decisions, as in [`crate::up::machine`].
//!
//! ```text
//! database is up → migrations → noting what is served → agent and panel → gate
//!     → data planes, one after the other, each asked for what was noted → it stays
//! ```
//!
//! Every phase has its time, so that a trial ends whatever hangs.

use std::collections::VecDeque;
use std::time::Duration;

/// A process that ran this long is taken to work; one that does not ends sooner, and is counted.
const SETTLED: Duration = Duration::from_secs(1);
/// So often may processes of the new version end by themselves, or not start.
const MOST_FAILURES: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Migrations can run.
    DatabaseUp,
    /// What ran once, with what was wrong.
    StepEnded(Result<(), String>),
    /// A process runs from the new programs.
    Started(usize),
    /// One ended and nobody had asked it to, or could not be started.
    Failed {
        name: &'static str,
        how: String,
    },
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Migrate,
    /// Notes what the data planes serve, while they are those of the version before.
    Note,
    /// Ends the process; the new one starts in its place, on the same listeners.
    Replace(usize),
    /// Asks the panel for a real read and a real write.
    Gate,
    /// Asks the data planes for what was noted.
    Ask,
    Accept,
    GoBack(String),
}

/// How long the phases may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One step of the processes: the panel until it is healthy, a data plane until it answers.
    pub step: Duration,
    /// What depends on how much data there is: the database's start, and the migrations.
    pub data: Duration,
}

impl Limits {
    /// The longest that a trial with so many data planes can take.
    pub fn whole(&self, planes: u32) -> Duration {
        // Noting, the panel with its gate, and for each data plane its start and its answers.
        self.data * 2 + self.step * (2 + 2 * planes.max(1))
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Phase {
    is: Is,
    until: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Is {
    Waiting,
    Migrating,
    Noting,
    Panel { left: Vec<usize> },
    Gate,
    Plane { index: usize, settled_at: Option<Duration> },
    Asking,
    Over,
}

/// One upgrade.
#[derive(Debug)]
pub struct Trial {
    phase: Phase,
    panel: Vec<usize>,
    planes: VecDeque<usize>,
    limits: Limits,
    failures: u32,
}

impl Trial {
    /// `panel` and `planes` are the processes that still run from the programs before.
    pub fn new(panel: Vec<usize>, planes: Vec<usize>, limits: Limits) -> Self {
        Self {
            phase: Phase {
                is: Is::Waiting,
                until: limits.data,
            },
            panel,
            planes: planes.into(),
            limits,
            failures: 0,
        }
    }

    pub fn step(&mut self, now: Duration, input: Input) -> Vec<Action> {
        match (input, &mut self.phase.is) {
            (_, Is::Over) => Vec::new(),
            (Input::Failed { name, how }, _) => self.failed(name, &how),
            (Input::DatabaseUp, Is::Waiting) => self.enter(Is::Migrating, now + self.limits.data, Action::Migrate),
            (Input::StepEnded(Err(reason)), _) => self.give_up(reason),
            (Input::StepEnded(Ok(())), Is::Migrating) => self.enter(Is::Noting, now + self.limits.step, Action::Note),
            (Input::StepEnded(Ok(())), Is::Noting) => {
                let left = std::mem::take(&mut self.panel);
                let replace = left.iter().map(|index| Action::Replace(*index)).collect();
                self.phase = Phase {
                    is: Is::Panel { left },
                    until: now + self.limits.step,
                };
                self.panel_done().unwrap_or(replace)
            }
            // Where all of them have started from the new programs, they are asked all the same.
            (Input::StepEnded(Ok(())), Is::Gate) if self.planes.is_empty() => self.ask(now),
            (Input::StepEnded(Ok(())), Is::Gate | Is::Asking) => self.next_plane(now),
            (Input::Started(index), Is::Panel { left }) => {
                left.retain(|other| *other != index);
                self.panel_done().unwrap_or_default()
            }
            (Input::Started(started), Is::Plane { index, settled_at }) if started == *index => {
                *settled_at = Some(now + SETTLED);
                Vec::new()
            }
            (
                Input::Tick,
                Is::Plane {
                    settled_at: Some(at), ..
                },
            ) if *at <= now => self.ask(now),
            (Input::Tick, _) if self.phase.until <= now => self.late(),
            _ => Vec::new(),
        }
    }

    /// When [`Input::Tick`] is due next.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.phase.is {
            Is::Plane {
                settled_at: Some(at), ..
            } => Some(self.phase.until.min(*at)),
            Is::Over => None,
            _ => Some(self.phase.until),
        }
    }

    fn enter(&mut self, is: Is, until: Duration, action: Action) -> Vec<Action> {
        self.phase = Phase { is, until };
        vec![action]
    }

    fn panel_done(&mut self) -> Option<Vec<Action>> {
        match &self.phase.is {
            Is::Panel { left } if left.is_empty() => {
                self.phase.is = Is::Gate;
                Some(vec![Action::Gate])
            }
            _ => None,
        }
    }

    fn ask(&mut self, now: Duration) -> Vec<Action> {
        self.enter(Is::Asking, now + self.limits.step, Action::Ask)
    }

    fn next_plane(&mut self, now: Duration) -> Vec<Action> {
        match self.planes.pop_front() {
            Some(index) => {
                let is = Is::Plane {
                    index,
                    settled_at: None,
                };
                self.enter(is, now + self.limits.step, Action::Replace(index))
            }
            None => {
                self.phase.is = Is::Over;
                vec![Action::Accept]
            }
        }
    }

    fn late(&mut self) -> Vec<Action> {
        let (step, data) = (self.limits.step.as_secs(), self.limits.data.as_secs());
        let reason = match self.phase.is {
            Is::Waiting => format!("the database was not up within {data} s"),
            Is::Migrating => format!("the migrations did not end within {data} s"),
            Is::Noting => format!("what is served could not be noted within {step} s"),
            Is::Plane { .. } => format!("the edge or a name server did not start within {step} s"),
            Is::Asking => format!("the edge and the name servers did not answer within {step} s"),
            Is::Panel { .. } | Is::Gate | Is::Over => format!("the panel was not healthy within {step} s"),
        };
        self.give_up(reason)
    }

    fn failed(&mut self, name: &str, how: &str) -> Vec<Action> {
        self.failures += 1;
        // The one that is waited for has to settle anew.
        if let Is::Plane { settled_at, .. } = &mut self.phase.is {
            *settled_at = None;
        }
        if self.failures < MOST_FAILURES {
            return Vec::new();
        }
        let failures = self.failures;
        self.give_up(format!(
            "its processes ended {failures} times by themselves or did not start, {name} the last ({how})"
        ))
    }

    fn give_up(&mut self, reason: String) -> Vec<Action> {
        self.phase.is = Is::Over;
        vec![Action::GoBack(reason)]
    }
}
