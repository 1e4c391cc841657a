//! The one way to start a background task.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;

use futures_util::FutureExt;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::task::JoinHandle;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;

use crate::metrics;

type ByTask = [(&'static str, &'static str); 1];

struct TaskMetrics {
    running: Family<ByTask, Gauge>,
    started: Family<ByTask, Counter>,
    panicked: Family<ByTask, Counter>,
}

static METRICS: LazyLock<TaskMetrics> = LazyLock::new(|| {
    let families = TaskMetrics {
        running: Family::default(),
        started: Family::default(),
        panicked: Family::default(),
    };
    metrics::register(
        "tasks_running",
        "Background tasks running now",
        families.running.clone(),
    );
    metrics::register("tasks_started", "Background tasks started", families.started.clone());
    metrics::register(
        "tasks_panicked",
        "Background tasks that ended by a panic",
        families.panicked.clone(),
    );
    families
});

/// Counts a task as running until it ends, panics or is aborted.
struct Running(Gauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Starts `future` on the current runtime. Its log lines carry `task{name=…}` and the spans it was started in; it is
/// counted in `mpanel_tasks_*` under `name`, which is one of few constants. A panic is logged and counted, and the
/// handle reports it like that of any other task.
pub fn spawn_named<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let labels = [("task", name)];
    METRICS.started.get_or_create(&labels).inc();
    let gauge = METRICS.running.get_or_create(&labels).clone();
    gauge.inc();
    let running = Running(gauge);
    let watched = async move {
        let _running = running;
        match AssertUnwindSafe(future).catch_unwind().await {
            Ok(output) => output,
            Err(panic) => {
                METRICS.panicked.get_or_create(&labels).inc();
                tracing::error!("task ended by a panic");
                std::panic::resume_unwind(panic)
            }
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the wrapper that every other spawn goes through"
    )]
    tokio::spawn(
        watched
            .instrument(tracing::info_span!("task", name))
            .with_current_subscriber(),
    )
}
