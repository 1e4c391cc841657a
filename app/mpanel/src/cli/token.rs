//! `mpanel token`, `mpanel session` and `mpanel sign-ins`: the ways in.

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
        /// From where it works, such as 203.0.113.0/24; repeat for several, none is everywhere
        #[arg(long = "allow", value_name = "NETWORK")]
        networks: Vec<String>,
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
    /// End a session, or all of them
    #[command(visible_alias = "revoke")]
    End(End),
}

/// Which sessions end.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct End {
    /// The session's id
    session: Option<String>,
    /// All that you have
    #[arg(long)]
    all: bool,
    /// All of this user, by id, whose account belongs to the tenant acted for
    #[arg(long, value_name = "USER")]
    of: Option<String>,
}

/// Arguments of `sign-ins`.
#[derive(Debug, clap::Args)]
pub struct SignIns {
    #[command(flatten)]
    page: Page,
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
                ("FROM", "/last_used_address"),
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
            networks,
        } => {
            let mut body = json!({"name": name, "scopes": scopes});
            if !networks.is_empty() {
                body["allowed_networks"] = networks.into();
            }
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
                ("BROWSER", "/device/browser"),
                ("SYSTEM", "/device/system"),
                ("HOST", "/host"),
                ("CREATED", "/created_at"),
                ("LAST SEEN", "/last_seen_at"),
                ("EXPIRES", "/expires_at"),
            ];
            let empty = "you are signed in nowhere but here, by an API token: mpanel token list";
            cx.list(&["sessions"], &[], &page, &fields, empty).await
        }
        Sessions::End(End { session, all: _, of }) => {
            if let Some(session) = session {
                let answer = cx.api.delete(&["sessions", &session]).await?;
                return cx.done(&answer, "the session has ended");
            }
            let answer = match &of {
                Some(user) => cx.api.delete(&["people", user, "sessions"]).await?,
                None => cx.api.delete(&["sessions"]).await?,
            };
            let ended = answer.value.pointer("/ended").and_then(serde_json::Value::as_u64);
            cx.done(
                &answer,
                &format!("sessions that have ended: {}", ended.unwrap_or_default()),
            )
        }
    }
}

/// Lists who signed in to one's own account, or tried to.
///
/// # Errors
/// The server's problem.
pub async fn sign_ins(cx: &Cx, args: &SignIns) -> Result<(), Failure> {
    let fields = [
        ("TIME", "/at"),
        ("WHAT", "/kind"),
        ("RESULT", "/result"),
        ("TIMES", "/attempts"),
        ("SECOND FACTOR", "/second_factor"),
        ("ADDRESS", "/address"),
        ("BROWSER", "/device/browser"),
        ("SYSTEM", "/device/system"),
    ];
    let empty = "nobody has signed in to your account in the time that is kept";
    cx.list(&["me", "sign-ins"], &[], &args.page, &fields, empty).await
}
