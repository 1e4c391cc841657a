//! `mpanel service-account`: accounts of a tenant for programs.

use clap::{ArgAction, Subcommand};
use serde_json::{Map, Value, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{find, prompt, view};

const PATH: &str = "service-accounts";

/// Commands of `service-account`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the service accounts of the tenant acted for
    List(Page),
    /// Show a service account
    Show {
        /// Its id or name
        account: String,
    },
    /// Make a service account; it has no tokens yet
    Create {
        /// What it is for
        name: String,
        /// What it may do at most: admin, developer or viewer
        #[arg(long)]
        role: String,
        /// From where its tokens work, such as 203.0.113.0/24; repeat for several, none is everywhere
        #[arg(long = "allow", value_name = "NETWORK")]
        networks: Vec<String>,
    },
    /// Rename a service account, change its role or networks, let it rest
    Update {
        /// Its id or name
        account: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// admin, developer or viewer
        #[arg(long)]
        role: Option<String>,
        /// Networks in place of those before; repeat for several
        #[arg(long = "allow", value_name = "NETWORK", conflicts_with = "anywhere")]
        networks: Vec<String>,
        /// Its tokens work from everywhere
        #[arg(long)]
        anywhere: bool,
        /// Its tokens do not work for now
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// They work again
        #[arg(long)]
        enable: bool,
    },
    /// Delete a service account with its tokens
    Delete {
        /// Its id or name
        account: String,
        /// Do not ask
        #[arg(long, action = ArgAction::SetTrue)]
        yes: bool,
    },
    /// Its tokens
    #[command(subcommand)]
    Token(Tokens),
}

/// Commands of `service-account token`.
#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// List the tokens of a service account
    List {
        /// Its id or name
        account: String,
        #[command(flatten)]
        page: Page,
    },
    /// Make a token; it is shown once
    Create {
        /// The account's id or name
        account: String,
        /// What the token is for
        name: String,
        /// What it may do, such as sites.site:read; repeat for several
        #[arg(long = "scope", value_name = "SCOPE", default_value = "*")]
        scopes: Vec<String>,
        /// When it ends (RFC 3339), such as 2027-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// From where it works, if the account's networks allow it too; repeat for several
        #[arg(long = "allow", value_name = "NETWORK")]
        networks: Vec<String>,
    },
    /// Make a token in the place of another, which goes on for a while; it is shown once
    Rotate {
        /// The account's id or name
        account: String,
        /// The old token's id
        token: String,
        /// Seconds for which both work; a day when not given
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u32>,
    },
    /// Revoke a token at once
    Revoke {
        /// The account's id or name
        account: String,
        /// The token's id
        token: String,
    },
}

const FIELDS: &[view::Field] = &[
    ("Id", "/id"),
    ("Name", "/name"),
    ("Role", "/role"),
    ("Networks", "/allowed_networks"),
    ("Made by", "/created_by"),
    ("Created", "/created_at"),
    ("Disabled", "/disabled_at"),
    ("Last used", "/last_used_at"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(page) => {
            let fields = [
                ("NAME", "/name"),
                ("ROLE", "/role"),
                ("DISABLED", "/disabled_at"),
                ("LAST USED", "/last_used_at"),
                ("ID", "/id"),
            ];
            let empty = "there are no service accounts: mpanel service-account create NAME --role developer";
            cx.list(&[PATH], &[], &page, &fields, empty).await
        }
        Command::Show { account } => {
            let id = find::id(cx, find::SERVICE_ACCOUNT, &account).await?;
            cx.show(&cx.api.get(&[PATH, &id]).await?, FIELDS)
        }
        Command::Create { name, role, networks } => {
            let body = json!({"name": name, "role": role, "allowed_networks": networks});
            cx.show(&cx.api.post(&[PATH], &body).await?, FIELDS)
        }
        Command::Update {
            account,
            name,
            role,
            networks,
            anywhere,
            disable,
            enable,
        } => {
            let mut body = Map::new();
            let mut set = |key: &str, value: Option<Value>| {
                body.extend(value.map(|value| (key.to_owned(), value)));
            };
            set("name", name.map(Value::from));
            set("role", role.map(Value::from));
            set(
                "allowed_networks",
                (anywhere || !networks.is_empty()).then(|| networks.into()),
            );
            set("disabled", (disable || enable).then(|| disable.into()));
            if body.is_empty() {
                return Err(Failure::Usage(
                    "say what shall be otherwise, such as --disable".to_owned(),
                ));
            }
            let id = find::id(cx, find::SERVICE_ACCOUNT, &account).await?;
            cx.show(&cx.api.patch(&[PATH, &id], &body).await?, FIELDS)
        }
        Command::Delete { account, yes } => {
            let id = find::id(cx, find::SERVICE_ACCOUNT, &account).await?;
            prompt::name_to_delete(&format!("the service account {account} with its tokens"), &account, yes)?;
            let answer = cx.api.delete(&[PATH, &id]).await?;
            cx.done(&answer, &format!("service account {account} is deleted"))
        }
        Command::Token(command) => tokens(cx, command).await,
    }
}

async fn tokens(cx: &Cx, command: Tokens) -> Result<(), Failure> {
    match command {
        Tokens::List { account, page } => {
            let id = find::id(cx, find::SERVICE_ACCOUNT, &account).await?;
            let fields = [
                ("NAME", "/name"),
                ("SCOPES", "/scopes"),
                ("NETWORKS", "/allowed_networks"),
                ("EXPIRES", "/expires_at"),
                ("LAST USED", "/last_used_at"),
                ("FROM", "/last_used_address"),
                ("ID", "/id"),
            ];
            let empty = "it has no tokens: mpanel service-account token create ACCOUNT NAME";
            cx.list(&[PATH, &id, "tokens"], &[], &page, &fields, empty).await
        }
        Tokens::Create {
            account,
            name,
            scopes,
            expires_at,
            networks,
        } => {
            let id = find::id(cx, find::SERVICE_ACCOUNT, &account).await?;
            let mut body = json!({"name": name, "scopes": scopes, "allowed_networks": networks});
            if let Some(at) = expires_at {
                body["expires_at"] = at.into();
            }
            let answer = cx.api.post(&[PATH, &id, "tokens"], &body).await?;
            // Alone on its line, so that it can be piped on.
            let token = answer.text("/token").to_owned();
            cx.done(&answer, &token)
        }
        Tokens::Rotate {
            account,
            token,
            overlap,
        } => {
            let id = find::id(cx, find::SERVICE_ACCOUNT, &account).await?;
            let body = json!({"overlap_seconds": overlap});
            let answer = cx.api.post(&[PATH, &id, "tokens", &token, "rotate"], &body).await?;
            let token = answer.text("/token").to_owned();
            cx.done(&answer, &token)
        }
        Tokens::Revoke { account, token } => {
            let id = find::id(cx, find::SERVICE_ACCOUNT, &account).await?;
            let answer = cx.api.delete(&[PATH, &id, "tokens", &token]).await?;
            cx.done(&answer, &format!("token {token} is revoked"))
        }
    }
}
