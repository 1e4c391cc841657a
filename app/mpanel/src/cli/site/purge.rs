//! `mpanel site purge`.

use clap::Args;
use serde_json::json;

use crate::cli::connection::Cx;
use crate::cli::failure::Failure;
use crate::cli::{find, view};

/// Have the edges forget what they keep of a website's answers
#[derive(Debug, Args)]
pub struct Purge {
    /// Its id or name
    pub site: String,
    #[command(flatten)]
    pub what: What,
    /// Serve them as stale ones until they are fetched anew
    #[arg(long)]
    pub soft: bool,
}

/// What is forgotten.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct What {
    /// All of it
    #[arg(long)]
    pub everything: bool,
    /// A whole address, such as https://www.example.com/news?page=1
    #[arg(long, value_name = "URL")]
    pub address: Vec<String>,
    /// Whatever begins so, such as https://www.example.com/news/
    #[arg(long, value_name = "URL")]
    pub prefix: Vec<String>,
    /// A host name of the website
    #[arg(long)]
    pub host: Vec<String>,
    /// What the servers wrote in Cache-Tag
    #[arg(long)]
    pub tag: Vec<String>,
}

const FIELDS: [view::Field; 4] = [
    ("Number", "/seq"),
    ("State", "/state"),
    ("Waiting for", "/waiting_for"),
    ("Milliseconds", "/took_ms"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, args: &Purge) -> Result<(), Failure> {
    let id = find::id(cx, find::SITE, &args.site).await?;
    let what = &args.what;
    let body = json!({
        "everything": what.everything, "urls": what.address, "prefixes": what.prefix, "hosts": what.host, "tags": what.tag,
        "soft": args.soft,
    });
    let answer = cx.api.post(&["sites", &id, "cache", "purge"], &body).await?;
    cx.show(&answer, &FIELDS)
}
