//! `mpanel totp`: the second factor of one's own account. It is what owners of the platform need before anything else works over the
//! network, so it signs in by itself where no token can be had yet.

use std::io::IsTerminal;

use clap::Subcommand;
use mpanel_crypto::Secret;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde_json::{Value, json};

use super::api::{Answer, Api};
use super::connection::{Cx, Global, given};
use super::failure::Failure;
use super::login::{self, Entry, Panel};
use super::profiles::{self, Profiles};
use super::{prompt, view};

const PATH: &[&str] = &["me", "totp"];

/// What to do about `identity.totp.setup_required`.
pub const NEXT: &str = "next: mpanel totp setup --url URL --email ADDRESS; owners of the platform need a second factor to work over the network";

/// Commands of `totp`. They use the token that `mpanel login` keeps; with --email they sign in by password instead.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a secret for an authenticator app; on a terminal it is confirmed at once
    Setup(Entry),
    /// Switch the second factor on; the backup codes are shown once
    Confirm {
        /// Six digits that the app shows
        code: String,
        #[command(flatten)]
        entry: Entry,
    },
    /// Switch the second factor off; its backup codes go with it
    Disable(Entry),
}

/// # Errors
/// The server's problem.
pub async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    let entry = match &command {
        Command::Setup(entry) | Command::Confirm { entry, .. } | Command::Disable(entry) => entry,
    };
    let mut seat = Seat::take(global, entry).await?;
    let result = match &command {
        Command::Setup(entry) => seat.setup(entry).await,
        Command::Confirm { code, .. } => seat.confirm(code).await,
        Command::Disable(entry) => seat.disable(entry).await,
    };
    seat.leave().await;
    result
}

/// Whether an answer that shows oneself says that nothing works without a second factor.
pub fn is_due(me: &Answer) -> bool {
    me.value.pointer("/totp_setup_required").and_then(Value::as_bool) == Some(true)
}

/// A connection of the person whose second factor it is.
struct Seat {
    cx: Cx,
    /// Of a session that was opened for this command.
    password: Option<Secret<String>>,
}

impl Seat {
    async fn take(global: &Global, entry: &Entry) -> Result<Self, Failure> {
        let profiles = Profiles::load(&profiles::config_file()?)?;
        let has_token = given(global.token.as_ref()).is_some()
            || global.target(&profiles).is_ok_and(|(_, profile)| profile.is_some());
        if has_token && entry.email.is_none() {
            let cx = Cx::connect(global).await?;
            return Ok(Self { cx, password: None });
        }
        let panel = Panel::find(global, None, entry.ca_fingerprint.as_deref(), &profiles).await?;
        let mut api = Api::new(&panel.server, &panel.trust)?;
        let (_, password) = entry.open_session(&mut api, || entry.password()).await?;
        let cx = Cx { api, json: global.json };
        Ok(Self {
            cx,
            password: Some(password),
        })
    }

    async fn leave(self) {
        if self.password.is_some() {
            login::close_session(&self.cx.api).await;
        }
    }

    /// The body that shows the password again.
    fn shown_again(&self, entry: &Entry) -> Result<Value, Failure> {
        match &self.password {
            Some(password) => Ok(json!({"password": password.expose()})),
            None => Ok(json!({"password": entry.password()?.expose()})),
        }
    }

    /// A session goes on under the token that the answer carries: the one before is of no use any more.
    fn carry_on(&mut self, answer: &Answer) -> Result<(), Failure> {
        match self.password {
            Some(_) => login::carry_session(&mut self.cx.api, answer),
            None => Ok(()),
        }
    }

    async fn setup(&mut self, entry: &Entry) -> Result<(), Failure> {
        let started = self.cx.api.post(PATH, &self.shown_again(entry)?).await?;
        self.cx
            .show(&started, &[("Secret", "/secret"), ("Address", "/otpauth_uri")])?;
        if self.cx.json {
            return Ok(());
        }
        if std::io::stdout().is_terminal() {
            view::print(&picture(started.text("/otpauth_uri"))?)?;
        }
        if !prompt::is_possible() {
            view::say("put it into an authenticator app, then: mpanel totp confirm CODE");
            return Ok(());
        }
        let code = prompt::line("Code that the app shows now", "it to `mpanel totp confirm`")?;
        self.confirm(&code).await
    }

    async fn confirm(&mut self, code: &str) -> Result<(), Failure> {
        let body = json!({"code": code.trim()});
        let on = self.cx.api.post(&["me", "totp", "confirm"], &body).await?;
        self.carry_on(&on)?;
        let codes = on.value.pointer("/backup_codes").and_then(Value::as_array);
        let lines: Vec<&str> = codes.into_iter().flatten().filter_map(Value::as_str).collect();
        if self.cx.json {
            return self.cx.done(&on, "");
        }
        view::say(
            "the second factor is on; each of these codes signs in once in place of the app, and none is shown again:",
        );
        let lines = lines.into_iter().map(|line| format!("{}\n", view::clean(line)));
        view::print(&lines.collect::<String>())
    }

    async fn disable(&mut self, entry: &Entry) -> Result<(), Failure> {
        let off = self.cx.api.delete_with(PATH, &self.shown_again(entry)?).await?;
        self.carry_on(&off)?;
        self.cx
            .done(&off, "the second factor is off, and its backup codes are gone")
    }
}

/// The address as a QR code of half blocks: black on white, whatever colours the terminal has.
///
/// # Errors
/// When it is too long for one.
pub fn picture(address: &str) -> Result<String, Failure> {
    let code = QrCode::with_error_correction_level(address, EcLevel::L)?;
    let rows = code.render::<Dense1x2>().build();
    Ok(rows.lines().map(|row| format!("\x1b[30;107m{row}\x1b[0m\n")).collect())
}
