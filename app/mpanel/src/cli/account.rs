//! `mpanel me` and `mpanel password`.

use serde_json::{Value, json};

use super::connection::Cx;
use super::failure::Failure;
use super::{mail, prompt, view};

/// Arguments of `me`.
#[derive(Debug, clap::Args)]
pub struct Me {}

/// Arguments of `password`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Password {
    #[command(subcommand)]
    pub command: Option<mail::Password>,
    /// Read the current password and the new one from standard input, a line each
    #[arg(long)]
    pub password_stdin: bool,
}

/// Changes one's own password; every browser is signed out.
///
/// # Errors
/// The server's problem.
pub async fn password(cx: &Cx, args: &Password) -> Result<(), Failure> {
    let (current, new) = if args.password_stdin {
        (
            prompt::secret_from_stdin("current password")?,
            prompt::secret_from_stdin("new password")?,
        )
    } else {
        let current = prompt::secret("Current password", "--password-stdin")?;
        (current, prompt::new_secret("New password", "--password-stdin")?)
    };
    let body = json!({"current_password": current.expose(), "new_password": new.expose()});
    let answer = cx.api.post(&["me", "password"], &body).await?;
    let text = "your password is changed, and browsers are signed out; API tokens stay: mpanel token list";
    cx.done(&answer, text)
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx) -> Result<(), Failure> {
    let me = cx.api.get(&["me"]).await?;
    cx.show(
        &me,
        &[
            ("User", "/user/id"),
            ("Name", "/user/name"),
            ("E-mail", "/user/email"),
            ("Second factor", "/user/totp_enabled"),
        ],
    )?;
    let memberships = me.value.pointer("/memberships").and_then(Value::as_array);
    match memberships {
        Some(memberships) if !cx.json && !memberships.is_empty() => {
            let fields = [
                ("TENANT", "/tenant/slug"),
                ("NAME", "/tenant/name"),
                ("KIND", "/tenant/kind"),
                ("ROLE", "/role"),
                ("ID", "/tenant/id"),
            ];
            view::print(&format!("\n{}", view::table(&fields, memberships)))
        }
        _ => Ok(()),
    }
}
