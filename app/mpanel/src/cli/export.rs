//! `mpanel tenant export|exports`: everything that is a tenant's, as one archive.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::api::Answer;
use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{find, view};

const POLL: Duration = Duration::from_millis(500);

/// What is wanted.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Its id or short name
    tenant: String,
    /// Write the archive to this file once it is made; without it, it stays on the panel for a while
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Also what the tenants below it have, but for those that want to be asked first
    #[arg(long)]
    below: bool,
    /// Why, when anything of it is a tenant's below; that tenant reads it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The files of all releases, and not only of those that are shown
    #[arg(long)]
    all_releases: bool,
}

/// Commands of `tenant exports`.
#[derive(Debug, Subcommand)]
pub enum Exports {
    /// List the archives of a tenant, newest first
    List {
        /// Its id or short name
        tenant: String,
        #[command(flatten)]
        page: Page,
    },
    /// Show how far an archive is
    Show {
        /// The tenant's id or short name
        tenant: String,
        /// The archive's id
        export: String,
    },
    /// Write a finished archive to a file; a transfer that was cut short goes on where it ended
    Download {
        /// The tenant's id or short name
        tenant: String,
        /// The archive's id
        export: String,
        /// Where to
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Remove an archive, or stop the making of one
    Remove {
        /// The tenant's id or short name
        tenant: String,
        /// The archive's id
        export: String,
    },
}

const FIELDS: [view::Field; 7] = [
    ("Id", "/id"),
    ("State", "/state"),
    ("Bytes", "/size"),
    ("Expires", "/expires_at"),
    ("Problem", "/problem"),
    ("Asked for", "/created_at"),
    ("By", "/created_by"),
];

/// One of those below, or the tenant that one acts for.
async fn tenant(cx: &Cx, wanted: &str) -> Result<String, Failure> {
    match find::id(cx, find::TENANT, wanted).await {
        Err(Failure::NotFound(_)) => find::tenant_to_act_for(&cx.api, wanted).await,
        found => found,
    }
}

/// # Errors
/// The server's problem; that the archive cannot be made, or not be written here.
pub async fn export(cx: &Cx, args: Export) -> Result<(), Failure> {
    let tenant = tenant(cx, &args.tenant).await?;
    let body = json!({"tenants_below": args.below, "all_releases": args.all_releases, "reason": args.reason});
    let begun = cx.api.post(&["tenants", &tenant, "exports"], &body).await?;
    let id = begun.text("/id").to_owned();
    let made = follow(cx, (&tenant, &id)).await?;
    if let Some(path) = args.to {
        download(cx, (&tenant, &id), &path).await?;
    }
    cx.show(&made, &FIELDS)
}

/// Waits until it is made, and tells how far it is.
async fn follow(cx: &Cx, (tenant, id): (&str, &str)) -> Result<Answer, Failure> {
    let terminal = std::io::stderr().is_terminal();
    loop {
        let answer = cx.api.get(&["tenants", tenant, "exports", id]).await?;
        let state = answer.text("/state");
        if terminal {
            let number = |pointer: &str| answer.value.pointer(pointer).and_then(Value::as_u64);
            let progress = match (number("/progress/done"), number("/progress/total")) {
                (Some(done), Some(total)) if state == "running" => {
                    format!("  …       writing the archive: {done} of {total} files")
                }
                _ => String::new(),
            };
            eprint!("\r\x1b[K{progress}");
            // A line that cannot be drawn is no reason to stop.
            let _unseen = std::io::stderr().flush();
        }
        match state {
            "running" => tokio::time::sleep(POLL).await,
            "ready" => return Ok(answer),
            state => {
                let why = answer.text("/problem");
                let colon = if why.is_empty() { "" } else { ": " };
                return Err(Failure::Operation(format!("the archive {id} is {state}{colon}{why}")));
            }
        }
    }
}

/// The file appears whole or not at all; what came so far waits beside it. It has people's data in it, and is the caller's only.
async fn download(cx: &Cx, (tenant, id): (&str, &str), path: &Path) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let mut part = path.to_owned().into_os_string();
    part.push(format!(".{id}.part"));
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&part)
        .map_err(unwritable)?;
    let so_far = file.metadata().map_err(unwritable)?.len();
    let from = ["tenants", tenant, "exports", id, "download"];
    let bytes = so_far + cx.api.download_from(&from, so_far, &mut file).await?;
    file.sync_all().map_err(unwritable)?;
    std::fs::rename(part, path).map_err(unwritable)?;
    view::say(&format!("wrote {} to {}", view::bytes(bytes), path.display()));
    Ok(())
}

/// # Errors
/// The server's problem, or that a file cannot be written.
pub async fn exports(cx: &Cx, command: Exports) -> Result<(), Failure> {
    match command {
        Exports::List { tenant: wanted, page } => {
            let tenant = tenant(cx, &wanted).await?;
            let fields = [
                ("ID", "/id"),
                ("STATE", "/state"),
                ("BYTES", "/size"),
                ("ASKED FOR", "/created_at"),
                ("EXPIRES", "/expires_at"),
            ];
            let empty = "there are no archives: mpanel tenant export TENANT --to FILE";
            cx.list(&["tenants", &tenant, "exports"], &[], &page, &fields, empty)
                .await
        }
        Exports::Show { tenant: wanted, export } => {
            let tenant = tenant(cx, &wanted).await?;
            cx.show(&cx.api.get(&["tenants", &tenant, "exports", &export]).await?, &FIELDS)
        }
        Exports::Download {
            tenant: wanted,
            export,
            to,
        } => {
            let tenant = tenant(cx, &wanted).await?;
            download(cx, (&tenant, &export), &to).await
        }
        Exports::Remove { tenant: wanted, export } => {
            let tenant = tenant(cx, &wanted).await?;
            let answer = cx.api.delete(&["tenants", &tenant, "exports", &export]).await?;
            cx.done(&answer, &format!("the archive {export} is gone"))
        }
    }
}
