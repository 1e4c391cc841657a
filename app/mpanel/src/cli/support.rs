//! `mpanel assume` and `mpanel support`: acting for a tenant below, and what that tenant sees and says of it.

use clap::Subcommand;
use serde_json::json;

use super::api::Api;
use super::connection::{Cx, Global, Page};
use super::failure::Failure;
use super::find;
use super::login::{self, Entry, Panel};
use super::profiles::{self, Profiles};
use super::role::Switch;

/// Says why one acts for a tenant below; from then on `--tenant` works with it. With --email it signs in by password for this,
/// which it needs unless the token may act below.
#[derive(Debug, clap::Args)]
pub struct Assume {
    /// The tenant's id or short name
    tenant: String,
    /// Why, which the tenant reads
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For how long (1 to 480)
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    minutes: u32,
    #[command(flatten)]
    entry: Entry,
}

/// Commands of `support`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List who has acted for a tenant from above, or asks to
    List {
        /// Of a tenant below, by id or short name; else your own
        #[arg(long = "of", value_name = "TENANT")]
        of: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Let somebody in who asked
    Agree {
        /// Its id
        assumption: String,
    },
    /// End somebody's leave, or your own, at once; refuse it
    End {
        /// Its id
        assumption: String,
        /// Of a tenant below, by id or short name; else your own
        #[arg(long = "of", value_name = "TENANT")]
        of: Option<String>,
    },
    /// Say whether those above have to ask each time; without a word, show it
    Consent {
        #[arg(value_enum)]
        switch: Option<Switch>,
    },
}

/// # Errors
/// The server's problem.
pub async fn assume(global: &Global, args: &Assume) -> Result<(), Failure> {
    // A person does it: a token that was not made to act below opens nothing.
    if args.entry.email.is_none() {
        return open(&Cx::connect(global).await?, args).await;
    }
    let profiles = Profiles::load(&profiles::config_file()?)?;
    let panel = Panel::find(global, None, args.entry.ca_fingerprint.as_deref(), &profiles).await?;
    let mut api = Api::new(&panel.server, &panel.trust)?;
    args.entry.open_session(&mut api, || args.entry.password()).await?;
    let cx = Cx { api, json: global.json };
    let opened = open(&cx, args).await;
    login::close_session(&cx.api).await;
    opened
}

async fn open(cx: &Cx, args: &Assume) -> Result<(), Failure> {
    let id = find::id(cx, find::TENANT, &args.tenant).await?;
    let body = json!({"reason": args.reason, "minutes": args.minutes});
    let answer = cx.api.post(&["tenants", &id, "assumptions"], &body).await?;
    let tenant = &args.tenant;
    let sentence = match answer.text("/state") {
        "waiting" => format!("{tenant} is asked; as soon as somebody there agrees, `--tenant {tenant}` works"),
        _ => format!(
            "you may act for {tenant} until {}; end it sooner with `mpanel support end {} --of {tenant}`",
            answer.text("/expires_at"),
            answer.text("/id")
        ),
    };
    cx.done(&answer, &sentence)
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { of, page } => {
            let tenant = tenant(cx, of.as_deref()).await?;
            let fields = [
                ("WHO", "/user/name"),
                ("FROM", "/from_tenant_name"),
                ("WHY", "/reason"),
                ("STATE", "/state"),
                ("ASKED", "/asked_at"),
                ("UNTIL", "/expires_at"),
                ("ENDED", "/ended_at"),
                ("ID", "/id"),
            ];
            let empty = "nobody from above has acted for this tenant";
            cx.list(&["tenants", &tenant, "assumptions"], &[], &page, &fields, empty)
                .await
        }
        Command::Agree { assumption } => {
            let tenant = tenant(cx, None).await?;
            let path = ["tenants", &tenant, "assumptions", &assumption, "agree"];
            let answer = cx.api.post(&path, &json!({})).await?;
            let who = answer.text("/user/name").to_owned();
            let until = answer.text("/expires_at").to_owned();
            cx.done(&answer, &format!("{who} may act for you until {until}"))
        }
        Command::End { assumption, of } => {
            let tenant = tenant(cx, of.as_deref()).await?;
            let answer = cx.api.delete(&["tenants", &tenant, "assumptions", &assumption]).await?;
            cx.done(&answer, "it is ended")
        }
        Command::Consent { switch } => {
            let tenant = tenant(cx, None).await?;
            let path = ["tenants", &tenant, "support-access"];
            let answer = match switch {
                Some(switch) => {
                    cx.api
                        .put(&path, &json!({"consent_required": switch == Switch::On}))
                        .await?
                }
                None => cx.api.get(&path).await?,
            };
            let asked = answer.value.get("consent_required") == Some(&true.into());
            let sentence = match asked {
                true => "those above have to ask each time",
                false => "those above say why, and need not ask",
            };
            cx.done(&answer, sentence)
        }
    }
}

/// A tenant below by name, or the one that is acted for.
async fn tenant(cx: &Cx, of: Option<&str>) -> Result<String, Failure> {
    if let Some(of) = of {
        return find::id(cx, find::TENANT, of).await;
    }
    if let Some(id) = cx.api.header("mpanel-tenant") {
        return Ok(id.to_owned());
    }
    Ok(cx.api.get(&["me"]).await?.text("/home_tenant/id").to_owned())
}
