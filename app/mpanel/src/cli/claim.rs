//! `mpanel claim`: becoming the owner of a new installation, without a browser.

use std::path::{Path, PathBuf};

use mpanel_config::{Config, Sources};
use mpanel_crypto::Secret;
use serde_json::{Value, json};

use super::api::{self, Api, Server, Trust};
use super::connection::Global;
use super::failure::Failure;
use super::{authority, connection, login, prompt, totp, view};

/// Arguments of `claim`.
#[derive(Debug, clap::Args)]
pub struct Claim {
    /// Your e-mail address
    #[arg(long)]
    email: Option<String>,
    /// Your name
    #[arg(long)]
    name: Option<String>,
    /// Read the password from standard input (a line; after the claim token, if that is read too)
    #[arg(long)]
    password_stdin: bool,
    /// Data folder of the installation on this machine [env: MPANEL_DATA]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// An installation elsewhere, with the claim token that `mpanel up` shows there
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Read the claim token from standard input (first line)
    #[arg(long, requires = "url")]
    claim_token_stdin: bool,
    /// SHA-256 of the certificate authority there, to trust it without asking
    #[arg(long, value_name = "SHA256", requires = "url")]
    ca_fingerprint: Option<String>,
    /// Certificate authority to believe besides the system's (PEM)
    #[arg(long, env = "MPANEL_CA", value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// Stay signed in: make an API token and keep it, as `mpanel login` does
    #[arg(long)]
    create_token: bool,
    /// One JSON document on standard output, as the API answers it
    #[arg(long)]
    pub json: bool,
}

/// # Errors
/// When the installation has an owner, is not running, or refuses a value.
pub async fn run(claim: Claim) -> Result<(), Failure> {
    let place = claim.place().await?;
    let email = match &claim.email {
        Some(email) => email.clone(),
        None => prompt::line("Your e-mail", "--email")?,
    };
    let name = match &claim.name {
        Some(name) => name.clone(),
        None => prompt::line("Your name", "--name")?,
    };
    let password = claim.password()?;
    let mut api = Api::new(&place.server, &place.trust)?;
    let body = json!({
        "token": place.token.expose(),
        "email": email,
        "name": name,
        "password": password.expose(),
    });
    let me = api.post(&["claim"], &body).await?;
    let global = Global::default();
    let stay = claim.create_token.then_some((&place.stays_at, &place.trust, &global));
    let kept = login::settle(&mut api, &me, stay).await;
    let yours = format!(
        "this installation is yours: {} ({})",
        view::at(&me.value, "/user/email"),
        view::at(&me.value, "/user/id")
    );
    let kept = match kept {
        // The claim itself has succeeded, and cannot be made again.
        Err(failure) => {
            view::say(&yours);
            return Err(failure);
        }
        Ok(kept) => kept,
    };
    if claim.json {
        return view::print(&format!("{}\n", me.raw.trim_end()));
    }
    view::print(&format!("{yours}\n"))?;
    match kept {
        Some(file) => view::say(&format!("signed in to {} ({})", place.stays_at, file.display())),
        None if totp::is_due(&me) => view::say(totp::NEXT),
        None => view::say("next: mpanel login"),
    }
    Ok(())
}

/// Where the installation is.
struct Place {
    server: Server,
    trust: Trust,
    token: Secret<String>,
    /// Where later commands find it: not everybody may use its socket.
    stays_at: Server,
}

impl Claim {
    async fn place(&self) -> Result<Place, Failure> {
        if let Some(url) = &self.url {
            let server = Server::parse(url)?;
            let trust = match &self.ca {
                Some(file) => Trust::Also(connection::read_ca(file)?),
                None => authority::trust(&server, self.ca_fingerprint.as_deref()).await?,
            };
            let token = if self.claim_token_stdin {
                prompt::secret_from_stdin("claim token")?
            } else {
                prompt::secret("Claim token", "--claim-token-stdin")?
            };
            return Ok(Place {
                stays_at: server.clone(),
                server,
                trust,
                token,
            });
        }
        let data = data_folder(self.data.as_deref())?;
        Ok(Place {
            token: claim_token(&data)?,
            stays_at: panel_of(&data).unwrap_or_else(|| Server::Socket(api::socket(&data))),
            server: Server::Socket(api::socket(&data)),
            trust: Trust::System,
        })
    }

    fn password(&self) -> Result<Secret<String>, Failure> {
        if self.password_stdin {
            return prompt::secret_from_stdin("password");
        }
        prompt::new_secret("Password", "--password-stdin")
    }
}

/// The data folder given, or that of the settings.
///
/// # Errors
/// When the settings are wrong.
pub fn data_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(data) = given {
        return Ok(data.to_owned());
    }
    let config =
        Config::load(&Sources::from_process(None, Vec::new())).map_err(|error| Failure::Invalid(error.to_string()))?;
    Ok(config.data)
}

fn claim_token(data: &Path) -> Result<Secret<String>, Failure> {
    let file = data.join("run/claim");
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Secret::new(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::NotFound(format!(
            "{} is not there: this installation has an owner already, or is not running",
            file.display()
        ))),
        Err(error) => Err(Failure::Usage(format!("{}: {error}", file.display()))),
    }
}

/// The panel's address as `mpanel up` has bound it, when this machine can use it without more ado.
fn panel_of(data: &Path) -> Option<Server> {
    let state: Value = serde_json::from_slice(&std::fs::read(data.join("state.json")).ok()?).ok()?;
    let address: std::net::SocketAddr = state.pointer("/addresses/panel")?.as_str()?.parse().ok()?;
    let loopback = address.ip().is_loopback();
    loopback
        .then(|| Server::parse(&format!("http://{address}")).ok())
        .flatten()
}
