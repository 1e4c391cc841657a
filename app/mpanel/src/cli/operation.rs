//! `mpanel operation`, and waiting for one with its steps in sight.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use super::api::Answer;
use super::connection::{Cx, Page};
use super::failure::Failure;
use super::view;

const POLL: Duration = Duration::from_millis(300);
/// So long an operation is asked for while the panel does not answer: it goes on without us.
const PATIENCE: Duration = Duration::from_secs(120);

/// Commands of `operation`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List operations, newest first
    List {
        /// Only those that change this object (an id)
        #[arg(long, value_name = "ID")]
        subject: Option<String>,
        /// Only those that have not ended
        #[arg(long)]
        unfinished: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Show an operation and its steps
    Show {
        /// Its id
        operation: String,
    },
    /// Follow an operation to its end
    Watch {
        /// Its id
        operation: String,
    },
    /// Stop an operation before its next step and undo it
    Cancel {
        /// Its id
        operation: String,
    },
}

const FIELDS: [view::Field; 7] = [
    ("Id", "/id"),
    ("What", "/kind"),
    ("Of", "/subject"),
    ("State", "/state"),
    ("Error", "/error/message"),
    ("Created", "/created_at"),
    ("Finished", "/finished_at"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List {
            subject,
            unfinished,
            page,
        } => {
            let mut filters = Vec::new();
            filters.extend(subject.as_deref().map(|subject| ("filter[subject]", subject)));
            filters.extend(unfinished.then_some(("filter[unfinished]", "true")));
            let fields = [
                ("ID", "/id"),
                ("WHAT", "/kind"),
                ("OF", "/subject"),
                ("STATE", "/state"),
                ("CREATED", "/created_at"),
                ("FINISHED", "/finished_at"),
            ];
            let empty = "there are no operations that match; a deployment is one: mpanel site deploy SITE FILE";
            cx.list(&["operations"], &filters, &page, &fields, empty).await
        }
        Command::Show { operation } => {
            let answer = cx.api.get(&["operations", &operation]).await?;
            cx.show(&answer, &FIELDS)?;
            let steps = answer.value.pointer("/steps").and_then(Value::as_array);
            match steps {
                Some(steps) if !cx.json && !steps.is_empty() => {
                    let fields = [
                        ("STEP", "/title"),
                        ("STATE", "/state"),
                        ("FINISHED", "/finished_at"),
                        ("ERROR", "/error"),
                    ];
                    view::print(&format!("\n{}", view::table(&fields, steps)))
                }
                _ => Ok(()),
            }
        }
        Command::Watch { operation } => {
            let answer = follow(cx, &operation).await?;
            cx.show(&answer, &FIELDS)
        }
        Command::Cancel { operation } => {
            let answer = cx
                .api
                .post(&["operations", &operation, "cancel"], &serde_json::json!({}))
                .await?;
            cx.done(
                &answer,
                "the operation stops before its next step: mpanel operation watch ID",
            )
        }
    }
}

/// Follows the operation that an answer names, unless nobody wants to wait.
///
/// # Errors
/// When it fails.
pub async fn finish(cx: &Cx, answer: Answer, no_wait: bool) -> Result<Answer, Failure> {
    let id = ["/operation_id", "/id"]
        .iter()
        .map(|pointer| answer.text(pointer))
        .find(|id| id.starts_with("op_"));
    match id {
        Some(id) if !no_wait => follow(cx, id).await,
        _ => Ok(answer),
    }
}

/// Waits for the end; steps are told on standard error as they happen.
///
/// # Errors
/// When it fails or is cancelled, or the panel stays away.
pub async fn follow(cx: &Cx, id: &str) -> Result<Answer, Failure> {
    let mut teller = Teller::default();
    let mut away = Duration::ZERO;
    let mut pause = POLL;
    loop {
        match cx.api.get(&["operations", id]).await {
            Ok(answer) => {
                teller.tell(&answer.value);
                match answer.text("/state") {
                    "succeeded" => return Ok(answer),
                    "failed" | "cancelled" => return Err(ended(&answer, id)),
                    _ => {}
                }
                (away, pause) = (Duration::ZERO, POLL);
            }
            Err(failure) if failure.is_temporary() && away < PATIENCE => {
                away += pause;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(pause).await;
    }
}

fn ended(answer: &Answer, id: &str) -> Failure {
    let why = answer.text("/error/message");
    let colon = if why.is_empty() { "" } else { ": " };
    Failure::Operation(format!("operation {id} {}{colon}{why}", answer.text("/state")))
}

/// Tells each change of a step once, and on a terminal the progress in between.
#[derive(Debug, Default)]
struct Teller {
    told: HashMap<String, String>,
    /// Whether a line without an end stands on the terminal.
    open: bool,
}

impl Teller {
    fn tell(&mut self, operation: &Value) {
        let steps = operation.pointer("/steps").and_then(Value::as_array);
        let mut running = None;
        for step in steps.into_iter().flatten() {
            let text = |name: &str| view::clean(step.get(name).and_then(Value::as_str).unwrap_or_default());
            let (key, title, state) = (text("key"), text("title"), text("state"));
            if state == "running" {
                running = Some(title.clone());
            }
            let news = matches!(state.as_str(), "done" | "failed" | "undone") && self.told.get(&key) != Some(&state);
            if news {
                self.close();
                let why = text("error");
                let colon = if why.is_empty() { "" } else { ": " };
                view::say(&format!("  {state:6}  {title}{colon}{why}"));
                let warning = text("warning");
                if !warning.is_empty() {
                    view::say(&format!("  {:6}  {warning}", "but"));
                }
            }
            self.told.insert(key, state);
        }
        if let Some(title) = running
            && std::io::stderr().is_terminal()
        {
            let progress = operation.pointer("/progress").map(progress).unwrap_or_default();
            eprint!("\r\x1b[K  …       {title}{progress}");
            // A bar that cannot be drawn is no reason to stop.
            let _unseen = std::io::stderr().flush();
            self.open = true;
        }
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            eprint!("\r\x1b[K");
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.close();
    }
}

fn progress(progress: &Value) -> String {
    let number = |name: &str| progress.get(name).and_then(Value::as_u64);
    let unit = progress.get("unit").and_then(Value::as_str).unwrap_or_default();
    let amount = |count: u64| {
        if unit == "bytes" {
            view::bytes(count)
        } else {
            count.to_string()
        }
    };
    let unit = if unit == "bytes" {
        String::new()
    } else {
        format!(" {}", view::clean(unit))
    };
    match (number("done"), number("total")) {
        (Some(done), Some(total)) => format!("  {} of {}{unit}", amount(done), amount(total)),
        (Some(done), None) => format!("  {}{unit}", amount(done)),
        _ => String::new(),
    }
}
