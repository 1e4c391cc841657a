//! `mpanel site`: websites, their domains and releases.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{deploy, find, operation, prompt, view};

mod delivery;
mod purge;
pub mod releases;
mod traffic;
mod update;

/// Commands of `site`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List websites
    List(Page),
    /// Show a website
    Show {
        /// Its id or name
        site: String,
    },
    /// Make a website
    Create {
        /// Its name
        name: String,
        /// Short name, part of the preview address
        #[arg(long)]
        slug: Option<String>,
        /// Its domain, such as www.example.com
        #[arg(long)]
        domain: Option<String>,
    },
    /// Publish a website: a .zip or .tar.gz, or a folder
    Deploy(deploy::Deploy),
    /// Rename a website or change how it is served
    Update(update::Update),
    /// Delete a website with all its releases
    Delete {
        /// Its id or name
        site: String,
        /// Do not ask for its name
        #[arg(long)]
        yes: bool,
        /// Do not wait for the end
        #[arg(long)]
        no_wait: bool,
    },
    /// List the releases of a website, newest first
    Releases {
        /// Its id or name
        site: String,
        #[command(flatten)]
        page: Page,
    },
    /// Publish the release before the present one, or the one named
    Rollback {
        /// Its id or name
        site: String,
        /// Id or number of a release
        #[arg(long, value_name = "RELEASE")]
        to: Option<String>,
    },
    /// Look at a release, publish it or remove it
    #[command(subcommand)]
    Release(releases::Release),
    /// Uploads that are on their way
    #[command(subcommand)]
    Upload(releases::Upload),
    /// Show what visitors of a website have used, this month and day by day
    Traffic(traffic::Traffic),
    Delivery(delivery::Delivery),
    Purge(purge::Purge),
    /// Domains of a website
    #[command(subcommand)]
    Domain(Domain),
}

/// Commands of `site domain`.
#[derive(Debug, Subcommand)]
pub enum Domain {
    /// List the domains of a website
    List {
        /// Its id or name
        site: String,
    },
    /// Let a domain lead to a website
    Add {
        /// Its id or name
        site: String,
        /// Such as www.example.com
        name: String,
        #[arg(long, value_enum, default_value = "alias")]
        kind: DomainKind,
        /// Where a redirect leads, such as https://example.com
        #[arg(long, value_name = "URL")]
        target: Option<String>,
        /// Status of a redirect: 301, 302, 307 or 308
        #[arg(long)]
        status: Option<u16>,
    },
    /// Let a domain lead nowhere
    Remove {
        /// Its id or name
        site: String,
        /// The domain
        name: String,
    },
}

/// What a domain does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DomainKind {
    /// The website's own address
    Primary,
    /// Shows the same website
    Alias,
    /// Leads elsewhere
    Redirect,
}

const FIELDS: [view::Field; 13] = [
    ("Id", "/id"),
    ("Name", "/name"),
    ("Status", "/status/summary"),
    ("Address", "/url"),
    ("Preview", "/preview_url"),
    ("Domains", "/domains"),
    ("Release", "/active_release_id"),
    ("HTTPS redirect", "/settings/https_redirect"),
    ("SPA fallback", "/settings/spa_fallback"),
    ("Not found page", "/settings/not_found_page"),
    ("Keeps releases", "/settings/keep_releases"),
    ("Disk", "/disk_bytes"),
    ("Created", "/created_at"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(page) => {
            let fields = [
                ("NAME", "/name"),
                ("STATUS", "/status/summary"),
                ("ADDRESS", "/url"),
                ("DISK", "/disk_bytes"),
                ("ID", "/id"),
            ];
            let empty = "there are no websites yet: mpanel site create NAME --domain www.example.com";
            cx.list(&["sites"], &[], &page, &fields, empty).await
        }
        Command::Show { site } => {
            let id = find::id(cx, find::SITE, &site).await?;
            cx.show(&cx.api.get(&["sites", &id]).await?, &FIELDS)
        }
        Command::Create { name, slug, domain } => {
            let mut body = json!({"name": name});
            if let Some(slug) = slug {
                body["slug"] = slug.into();
            }
            if let Some(domain) = domain {
                body["domain"] = domain.into();
            }
            let answer = cx.api.post(&["sites"], &body).await?;
            cx.show(&answer, &FIELDS)?;
            view::say(&format!(
                "next: mpanel site deploy {} FILE",
                view::clean(answer.text("/slug"))
            ));
            Ok(())
        }
        Command::Deploy(args) => deploy::run(cx, args).await,
        Command::Delete { site, yes, no_wait } => delete(cx, &site, yes, no_wait).await,
        Command::Update(update) => update::run(cx, &update).await,
        Command::Releases { site, page } => releases::list(cx, &site, &page).await,
        Command::Release(release) => releases::run(cx, release).await,
        Command::Upload(upload) => releases::uploads(cx, upload).await,
        Command::Rollback { site, to } => releases::rollback(cx, &site, to.as_deref()).await,
        Command::Traffic(args) => traffic::run(cx, &args).await,
        Command::Purge(args) => purge::run(cx, &args).await,
        Command::Delivery(args) => delivery::run(cx, &args).await,
        Command::Domain(domain) => domains(cx, domain).await,
    }
}

async fn delete(cx: &Cx, site: &str, yes: bool, no_wait: bool) -> Result<(), Failure> {
    let id = find::id(cx, find::SITE, site).await?;
    let found = cx.api.get(&["sites", &id]).await?;
    let name = view::clean(found.text("/name"));
    prompt::name_to_delete(&format!("the website {name} with all its releases"), &name, yes)?;
    let answer = cx.api.delete(&["sites", &id]).await?;
    let answer = operation::finish(cx, answer, no_wait).await?;
    let sentence = if no_wait { "is being deleted" } else { "is deleted" };
    cx.done(&answer, &format!("{name} {sentence}"))
}

async fn domains(cx: &Cx, domain: Domain) -> Result<(), Failure> {
    match domain {
        Domain::List { site } => {
            let id = find::id(cx, find::SITE, &site).await?;
            let fields = [
                ("NAME", "/name"),
                ("KIND", "/kind"),
                ("TARGET", "/target"),
                ("STATE", "/state"),
            ];
            let empty = format!("only the preview address leads here: mpanel site domain add {site} www.example.com");
            cx.list(&["sites", &id, "domains"], &[], &Page::default(), &fields, &empty)
                .await
        }
        Domain::Add {
            site,
            name,
            kind,
            target,
            status,
        } => {
            if (kind == DomainKind::Redirect) != target.is_some() {
                return Err(Failure::Usage(
                    "--kind redirect and --target belong together".to_owned(),
                ));
            }
            let id = find::id(cx, find::SITE, &site).await?;
            let kind = kind.to_possible_value().map(|kind| kind.get_name().to_owned());
            let mut body = json!({"name": name, "kind": kind});
            if let Some(target) = target {
                body["target"] = target.into();
            }
            if let Some(status) = status {
                body["status"] = status.into();
            }
            let answer = cx.api.post(&["sites", &id, "domains"], &body).await?;
            cx.done(&answer, &format!("{name} leads to {site}"))
        }
        Domain::Remove { site, name } => {
            let id = find::id(cx, find::SITE, &site).await?;
            let answer = cx.api.delete(&["sites", &id, "domains", &name]).await?;
            cx.done(&answer, &format!("{name} no longer leads to {site}"))
        }
    }
}
