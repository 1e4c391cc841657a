//! `mpanel site update`.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::cli::connection::Cx;
use crate::cli::failure::Failure;
use crate::cli::find;

/// Arguments of `site update`.
#[derive(Debug, Args)]
pub struct Update {
    /// Its id or name
    pub site: String,
    #[command(flatten)]
    pub changes: Changes,
}

/// What is not named stays.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Changes {
    /// Another name
    #[arg(long)]
    pub name: Option<String>,
    /// Answer unknown paths with the start page, for applications that route in the browser
    #[arg(long, value_enum)]
    pub spa_fallback: Option<Switch>,
    /// Page for what is not found, a path in the release; "" for the release's own 404.html
    #[arg(long, value_name = "PATH")]
    pub not_found_page: Option<String>,
    /// Redirect plain HTTP to HTTPS
    #[arg(long, value_enum)]
    pub https_redirect: Option<Switch>,
    /// How many releases are kept, the published one included: 1 to 100
    #[arg(long, value_name = "COUNT")]
    pub keep_releases: Option<u32>,
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

impl Changes {
    /// The request's body.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut settings = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                settings.insert(name.to_owned(), value);
            }
        };
        set(
            "spa_fallback",
            self.spa_fallback.map(|switch| (switch == Switch::On).into()),
        );
        let page = self.not_found_page.as_deref();
        set(
            "not_found_page",
            page.map(|page| if page.is_empty() { Value::Null } else { page.into() }),
        );
        set(
            "https_redirect",
            self.https_redirect.map(|switch| (switch == Switch::On).into()),
        );
        set("keep_releases", self.keep_releases.map(Into::into));
        let mut body = json!({});
        if let Some(name) = &self.name {
            body["name"] = name.as_str().into();
        }
        if !settings.is_empty() {
            body["settings"] = settings.into();
        }
        body
    }
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, update: &Update) -> Result<(), Failure> {
    let id = find::id(cx, find::SITE, &update.site).await?;
    let answer = cx.api.patch(&["sites", &id], &update.changes.body()).await?;
    cx.show(&answer, &super::FIELDS)
}
