//! `mpanel password reset|accept`, `mpanel email`, `mpanel invitation` and `mpanel mail`: what goes by mail.

use clap::Subcommand;
use mpanel_crypto::Secret;
use serde_json::{Value, json};

use super::activate::Link;
use super::api::Api;
use super::connection::{Cx, Global, Page};
use super::failure::Failure;
use super::login::{self, Panel};
use super::profiles::{self, Profiles};
use super::{prompt, view};

/// Commands of `password`, beside changing it.
#[derive(Debug, Subcommand)]
pub enum Password {
    /// Ask for a link to a new password; it goes to the address by mail
    Reset {
        /// E-mail address of the account
        email: String,
        /// SHA-256 of the panel's certificate authority, to trust it without asking
        #[arg(long, value_name = "SHA256")]
        ca_fingerprint: Option<String>,
    },
    /// Follow that link: set a new password, which ends all sessions
    Accept(Accept),
}

/// Arguments of `password accept`.
#[derive(Debug, clap::Args)]
pub struct Accept {
    /// The link in the mail, or its part after the #; - reads it from standard input (first line)
    link: String,
    /// Read the new password from standard input (a line; after the link, if that is read too)
    #[arg(long)]
    password_stdin: bool,
    /// The code of your authenticator, or a backup code, if the account has a second factor
    #[arg(long, value_name = "CODE")]
    totp: Option<String>,
    /// SHA-256 of the panel's certificate authority, to trust it without asking
    #[arg(long, value_name = "SHA256")]
    ca_fingerprint: Option<String>,
}

/// Commands of `email`.
#[derive(Debug, Subcommand)]
pub enum Email {
    /// Ask for another e-mail address; a link goes to it
    Change {
        /// The new address
        email: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Follow that link: the address is yours from then on
    Confirm {
        /// The link in the mail, or its part after the #; - reads it from standard input
        link: String,
    },
}

/// Commands of `invitation`.
#[derive(Debug, Subcommand)]
pub enum Invitation {
    /// List who was invited and has not come yet
    List(Page),
    /// Invite somebody again, for seven days more: a new link goes by mail, and another is printed
    Resend {
        /// E-mail address or user id
        user: String,
    },
    /// Take an invitation back; its links open nothing any more
    Revoke {
        /// E-mail address or user id
        user: String,
    },
}

/// Commands of `mail`.
#[derive(Debug, Subcommand)]
pub enum Mail {
    /// Send a mail to your own address and say what the mail server answers
    Test,
}

/// Asks for a link to a new password, or follows it.
///
/// # Errors
/// When the panel is not there, the link is used or too old, or the server refuses the password.
pub async fn password(global: &Global, command: Password) -> Result<(), Failure> {
    match command {
        Password::Reset { email, ca_fingerprint } => {
            let api = stranger(global, None, ca_fingerprint.as_deref()).await?.0;
            let answer = api.post(&["password-resets"], &json!({"email": email})).await?;
            let text = "if the address has an account, a link is on its way to it: mpanel password accept LINK";
            finish(global, &answer.raw, text)
        }
        Password::Accept(accept) => accept.run(global).await,
    }
}

impl Accept {
    async fn run(&self, global: &Global) -> Result<(), Failure> {
        let given = read_link(&self.link)?;
        let link = Link::parse(given.expose());
        let (mut api, server) = stranger(global, link.panel, self.ca_fingerprint.as_deref()).await?;
        let password = match self.password_stdin {
            true => prompt::secret_from_stdin("new password")?,
            false => prompt::new_secret("New password", "--password-stdin")?,
        };
        let body = json!({"token": link.token, "password": password.expose()});
        let me = login::post_with_code(&api, &["password-resets", "accept"], body, self.totp.as_deref()).await?;
        login::settle(&mut api, &me, None).await?;
        let text = format!("your password is set, and you are signed out everywhere; next: mpanel login {server}");
        finish(global, &me.raw, &text)
    }
}

/// A client of the panel that a link or the options name, for who is nobody yet; and the panel's address.
async fn stranger(
    global: &Global,
    panel: Option<&str>,
    ca_fingerprint: Option<&str>,
) -> Result<(Api, String), Failure> {
    let profiles = Profiles::load(&profiles::config_file()?)?;
    let panel = Panel::find(global, panel, ca_fingerprint, &profiles).await?;
    Ok((Api::new(&panel.server, &panel.trust)?, panel.server.to_string()))
}

fn read_link(given: &str) -> Result<Secret<String>, Failure> {
    match given {
        "-" => prompt::secret_from_stdin("link"),
        link => Ok(Secret::new(link.to_owned())),
    }
}

fn finish(global: &Global, raw: &str, text: &str) -> Result<(), Failure> {
    match global.json {
        // Nothing to show is still a document.
        true if raw.trim().is_empty() => view::print("null\n"),
        true => view::print(&format!("{}\n", raw.trim_end())),
        false => view::print(&format!("{text}\n")),
    }
}

/// # Errors
/// The server's problem.
pub async fn email(cx: &Cx, command: Email) -> Result<(), Failure> {
    match command {
        Email::Change { email, password_stdin } => {
            let password = match password_stdin {
                true => prompt::secret_from_stdin("password")?,
                false => prompt::secret("Password", "--password-stdin")?,
            };
            let body = json!({"email": email, "password": password.expose()});
            let answer = cx.api.post(&["me", "email"], &body).await?;
            cx.done(
                &answer,
                &format!("a link is on its way to {email}: mpanel email confirm LINK"),
            )
        }
        Email::Confirm { link } => {
            let given = read_link(&link)?;
            let body = json!({"token": Link::parse(given.expose()).token});
            let answer = cx.api.post(&["me", "email", "confirm"], &body).await?;
            cx.done(&answer, "your address is changed; the one before was told")
        }
    }
}

/// # Errors
/// The server's problem.
pub async fn invitations(cx: &Cx, command: Invitation) -> Result<(), Failure> {
    match command {
        Invitation::List(page) => {
            let fields = [
                ("E-MAIL", "/email"),
                ("NAME", "/name"),
                ("ROLE", "/role"),
                ("MAILED", "/mailed"),
                ("EXPIRES", "/expires_at"),
                ("ID", "/user_id"),
            ];
            let empty = "nobody is invited who has not come: mpanel tenant member add TENANT EMAIL --name NAME";
            cx.list(&["invitations"], &[], &page, &fields, empty).await
        }
        Invitation::Resend { user } => {
            let id = invited(cx, &user).await?;
            let answer = cx.api.post(&["invitations", &id, "resend"], &json!({})).await?;
            // Alone on its line, so that it can be piped on.
            let link = cx.api.page(answer.text("/url_path"));
            cx.done(&answer, &link)
        }
        Invitation::Revoke { user } => {
            let id = invited(cx, &user).await?;
            let answer = cx.api.delete(&["invitations", &id]).await?;
            cx.done(&answer, &format!("the invitation of {user} is taken back"))
        }
    }
}

/// Who waits, by id or by address.
async fn invited(cx: &Cx, wanted: &str) -> Result<String, Failure> {
    if wanted.starts_with("usr_") {
        return Ok(wanted.to_owned());
    }
    let items = cx.all(&["invitations"], &[]).await?;
    let named = |item: &&Value| {
        item["email"]
            .as_str()
            .is_some_and(|email| email.eq_ignore_ascii_case(wanted))
    };
    let found = items.iter().find(named).and_then(|item| item["user_id"].as_str());
    let missing = || Failure::Usage(format!("nobody waits by the address {wanted}: mpanel invitation list"));
    found.map(str::to_owned).ok_or_else(missing)
}

/// # Errors
/// The server's problem; also when the mail did not go.
pub async fn mail(cx: &Cx, command: Mail) -> Result<(), Failure> {
    let Mail::Test = command;
    let answer = cx.api.post(&["mail", "test"], &json!({})).await?;
    let said = view::clean(answer.text("/answer"));
    let to = view::clean(answer.text("/to"));
    if answer.value["sent"] == json!(true) {
        return cx.done(&answer, &format!("sent to {to}: {said}"));
    }
    cx.done(&answer, &format!("not sent to {to}"))?;
    Err(anyhow::anyhow!("{said}").into())
}
