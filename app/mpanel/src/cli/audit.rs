//! `mpanel audit`.

use clap::Subcommand;

use super::connection::{Cx, Page};
use super::failure::Failure;

/// Commands of `audit`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List who did what, newest first
    List {
        /// Only what was done to this object (an id)
        #[arg(long, value_name = "ID")]
        subject: Option<String>,
        /// Only what this actor did (an id)
        #[arg(long, value_name = "ID")]
        actor: Option<String>,
        /// Only this action, such as sites.site.created
        #[arg(long)]
        action: Option<String>,
        #[command(flatten)]
        page: Page,
    },
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    let Command::List {
        subject,
        actor,
        action,
        page,
    } = command;
    let filters = [
        ("filter[subject]", subject),
        ("filter[actor]", actor),
        ("filter[action]", action),
    ];
    let filters: Vec<(&str, &str)> = filters
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
        .collect();
    let fields = [
        ("TIME", "/time"),
        ("ACTION", "/action"),
        ("SUBJECT", "/subject"),
        ("ACTOR", "/actor"),
        ("REQUEST", "/request_id"),
    ];
    cx.list(&["audit"], &filters, &page, &fields, "nothing is recorded that matches")
        .await
}
