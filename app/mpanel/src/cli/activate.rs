//! `mpanel activate`: following the link of an invitation, without a browser.

use mpanel_crypto::Secret;
use serde_json::json;

use super::api::Api;
use super::connection::Global;
use super::failure::Failure;
use super::login::{self, Panel};
use super::profiles::{self, Profiles};
use super::{prompt, totp, view};

/// Arguments of `activate`.
#[derive(Debug, clap::Args)]
pub struct Activate {
    /// The link that you were handed, or its part after the #; - reads it from standard input (first line)
    link: String,
    /// Your name [default: as whoever invited you has written it]
    #[arg(long)]
    name: Option<String>,
    /// Read the password from standard input (a line; after the link, if that is read too)
    #[arg(long)]
    password_stdin: bool,
    /// The code of your authenticator, or a backup code, if you join with an account that has a second factor
    #[arg(long, value_name = "CODE")]
    totp: Option<String>,
    /// SHA-256 of the panel's certificate authority, to trust it without asking
    #[arg(long, value_name = "SHA256")]
    ca_fingerprint: Option<String>,
    /// Stay signed in: make an API token and keep it, as `mpanel login` does
    #[arg(long)]
    create_token: bool,
    #[command(flatten)]
    pub global: Global,
}

/// # Errors
/// When the link is used or too old, or the server refuses a value.
pub async fn run(activate: Activate) -> Result<(), Failure> {
    let given = match activate.link.as_str() {
        "-" => prompt::secret_from_stdin("activation link")?,
        link => Secret::new(link.to_owned()),
    };
    let link = Link::parse(given.expose());
    let global = &activate.global;
    let profiles = Profiles::load(&profiles::config_file()?)?;
    let panel = Panel::find(global, link.panel, activate.ca_fingerprint.as_deref(), &profiles).await?;
    let mut api = Api::new(&panel.server, &panel.trust)?;
    let name = activate.name()?;
    let password = activate.password()?;
    let mut body = json!({"token": link.token, "password": password.expose()});
    if let Some(name) = name {
        body["name"] = name.into();
    }
    let me = login::post_with_code(&api, &["activations"], body, activate.totp.as_deref()).await?;
    let stay = activate.create_token.then_some((&panel.server, &panel.trust, global));
    let kept = login::settle(&mut api, &me, stay).await;
    let active = format!("your account is active: {}", view::at(&me.value, "/user/email"));
    let kept = match kept {
        // The link is used up all the same.
        Err(failure) => {
            view::say(&active);
            return Err(failure);
        }
        Ok(kept) => kept,
    };
    if global.json {
        return view::print(&format!("{}\n", me.raw.trim_end()));
    }
    view::print(&format!("{active}\n"))?;
    match kept {
        Some(file) => view::say(&format!("signed in to {} ({})", panel.server, file.display())),
        None if totp::is_due(&me) => view::say(totp::NEXT),
        None => view::say(&format!("next: mpanel login {}", panel.server)),
    }
    Ok(())
}

/// What somebody was handed.
#[derive(Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// Where the panel is, if it says so.
    pub panel: Option<&'a str>,
    pub token: &'a str,
}

impl<'a> Link<'a> {
    /// Reads `https://panel.example.com/activate#TOKEN`, `/activate#TOKEN` or `TOKEN`. Whether it is one that works is for the server to say.
    pub fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let (page, token) = text.split_once('#').unwrap_or(("", text));
        let panel = page.contains("://").then_some(page);
        Self { panel, token }
    }
}

impl Activate {
    fn name(&self) -> Result<Option<String>, Failure> {
        if self.name.is_some() || self.password_stdin || !prompt::is_possible() {
            return Ok(self.name.clone());
        }
        let typed = prompt::line("Your name (empty: as in the invitation)", "--name")?;
        Ok(Some(typed.trim().to_owned()).filter(|name| !name.is_empty()))
    }

    /// A new one; who has an account with the same address joins by typing its password.
    fn password(&self) -> Result<Secret<String>, Failure> {
        if self.password_stdin {
            return prompt::secret_from_stdin("password");
        }
        prompt::new_secret(
            "Password (a new one, or that of the account you have with this address)",
            "--password-stdin",
        )
    }
}
