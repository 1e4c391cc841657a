//! `mpanel events`: events that were not taken on, and what is kept in step with them.

use clap::Subcommand;
use serde_json::json;

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::jobs::retry_all;

/// Commands of `events`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Events that were given up
    #[command(subcommand)]
    Dead(Dead),
    /// List what is kept in step with events, and how far it is
    Consumers,
    /// Build anew what a consumer keeps; what it knew is found meanwhile
    Rebuild {
        /// Its name, such as tenancy.subtree
        consumer: String,
    },
}

/// Commands of `events dead`.
#[derive(Debug, Subcommand)]
pub enum Dead {
    /// List events that were given up, newest first
    List {
        /// Only those of this consumer
        #[arg(long, value_name = "CONSUMER")]
        consumer: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Try an event again, or all of a consumer
    Retry {
        /// Its id
        #[arg(required_unless_present = "consumer")]
        event: Option<String>,
        /// All of this consumer
        #[arg(long, value_name = "CONSUMER", conflicts_with = "event")]
        consumer: Option<String>,
    },
    /// Remove an event for good: what it told is not taken on
    Discard {
        /// Its id
        event: String,
    },
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::Dead(command) => dead(cx, command).await,
        Command::Consumers => {
            let fields = [
                ("NAME", "/name"),
                ("TO READ", "/lag"),
                ("TRIED AGAIN", "/waiting"),
                ("GIVEN UP", "/dead"),
                ("BUILT ANEW", "/rebuilding"),
            ];
            let empty = "nothing is kept in step with events";
            cx.list(&["event-consumers"], &[], &Page::default(), &fields, empty)
                .await
        }
        Command::Rebuild { consumer } => {
            let answer = cx
                .api
                .post(&["event-consumers", &consumer, "rebuild"], &json!({}))
                .await?;
            cx.done(&answer, "it is built anew: mpanel events consumers")
        }
    }
}

async fn dead(cx: &Cx, command: Dead) -> Result<(), Failure> {
    match command {
        Dead::List { consumer, page } => {
            let filters: Vec<_> = consumer
                .as_deref()
                .map(|consumer| ("filter[consumer]", consumer))
                .into_iter()
                .collect();
            let fields = [
                ("ID", "/id"),
                ("BY", "/consumer"),
                ("EVENT", "/event"),
                ("RESOURCE", "/resource"),
                ("BEHIND IT", "/behind"),
                ("GIVEN UP", "/died_at"),
                ("ERROR", "/error"),
            ];
            let empty = "nothing was given up: an event that fails is tried again by itself, and listed here when that does not help";
            cx.list(&["dead-events"], &filters, &page, &fields, empty).await
        }
        Dead::Retry { event: Some(event), .. } => {
            let answer = cx.api.post(&["dead-events", &event, "retry"], &json!({})).await?;
            cx.done(&answer, "the event is tried again")
        }
        Dead::Retry { consumer, .. } => {
            let body = json!({"consumer": consumer.unwrap_or_default()});
            retry_all(
                cx,
                "dead-events",
                body,
                "events are tried again: mpanel events dead list",
            )
            .await
        }
        Dead::Discard { event } => {
            let answer = cx.api.delete(&["dead-events", &event]).await?;
            cx.done(&answer, "the event is gone; what it told is not taken on")
        }
    }
}
