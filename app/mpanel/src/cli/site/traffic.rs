//! `mpanel site traffic`.

use clap::Args;
use serde_json::Value;

use crate::cli::connection::Cx;
use crate::cli::failure::Failure;
use crate::cli::{find, view};

/// Arguments of `site traffic`.
#[derive(Debug, Args)]
pub struct Traffic {
    /// Its id or name
    pub site: String,
    /// How many days to list, today included
    #[arg(long, value_name = "DAYS", default_value = "31", value_parser = clap::value_parser!(u32).range(1..=400))]
    pub days: u32,
}

const MONTH: [view::Field; 8] = [
    ("This month since", "/this_month/begins_on"),
    ("Requests", "/this_month/requests"),
    ("Received", "/this_month/bytes_in"),
    ("Sent", "/this_month/bytes_out"),
    ("Answered 2xx", "/this_month/answers/success"),
    ("Answered 3xx", "/this_month/answers/redirect"),
    ("Answered 4xx", "/this_month/answers/client_error"),
    ("Answered 5xx", "/this_month/answers/server_error"),
];

const DAY: [view::Field; 8] = [
    ("DAY", "/day"),
    ("REQUESTS", "/requests"),
    ("RECEIVED", "/bytes_in"),
    ("SENT", "/bytes_out"),
    ("2XX", "/answers/success"),
    ("3XX", "/answers/redirect"),
    ("4XX", "/answers/client_error"),
    ("5XX", "/answers/server_error"),
];

/// Shows what a site's visitors have used this month, and day by day.
///
/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, args: &Traffic) -> Result<(), Failure> {
    let id = find::id(cx, find::SITE, &args.site).await?;
    let days = args.days.to_string();
    let answer = cx
        .api
        .get_with(&["sites", &id, "traffic"], &[("days", days.as_str())])
        .await?;
    if cx.json {
        return cx.done(&answer, "");
    }
    let days = answer.value.pointer("/days").and_then(Value::as_array);
    let visited: Vec<Value> = days
        .into_iter()
        .flatten()
        .filter(|day| had_visitors(day))
        .cloned()
        .collect();
    let mut text = view::description(&MONTH, &answer.value);
    if !visited.is_empty() {
        text.push('\n');
        text += &view::table(&DAY, &visited);
    }
    view::print(&text)
}

fn had_visitors(day: &Value) -> bool {
    ["requests", "bytes_in", "bytes_out"]
        .iter()
        .any(|name| day.get(name).and_then(Value::as_u64).unwrap_or_default() > 0)
}
