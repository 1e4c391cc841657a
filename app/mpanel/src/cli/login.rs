//! `mpanel login` and `mpanel logout`: a session just long enough to make an API token, which stays on this machine.

use std::path::Path;

use mpanel_crypto::Secret;
use serde_json::{Value, json};

use super::api::{Answer, Api, Server, Trust};
use super::connection::{Global, given};
use super::failure::Failure;
use super::profiles::{self, Profile, Profiles};
use super::{authority, connection, prompt, view};

const CURRENT: &str = "http://127.0.0.1:7080";
const COOKIE: &str = "__Host-mpanel_session=";

/// Arguments of `login`.
#[derive(Debug, clap::Args)]
pub struct Login {
    /// Address of the panel [default: where you signed in last, else this machine's]
    #[arg(value_name = "URL")]
    address: Option<String>,
    /// Your e-mail address
    #[arg(long)]
    email: Option<String>,
    /// Read the password from standard input (first line)
    #[arg(long)]
    password_stdin: bool,
    /// The code of your authenticator, or a backup code
    #[arg(long, value_name = "CODE")]
    totp: Option<String>,
    /// What the token is called [default: mpanel on HOST]
    #[arg(long, value_name = "NAME")]
    token_name: Option<String>,
    /// SHA-256 of the panel's certificate authority, to trust it without asking
    #[arg(long, value_name = "SHA256")]
    ca_fingerprint: Option<String>,
    #[command(flatten)]
    pub global: Global,
}

/// Arguments of `logout`.
#[derive(Debug, clap::Args)]
pub struct Logout {}

/// # Errors
/// When the server refuses.
pub async fn login(login: Login) -> Result<(), Failure> {
    let password = || {
        if login.password_stdin {
            prompt::secret_from_stdin("password")
        } else {
            prompt::secret("Password", "--password-stdin")
        }
    };
    let (server, me) = sign_in(&login, password, &profiles::config_file()?).await?;
    if login.global.json {
        return view::print(&format!("{}\n", me.raw.trim_end()));
    }
    let who = view::at(&me.value, "/user/email");
    view::print(&format!("signed in to {server} as {who}\n"))
}

/// Signs in and keeps a token in `file`; the password is asked for when it is certain where it goes.
///
/// # Errors
/// When the server refuses.
pub async fn sign_in(
    login: &Login,
    password: impl FnOnce() -> Result<Secret<String>, Failure>,
    file: &Path,
) -> Result<(Server, Answer), Failure> {
    let mut profiles = Profiles::load(file)?;
    let name = login
        .global
        .profile
        .clone()
        .unwrap_or_else(|| profiles::DEFAULT.to_owned());
    let known = profiles.all.get(&name).cloned();
    let server = login.server(known.as_ref())?;
    let same = known.filter(|profile| profile.url == server.to_string());
    let trust = login.trust(&server, same.as_ref()).await?;
    let mut api = Api::new(&server, &trust)?;
    let me = login.open_session(&mut api, password).await?;
    let token = create_token(&api, login.token_name.as_deref()).await?;
    close_session(&api).await;
    if let Some(old) = same.as_ref().and_then(|profile| profile.token_id.as_deref()) {
        // The one before on this machine; it may be gone already.
        api.remove_header("cookie");
        api.set_token(&Secret::new(token.text("/token").to_owned()))?;
        let _gone = api.delete(&["api-tokens", old]).await;
    }
    let tenant = given(login.global.tenant.as_ref()).map(str::to_owned);
    keep(&mut profiles, &name, &server, &trust, &token, tenant);
    profiles.save(file)?;
    Ok((server, me))
}

impl Login {
    fn server(&self, known: Option<&Profile>) -> Result<Server, Failure> {
        if let Some(data) = &self.global.data {
            return Ok(Server::Socket(super::api::socket(data)));
        }
        let address = self.address.as_deref().or(given(self.global.url.as_ref()));
        match (address, known) {
            (Some(address), _) => Server::parse(address),
            (None, Some(profile)) if !profile.url.starts_with('/') => Server::parse(&profile.url),
            _ => Server::parse(CURRENT),
        }
    }

    /// The authority given or kept; one that nobody knows yet is shown by its fingerprint and asked about.
    async fn trust(&self, server: &Server, known: Option<&Profile>) -> Result<Trust, Failure> {
        if let Some(file) = &self.global.ca {
            return connection::read_ca(file).map(Trust::Also);
        }
        if let Some(pem) = known.and_then(|profile| profile.ca.clone()) {
            return Ok(Trust::Also(pem));
        }
        authority::trust(server, self.ca_fingerprint.as_deref()).await
    }

    /// Signs in; from then on `api` carries the session.
    async fn open_session(
        &self,
        api: &mut Api,
        password: impl FnOnce() -> Result<Secret<String>, Failure>,
    ) -> Result<Answer, Failure> {
        let email = match &self.email {
            Some(email) => email.clone(),
            None => prompt::line("E-mail", "--email")?,
        };
        let password = password()?;
        let body = |totp: Option<&str>| match totp {
            Some(code) => json!({"email": email, "password": password.expose(), "totp": code}),
            None => json!({"email": email, "password": password.expose()}),
        };
        let path = &["sessions"];
        let answer = match api.post(path, &body(self.totp.as_deref())).await {
            Err(failure) if failure.code() == "identity.session.totp_required" && self.totp.is_none() => {
                let code = prompt::line("Code of your authenticator", "--totp")?;
                api.post(path, &body(Some(code.trim()))).await?
            }
            answer => answer?,
        };
        carry_session(api, &answer)?;
        Ok(answer)
    }
}

/// Carries on the session that an answer has opened, as a browser would.
///
/// # Errors
/// When it opened none.
pub fn carry_session(api: &mut Api, answer: &Answer) -> Result<(), Failure> {
    let cookies = answer.headers.get_all("set-cookie").iter();
    let session = cookies
        .filter_map(|value| value.to_str().ok()?.split(';').next())
        .find(|cookie| cookie.starts_with(COOKIE));
    let session = session.ok_or_else(|| anyhow::anyhow!("the server has opened no session"))?;
    api.set_header("cookie", session)?;
    api.set_header("mpanel-csrf", "1")?;
    api.set_header("sec-fetch-site", "same-origin")
}

/// A token for this machine.
///
/// # Errors
/// The server's problem.
pub async fn create_token(api: &Api, name: Option<&str>) -> Result<Answer, Failure> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = name.map_or_else(|| format!("mpanel on {host}"), str::to_owned);
    let answer = api
        .post(&["api-tokens"], &json!({"name": name, "scopes": ["*"]}))
        .await?;
    if answer.text("/token").is_empty() {
        return Err(anyhow::anyhow!("the server has made a token but does not show it").into());
    }
    Ok(answer)
}

/// The token does the rest; a session left open would expire by itself.
pub async fn close_session(api: &Api) {
    let _expires = api.delete(&["sessions", "current"]).await;
}

/// Puts a token into a profile and makes that the one in use.
pub fn keep(
    profiles: &mut Profiles,
    name: &str,
    server: &Server,
    trust: &Trust,
    token: &Answer,
    tenant: Option<String>,
) {
    let ca = match trust {
        Trust::Also(pem) => Some(pem.clone()),
        Trust::System | Trust::Anybody => None,
    };
    let id = token.value.pointer("/id").and_then(Value::as_str);
    let profile = Profile {
        url: server.to_string(),
        token: token.text("/token").to_owned(),
        token_id: id.map(str::to_owned),
        tenant,
        ca,
    };
    profiles.all.insert(name.to_owned(), profile);
    profiles.current = Some(name.to_owned());
}

/// # Errors
/// When nobody is signed in, or the file cannot be written.
pub async fn logout(global: &Global, _none: &Logout) -> Result<(), Failure> {
    let file = profiles::config_file()?;
    let mut profiles = Profiles::load(&file)?;
    let Some((name, profile)) = profiles.get(global.profile.as_deref()) else {
        return Err(Failure::NotSignedIn("not signed in".to_owned()));
    };
    let (name, profile) = (name.to_owned(), profile.clone());
    let revoked = revoke(global, &profiles, &profile).await;
    profiles.all.remove(&name);
    if profiles.current.as_deref() == Some(&name) {
        profiles.current = profiles.all.keys().next().cloned();
    }
    profiles.save(&file)?;
    match revoked {
        // Already revoked elsewhere is what was wanted.
        Ok(()) => {}
        Err(failure) if matches!(failure.exit_code(), 3 | 5) => {}
        Err(failure) => view::say(&format!(
            "the token is forgotten here but still valid there ({failure}): revoke it with `mpanel token revoke` or in the panel"
        )),
    }
    view::say(&format!("signed out of {}", profile.url));
    Ok(())
}

async fn revoke(global: &Global, profiles: &Profiles, profile: &Profile) -> Result<(), Failure> {
    let Some(id) = &profile.token_id else { return Ok(()) };
    let own = Global {
        profile: global.profile.clone(),
        ..Global::default()
    };
    let (server, _) = own.target(profiles)?;
    let mut api = Api::new(&server, &own.trust(Some(profile))?)?;
    api.set_token(&Secret::new(profile.token.clone()))?;
    api.delete(&["api-tokens", id]).await.map(drop)
}
