//! The figures: a table for people, files for programs.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

/// What a figure is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// As the peer or better, where more is better.
    BeatPeer,
    /// So many times the peer, where more is better.
    TimesPeer(f64),
    /// None: it explains another figure.
    Explains,
}

/// One measured value.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub figure: String,
    pub unit: &'static str,
    pub ours: f64,
    /// The peer's value from the same run.
    pub peer: Option<f64>,
    pub peer_name: Option<String>,
    /// How many times better ours is than the peer, or, without one, than the goal: above 1 we lead.
    pub ratio: Option<f64>,
    pub goal: Option<String>,
    /// The ratio that meets it.
    #[serde(skip)]
    least: f64,
    /// What measured it.
    pub command: String,
}

impl Figure {
    pub fn new(figure: impl Into<String>, unit: &'static str, ours: f64, goal: Goal, command: &str) -> Self {
        let least = match goal {
            Goal::TimesPeer(times) => times,
            _ => 1.0,
        };
        let (ratio, goal) = match goal {
            Goal::AtMost(most) => (Some(most / ours), Some(format!("<= {most}"))),
            Goal::AtLeast(least) => (Some(ours / least), Some(format!(">= {least}"))),
            Goal::BeatPeer => (None, Some(">= peer".to_owned())),
            Goal::TimesPeer(times) => (None, Some(format!(">= {times} x peer"))),
            Goal::Explains => (None, None),
        };
        Self {
            figure: figure.into(),
            unit,
            ours: rounded(ours),
            peer: None,
            peer_name: None,
            ratio: ratio.map(rounded),
            goal,
            least,
            command: command.to_owned(),
        }
    }

    /// Of a unit of which more is better.
    pub fn beside(self, name: &str, value: f64) -> Self {
        let ratio = self.ours / value;
        self.peer(name, value, ratio)
    }

    /// Of a unit of which less is better.
    pub fn beside_less(self, name: &str, value: f64) -> Self {
        let ratio = value / self.ours;
        self.peer(name, value, ratio)
    }

    fn peer(mut self, name: &str, value: f64, ratio: f64) -> Self {
        self.ratio = Some(rounded(ratio));
        self.peer = Some(rounded(value));
        self.peer_name = Some(name.to_owned());
        self
    }
}

/// To four digits: more than any of this repeats.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// Writes a group's figures and prints them.
///
/// # Errors
/// When the folder cannot be written.
pub fn publish(folder: &Path, group: &str, figures: &[Figure]) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(
        folder.join(format!("{group}.json")),
        serde_json::to_vec_pretty(figures)?,
    )?;
    print!("{}", table(figures));
    Ok(())
}

/// The heading over all tables.
pub fn heading() -> String {
    line("", "figure", ["ours", "unit", "peer", "ratio", "goal"])
}

pub fn table(figures: &[Figure]) -> String {
    let rows = figures.iter().map(|figure| {
        let peer = match (figure.peer, &figure.peer_name) {
            (Some(value), Some(name)) => format!("{value} {name}"),
            _ => String::new(),
        };
        let ratio = figure.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let goal = figure.goal.as_deref().unwrap_or_default();
        let mark = if figure.goal.is_some() && figure.ratio.is_some_and(|ratio| ratio < figure.least) {
            "!"
        } else {
            ""
        };
        line(
            mark,
            &figure.figure,
            [&figure.ours.to_string(), figure.unit, &peer, &ratio, goal],
        )
    });
    rows.collect()
}

fn line(mark: &str, figure: &str, [ours, unit, peer, ratio, goal]: [&str; 5]) -> String {
    let text = format!("{mark:1} {figure:46} {ours:>9} {unit:18} {peer:>23} {ratio:>6}  {goal}");
    format!("{}\n", text.trim_end())
}
