//! Real processes that really die, at every place between the rows that surround an effect.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mpanel_events::Tail;
use mpanel_kernel::clock::SystemClock;
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_pg::PgConnectOptions;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use super::support::{Fixture, quick, server, spine, until};
use crate::{
    Kind, Operation, OperationState, OperationStatus, Outcome, Runtime, Step, StepCx, StepError, StepState, get,
};

static KILLED: Kind = Kind {
    name: "test.killed",
    steps: &[
        Step {
            key: "one",
            title: "Do the first thing",
        },
        Step {
            key: "two",
            title: "Do the second thing",
        },
    ],
};

/// Leaves its marks in a file, which outlives the process.
struct Marks;

impl Marks {
    fn leave(cx: &StepCx, mark: &str) -> Result<(), StepError> {
        let path: String = cx.input::<Value>()?["marks"].as_str().unwrap_or_default().to_owned();
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        writeln!(file, "{mark}").unwrap();
        Ok(())
    }
}

#[async_trait]
impl Operation for Marks {
    fn kind(&self) -> &'static Kind {
        &KILLED
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        Self::leave(cx, &format!("run {step}"))?;
        if step == "two" && cx.subject() == "fails" {
            return Err(StepError::failed("test.failed", "as it should"));
        }
        Ok(json!(step))
    }

    async fn undo(&self, step: &str, cx: &StepCx) -> Result<(), StepError> {
        Self::leave(cx, &format!("undo {step}"))
    }

    async fn finished(&self, cx: &StepCx, outcome: &Outcome) -> Result<(), StepError> {
        Self::leave(
            cx,
            if *outcome == Outcome::Succeeded {
                "finished well"
            } else {
                "finished badly"
            },
        )
    }
}

/// No test of its own: what the others start as a process.
#[tokio::test]
async fn a_process_that_works_until_its_operation_ends() {
    let Ok(url) = std::env::var("MPANEL_TEST_CHILD_DATABASE") else {
        return;
    };
    let options: PgConnectOptions = url.parse().unwrap();
    let id: OperationId = std::env::var("MPANEL_TEST_CHILD_OPERATION").unwrap().parse().unwrap();
    let tenant: TenantId = std::env::var("MPANEL_TEST_CHILD_TENANT").unwrap().parse().unwrap();
    let spine = spine(options).await;
    let runtime = Runtime {
        spine: spine.clone(),
        tail: Tail::default(),
        clock: Arc::new(SystemClock),
        operations: vec![Arc::new(Marks)],
        reconcilers: Vec::new(),
        jobs: Vec::new(),
        tuning: quick(),
    };
    let _server = server(runtime);
    until(|| async {
        let mut tx = spine.db().tenant(tenant).await.unwrap();
        get(&mut tx, id).await.unwrap().state.is_final().then_some(())
    })
    .await;
}

struct Victim<'a> {
    fixture: &'a Fixture,
    id: OperationId,
    folder: &'a Path,
}

impl Victim<'_> {
    /// Runs a process to its end.
    fn live(&self) {
        let output = self.command().output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Runs a process until it comes to the place, and kills it there.
    fn die_at(&self, place: &str) {
        let asked = self.folder.join(place);
        std::fs::write(&asked, "").unwrap();
        let mut process = self.command().stdout(Stdio::null()).spawn().unwrap();
        while !asked.with_added_extension("held").exists() {
            assert_eq!(process.try_wait().unwrap(), None, "it did not come to {place}");
            std::thread::sleep(Duration::from_millis(2));
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "tests::kill::a_process_that_works_until_its_operation_ends"])
            .env_clear()
            .env(
                "MPANEL_TEST_CHILD_DATABASE",
                self.fixture.database.panel.to_url_lossy().as_str(),
            )
            .env("MPANEL_TEST_CHILD_OPERATION", self.id.to_string())
            .env("MPANEL_TEST_CHILD_TENANT", self.fixture.tenant.to_string())
            .env("MPANEL_HOLD_AT", self.folder);
        command
    }
}

/// Kills a process at the place and lets another one go on; returns what was done and the outcome.
async fn killed_at(fixture: &Fixture, subject: &str, place: &str) -> (Vec<String>, OperationStatus) {
    let folder = tempfile::tempdir().unwrap();
    let marks = folder.path().join("marks");
    let cx = mpanel_authz::OpCx::system("test", fixture.tenant, fixture.clock.clone());
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let id = crate::start(&mut tx, &cx, &KILLED, subject, &json!({ "marks": marks }))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let victim = Victim {
        fixture,
        id,
        folder: folder.path(),
    };
    victim.die_at(&format!("{},{place}", KILLED.name));
    assert!(!fixture.get(id).await.state.is_final(), "{place}");
    // The lease of the dead has a minute to go: only knowing that it is dead gets us on.
    victim.live();
    let marks = std::fs::read_to_string(marks)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    (marks, fixture.get(id).await)
}

/// What `killed_at` should find done: `all` in order, and `again` twice in a row when it was done
/// before the process died.
fn with_repetition(all: &[&str], again: Option<&str>) -> Vec<String> {
    all.iter()
        .flat_map(|mark| std::iter::repeat_n((*mark).to_owned(), if Some(*mark) == again { 2 } else { 1 }))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_goes_on_after_its_process_was_killed_at_any_step() {
    let fixture = Fixture::new().await;
    let all = ["run one", "run two", "finished well"];
    let places = [
        ("one,before", None),
        ("one,after", Some("run one")),
        ("two,before", None),
        ("two,after", Some("run two")),
        ("finished,before", None),
        ("finished,after", Some("finished well")),
    ];
    for (place, again) in places {
        let (marks, status) = killed_at(&fixture, "works", place).await;
        assert_eq!(marks, with_repetition(&all, again), "{place}");
        assert_eq!(status.state, OperationState::Succeeded, "{place}");
        assert!(status.steps.iter().all(|step| step.state == StepState::Done), "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undoing_goes_on_after_its_process_was_killed_at_any_step() {
    let fixture = Fixture::new().await;
    let all = ["run one", "run two", "undo two", "undo one", "finished badly"];
    let places = [
        ("two,failed", Some("run two")),
        ("two,undo-before", None),
        ("two,undo-after", Some("undo two")),
        ("one,undo-before", None),
        ("one,undo-after", Some("undo one")),
        ("finished,before", None),
        ("finished,after", Some("finished badly")),
    ];
    for (place, again) in places {
        let (marks, status) = killed_at(&fixture, "fails", place).await;
        assert_eq!(marks, with_repetition(&all, again), "{place}");
        assert_eq!(status.state, OperationState::Failed, "{place}");
        assert_eq!(status.error.unwrap().code, "test.failed", "{place}");
        let states: Vec<_> = status.steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Undone, StepState::Failed], "{place}");
    }
}
