use tracing_subscriber::layer::SubscriberExt;

use super::{Sink, enable_all};
use crate::metrics::exposition;
use crate::spawn_named;

fn counted(metric: &str, task: &str) -> String {
    let start = format!("mpanel_tasks_{metric}{{task=\"{task}\"}} ");
    exposition()
        .lines()
        .find_map(|line| line.strip_prefix(&start).map(str::to_owned))
        .unwrap_or_default()
}

#[tokio::test]
async fn a_task_gives_its_output_and_is_counted() {
    enable_all();
    let (go, wait) = tokio::sync::oneshot::channel::<u32>();
    let task = spawn_named("test-plain", wait);
    assert_eq!(
        (counted("started_total", "test-plain"), counted("running", "test-plain")),
        ("1".into(), "1".into())
    );
    go.send(7).unwrap();
    assert_eq!(task.await.unwrap(), Ok(7));
    assert_eq!(
        (
            counted("running", "test-plain"),
            counted("panicked_total", "test-plain")
        ),
        ("0".into(), String::new())
    );
}

#[tokio::test]
async fn a_panic_is_logged_counted_and_reported_by_the_handle() {
    enable_all();
    let sink = Sink::default();
    let subscriber = tracing_subscriber::Registry::default().with(crate::log::lines(false, false, sink.clone()));
    let task = tracing::subscriber::with_default(subscriber, || spawn_named("test-panics", async { panic!("boom") }));
    let error: Result<(), _> = task.await;
    assert!(error.unwrap_err().is_panic());
    assert_eq!(
        (
            counted("running", "test-panics"),
            counted("panicked_total", "test-panics")
        ),
        ("0".into(), "1".into())
    );
    let text = sink.text();
    assert!(
        text.contains("ERROR task{name=\"test-panics\"}") && text.contains("task ended by a panic"),
        "{text}"
    );
}

#[tokio::test]
async fn an_aborted_task_is_no_longer_counted_as_running() {
    enable_all();
    let task = spawn_named("test-aborted", std::future::pending::<()>());
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(counted("running", "test-aborted"), "0");
}
