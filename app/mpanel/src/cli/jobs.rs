//! `mpanel jobs`: what works in the background and does not get on.

use clap::Subcommand;
use serde_json::{Value, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::view;

/// Commands of `jobs`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Jobs that were given up
    #[command(subcommand)]
    Dead(Dead),
    /// Objects that cannot be brought to what is wanted
    #[command(subcommand)]
    Stuck(Stuck),
    /// What keeps the platform as it is wanted
    #[command(subcommand)]
    Reconciler(Reconciler),
}

/// Commands of `jobs dead`.
#[derive(Debug, Subcommand)]
pub enum Dead {
    /// List jobs that were given up, newest first
    List {
        /// Only those of this kind
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show a job that was given up, and why
    Show {
        /// Its id
        job: String,
    },
    /// Try a job again, or all of a kind
    Retry {
        /// Its id
        #[arg(required_unless_present = "kind")]
        job: Option<String>,
        /// All of this kind
        #[arg(long, value_name = "KIND", conflicts_with = "job")]
        kind: Option<String>,
    },
    /// Remove a job for good: what it was to do is not done
    Discard {
        /// Its id
        job: String,
    },
}

/// Commands of `jobs stuck`.
#[derive(Debug, Subcommand)]
pub enum Stuck {
    /// List what is tried again and again, the longest first
    List,
    /// Try now, rather than when it is due
    Retry {
        /// Only this object (an id or name)
        object: Option<String>,
    },
}

/// Commands of `jobs reconciler`.
#[derive(Debug, Subcommand)]
pub enum Reconciler {
    /// List reconcilers and how their last passes went
    List,
    /// Begin a pass at once
    Run {
        /// Its name
        name: String,
    },
}

const DEAD: [view::Field; 8] = [
    ("Id", "/id"),
    ("What", "/kind"),
    ("Tenant", "/tenant_id"),
    ("Error", "/error"),
    ("Attempts", "/attempts"),
    ("Payload", "/payload"),
    ("Created", "/created_at"),
    ("Given up", "/died_at"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::Dead(command) => dead(cx, command).await,
        Command::Stuck(command) => stuck(cx, command).await,
        Command::Reconciler(command) => reconciler(cx, command).await,
    }
}

async fn dead(cx: &Cx, command: Dead) -> Result<(), Failure> {
    match command {
        Dead::List { kind, page } => {
            let filters: Vec<_> = kind.as_deref().map(|kind| ("filter[kind]", kind)).into_iter().collect();
            let fields = [
                ("ID", "/id"),
                ("WHAT", "/kind"),
                ("ATTEMPTS", "/attempts"),
                ("GIVEN UP", "/died_at"),
                ("ERROR", "/error"),
            ];
            let empty = "nothing was given up: work that fails is tried again by itself, and listed here when that does not help";
            cx.list(&["dead-jobs"], &filters, &page, &fields, empty).await
        }
        Dead::Show { job } => {
            let answer = cx.api.get(&["dead-jobs", &job]).await?;
            cx.show(&answer, &DEAD)
        }
        Dead::Retry { job: Some(job), .. } => {
            let answer = cx.api.post(&["dead-jobs", &job, "retry"], &json!({})).await?;
            cx.done(&answer, "the job is tried again")
        }
        Dead::Retry { kind, .. } => {
            let body = json!({"kind": kind.unwrap_or_default()});
            retry_all(cx, "dead-jobs", body, "jobs are tried again: mpanel jobs dead list").await
        }
        Dead::Discard { job } => {
            let answer = cx.api.delete(&["dead-jobs", &job]).await?;
            cx.done(&answer, "the job is gone; what it was to do is not done")
        }
    }
}

/// Tries again all that is dead: a request has time for some, and says where the next goes on.
pub async fn retry_all(cx: &Cx, what: &str, mut body: Value, things: &str) -> Result<(), Failure> {
    let mut retried = 0;
    loop {
        let mut answer = cx.api.post(&[what, "retry"], &body).await?;
        retried += answer.value["retried"].as_u64().unwrap_or_default();
        let next = answer.value["next_cursor"].take();
        if next.is_null() {
            answer.value["retried"] = json!(retried);
            answer.raw = answer.value.to_string();
            return cx.done(&answer, &format!("{retried} {things}"));
        }
        body["cursor"] = next;
    }
}

async fn stuck(cx: &Cx, command: Stuck) -> Result<(), Failure> {
    match command {
        Stuck::List => {
            let fields = [
                ("OBJECT", "/name"),
                ("ID", "/subject"),
                ("BY", "/reconciler"),
                ("FAILURES", "/failures"),
                ("SINCE", "/since"),
                ("NEXT TRY", "/next_at"),
                ("PROBLEM", "/problem"),
            ];
            let empty = "nothing is stuck: everything is as it is wanted, or on its way there";
            cx.list(&["stuck-objects"], &[], &Page::default(), &fields, empty).await
        }
        Stuck::Retry { object } => {
            let body = object.map_or_else(|| json!({}), |subject| json!({"subject": subject}));
            let answer = cx.api.post(&["stuck-objects", "retry"], &body).await?;
            cx.done(&answer, "tried now: mpanel jobs stuck list")
        }
    }
}

async fn reconciler(cx: &Cx, command: Reconciler) -> Result<(), Failure> {
    match command {
        Reconciler::List => {
            let fields = [
                ("NAME", "/name"),
                ("STATE", "/state"),
                ("LAST PASS", "/finished_at"),
                ("NEXT PASS", "/next_at"),
                ("FAILING SINCE", "/failing_since"),
                ("ERROR", "/error"),
            ];
            cx.list(
                &["reconcilers"],
                &[],
                &Page::default(),
                &fields,
                "there are no reconcilers yet",
            )
            .await
        }
        Reconciler::Run { name } => {
            let answer = cx.api.post(&["reconcilers", &name, "run"], &json!({})).await?;
            cx.done(&answer, "a pass begins: mpanel jobs reconciler list")
        }
    }
}
