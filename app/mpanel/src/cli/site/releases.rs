//! `mpanel site releases`, `release`, `rollback` and `upload`.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::connection::{Cx, Page};
use crate::cli::failure::Failure;
use crate::cli::operation::finish;
use crate::cli::{find, view};

/// Commands of `site release`.
#[derive(Debug, Subcommand)]
pub enum Release {
    /// Show a release, and why it failed if it did
    Show {
        /// The website's id or name
        site: String,
        /// Id or number of the release
        release: String,
    },
    /// Publish a release
    Activate {
        /// The website's id or name
        site: String,
        /// Id or number of the release
        release: String,
        /// Do not wait for the end
        #[arg(long)]
        no_wait: bool,
    },
    /// Remove a release that is not published
    Delete {
        /// The website's id or name
        site: String,
        /// Id or number of the release
        release: String,
        /// Do not wait for the end
        #[arg(long)]
        no_wait: bool,
    },
}

/// Commands of `site upload`. `site deploy` makes uploads and goes on with them by itself.
#[derive(Debug, Subcommand)]
pub enum Upload {
    /// Show how much of an upload has arrived
    Show {
        /// The website's id or name
        site: String,
        /// Id of the upload
        upload: String,
    },
    /// Give an upload up, and its disk space back
    Delete {
        /// The website's id or name
        site: String,
        /// Id of the upload
        upload: String,
    },
}

const COLUMNS: [view::Field; 8] = [
    ("NUMBER", "/number"),
    ("STATE", "/state"),
    ("FILES", "/files"),
    ("SIZE", "/bytes"),
    ("FROM", "/source/filename"),
    ("NOTE", "/note"),
    ("CREATED", "/created_at"),
    ("ID", "/id"),
];

const FIELDS: [view::Field; 12] = [
    ("Id", "/id"),
    ("Number", "/number"),
    ("State", "/state"),
    ("Problem", "/problem"),
    ("Files", "/files"),
    ("Size", "/bytes"),
    ("From", "/source/filename"),
    ("SHA-256", "/source/sha256"),
    ("Note", "/note"),
    ("By", "/created_by"),
    ("Created", "/created_at"),
    ("Published", "/activated_at"),
];

const UPLOAD: [view::Field; 7] = [
    ("Id", "/id"),
    ("File", "/filename"),
    ("State", "/state"),
    ("Arrived", "/offset"),
    ("Size", "/size"),
    ("SHA-256", "/sha256"),
    ("Expires", "/expires_at"),
];

/// # Errors
/// The server's problem.
pub async fn list(cx: &Cx, site: &str, page: &Page) -> Result<(), Failure> {
    let id = find::id(cx, find::SITE, site).await?;
    let empty = format!("nothing is published yet: mpanel site deploy {site} FILE");
    cx.list(&["sites", &id, "releases"], &[], page, &COLUMNS, &empty).await
}

/// # Errors
/// The server's problem, or the operation's.
pub async fn run(cx: &Cx, command: Release) -> Result<(), Failure> {
    match command {
        Release::Show { site, release } => {
            let site = find::id(cx, find::SITE, &site).await?;
            let (release, _) = named(cx, &site, &release).await?;
            let answer = cx.api.get(&["sites", &site, "releases", &release]).await?;
            cx.show(&answer, &FIELDS)
        }
        Release::Activate { site, release, no_wait } => {
            let site = find::id(cx, find::SITE, &site).await?;
            let release = named(cx, &site, &release).await?;
            activate(cx, &site, release, no_wait).await
        }
        Release::Delete { site, release, no_wait } => {
            let site = find::id(cx, find::SITE, &site).await?;
            let (release, shown) = named(cx, &site, &release).await?;
            let answer = cx.api.delete(&["sites", &site, "releases", &release]).await?;
            let answer = finish(cx, answer, no_wait).await?;
            let sentence = if no_wait { "is being removed" } else { "is removed" };
            cx.done(&answer, &format!("release {shown} {sentence}"))
        }
    }
}

/// # Errors
/// The server's problem.
pub async fn uploads(cx: &Cx, command: Upload) -> Result<(), Failure> {
    match command {
        Upload::Show { site, upload } => {
            let site = find::id(cx, find::SITE, &site).await?;
            let answer = cx.api.get(&["sites", &site, "uploads", &upload]).await?;
            cx.show(&answer, &UPLOAD)
        }
        Upload::Delete { site, upload } => {
            let site = find::id(cx, find::SITE, &site).await?;
            let answer = cx.api.delete(&["sites", &site, "uploads", &upload]).await?;
            cx.done(&answer, &format!("upload {upload} is gone"))
        }
    }
}

/// # Errors
/// When there is nothing to go back to; the server's problem, or the operation's.
pub async fn rollback(cx: &Cx, site: &str, to: Option<&str>) -> Result<(), Failure> {
    let id = find::id(cx, find::SITE, site).await?;
    let releases = cx.all(&["sites", &id, "releases"], &[]).await?;
    let (release, number) = release_to_activate(&releases, to)?;
    activate(cx, &id, (release, number.to_string()), false).await
}

async fn activate(cx: &Cx, site: &str, (release, shown): (String, String), no_wait: bool) -> Result<(), Failure> {
    let path = ["sites", site, "releases", &release, "activate"];
    let answer = cx.api.post(&path, &json!({})).await?;
    let answer = finish(cx, answer, no_wait).await?;
    let sentence = if no_wait { "is being published" } else { "is published" };
    cx.done(&answer, &format!("release {shown} {sentence}"))
}

/// The id of a release named by id or number, and how to call it.
async fn named(cx: &Cx, site: &str, wanted: &str) -> Result<(String, String), Failure> {
    if wanted.starts_with("rel_") {
        return Ok((wanted.to_owned(), wanted.to_owned()));
    }
    let releases = cx.all(&["sites", site, "releases"], &[]).await?;
    release_to_activate(&releases, Some(wanted)).map(|(id, number)| (id, number.to_string()))
}

/// The release named by id or number, or the newest usable one before the active one.
///
/// # Errors
/// When there is none.
pub fn release_to_activate(releases: &[Value], to: Option<&str>) -> Result<(String, u64), Failure> {
    let field = |release: &Value, name: &str| release.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |release: &Value| release.get("number").and_then(Value::as_u64).unwrap_or_default();
    let found = match to {
        Some(to) => releases
            .iter()
            .find(|release| field(release, "id") == to || number(release).to_string() == to.trim_start_matches('#')),
        None => {
            let active = releases
                .iter()
                .find(|release| field(release, "state") == "active")
                .map(number);
            releases
                .iter()
                .filter(|release| {
                    field(release, "state") == "ready" && active.is_none_or(|active| number(release) < active)
                })
                .max_by_key(|release| number(release))
        }
    };
    let missing = || match to {
        Some(to) => Failure::NotFound(format!("there is no release {to}: see `mpanel site releases`")),
        None => Failure::NotFound("there is no earlier release to go back to: see `mpanel site releases`".to_owned()),
    };
    found
        .map(|release| (field(release, "id"), number(release)))
        .ok_or_else(missing)
}
