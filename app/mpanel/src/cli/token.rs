//! `mpanel token` and `mpanel session`: the ways in.

use clap::Subcommand;
use serde_json::json;

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::find;

/// Commands of `token`.
#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// List your API tokens
    List {
        /// Those of this user, by id, for the tenant acted for; owners of the tenant may ask
        #[arg(long, value_name = "USER", conflicts_with = "everybody")]
        user: Option<String>,
        /// Those of everybody for the tenant acted for; owners of the tenant may ask
        #[arg(long)]
        everybody: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Make an API token; it is shown once
    Create {
        /// What it is for
        name: String,
        /// What it may do, such as sites.site:read; repeat for several
        #[arg(long = "scope", value_name = "SCOPE", default_value = "*")]
        scopes: Vec<String>,
        /// When it ends (RFC 3339), such as 2027-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// Revoke an API token at once
    Revoke {
        /// Its id or name; that of somebody else's by its id
        token: String,
    },
}

/// Commands of `session`.
#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// List where you are signed in
    List(Page),
    /// End a session
    Revoke {
        /// Its id
        session: String,
    },
}

/// # Errors
/// The server's problem.
pub async fn tokens(cx: &Cx, command: Tokens) -> Result<(), Failure> {
    match command {
        Tokens::List { user, everybody, page } => {
            let fields = [
                ("NAME", "/name"),
                ("OWNER", "/user_name"),
                ("SCOPES", "/scopes"),
                ("CREATED", "/created_at"),
                ("EXPIRES", "/expires_at"),
                ("LAST USED", "/last_used_at"),
                ("ID", "/id"),
            ];
            let whose = if everybody { Some("any") } else { user.as_deref() };
            let filter: Vec<_> = whose.map(|whose| ("filter[user]", whose)).into_iter().collect();
            let empty = match whose {
                None => "you have no API tokens: mpanel token create NAME --scope sites.site:read",
                Some(_) => "there are no such API tokens for this tenant",
            };
            cx.list(&["api-tokens"], &filter, &page, &fields, empty).await
        }
        Tokens::Create {
            name,
            scopes,
            expires_at,
        } => {
            let mut body = json!({"name": name, "scopes": scopes});
            if let Some(at) = expires_at {
                body["expires_at"] = at.into();
            }
            let answer = cx.api.post(&["api-tokens"], &body).await?;
            // Alone on its line, so that it can be piped on.
            let token = answer.text("/token").to_owned();
            cx.done(&answer, &token)
        }
        Tokens::Revoke { token } => {
            let id = find::id(cx, find::TOKEN, &token).await?;
            let answer = cx.api.delete(&["api-tokens", &id]).await?;
            cx.done(&answer, &format!("token {token} is revoked"))
        }
    }
}

/// # Errors
/// The server's problem.
pub async fn sessions(cx: &Cx, command: Sessions) -> Result<(), Failure> {
    match command {
        Sessions::List(page) => {
            let fields = [
                ("ID", "/id"),
                ("ADDRESS", "/address"),
                ("BROWSER", "/user_agent"),
                ("CREATED", "/created_at"),
                ("LAST SEEN", "/last_seen_at"),
                ("EXPIRES", "/expires_at"),
            ];
            let empty = "you are signed in nowhere but here, by an API token: mpanel token list";
            cx.list(&["sessions"], &[], &page, &fields, empty).await
        }
        Sessions::Revoke { session } => {
            let answer = cx.api.delete(&["sessions", &session]).await?;
            cx.done(&answer, "the session has ended")
        }
    }
}
