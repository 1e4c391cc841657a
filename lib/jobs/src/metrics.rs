use std::sync::LazyLock;
use std::time::Duration;

use mpanel_telemetry::metrics::{Counter, Family, Gauge, Histogram, exponential_buckets, register};

use crate::{Kind, Outcome};

type Labels = [(&'static str, &'static str); 3];

struct Metrics {
    ended: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    dead: Family<[(&'static str, String); 1], Gauge>,
    stuck: Family<[(&'static str, String); 1], Gauge>,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    // 1 ms to a little more than an hour.
    let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 4.0, 12));
    Metrics {
        ended: register(
            "work_ended",
            "Operations, reconcilers' passes and attempts of jobs that ended",
            Family::default(),
        ),
        seconds: register(
            "work_seconds",
            "Time that steps of operations, reconcilers' passes and attempts of jobs took",
            Family::new_with_constructor(histogram),
        ),
        dead: register(
            "jobs_dead",
            "Jobs that nothing more is tried with until somebody has looked at them",
            Family::default(),
        ),
        stuck: register(
            "operations_stuck",
            "Operations that can neither go on nor back, or cannot end, and are tried again until they can",
            Family::default(),
        ),
    }
});

fn ended(tool: &'static str, name: &'static str, result: &'static str) {
    METRICS
        .ended
        .get_or_create(&[("tool", tool), ("name", name), ("result", result)])
        .inc();
}

fn took(tool: &'static str, name: &'static str, step: &'static str, time: Duration) {
    METRICS
        .seconds
        .get_or_create(&[("tool", tool), ("name", name), ("step", step)])
        .observe(time.as_secs_f64());
}

pub(crate) fn operation_ended(kind: &'static str, outcome: &Outcome) {
    let result = match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed(_) => "failed",
        Outcome::Cancelled => "cancelled",
    };
    ended("operation", kind, result);
}

/// Undoing a step counts as that step; what is no step is the end.
pub(crate) fn step_took(kind: &'static Kind, step: &str, time: Duration) {
    let step = kind
        .steps
        .iter()
        .find(|known| known.key == step)
        .map_or("finished", |known| known.key);
    took("operation", kind.name, step, time);
}

pub(crate) fn pass_ended(name: &'static str, well: bool, time: Duration) {
    ended("reconciler", name, if well { "succeeded" } else { "failed" });
    took("reconciler", name, "", time);
}

pub(crate) fn job_ended(kind: &'static str, result: &'static str, time: Duration) {
    ended("job", kind, result);
    took("job", kind, "", time);
}

pub(crate) fn dead_jobs(kinds: &[String], counts: &[(String, i64)]) {
    counted(&METRICS.dead, kinds, counts);
}

pub(crate) fn stuck_operations(kinds: &[String], counts: &[(String, i64)]) {
    counted(&METRICS.stuck, kinds, counts);
}

/// All kinds, so that one that has none any more shows as such.
fn counted(gauges: &Family<[(&'static str, String); 1], Gauge>, kinds: &[String], counts: &[(String, i64)]) {
    for kind in kinds {
        gauges.get_or_create(&[("kind", kind.clone())]).set(0);
    }
    for (kind, count) in counts {
        gauges.get_or_create(&[("kind", kind.clone())]).set(*count);
    }
}
