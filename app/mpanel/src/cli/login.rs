//! `mpanel login` and `mpanel logout`: a session just long enough to make an API token, which stays on this machine.

use std::path::{Path, PathBuf};

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
    #[command(flatten)]
    entry: Entry,
    /// What the token is called [default: mpanel on HOST]
    #[arg(long, value_name = "NAME")]
    token_name: Option<String>,
    #[command(flatten)]
    pub global: Global,
}

/// How somebody signs in with a password.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Entry {
    /// Your e-mail address
    #[arg(long)]
    pub email: Option<String>,
    /// Read the password from standard input (first line)
    #[arg(long)]
    pub password_stdin: bool,
    /// The code of your authenticator, or a backup code
    #[arg(long, value_name = "CODE")]
    pub totp: Option<String>,
    /// SHA-256 of the panel's certificate authority, to trust it without asking
    #[arg(long, value_name = "SHA256")]
    pub ca_fingerprint: Option<String>,
}

/// Arguments of `logout`.
#[derive(Debug, clap::Args)]
pub struct Logout {}

/// # Errors
/// When the server refuses.
pub async fn login(login: Login) -> Result<(), Failure> {
    let (server, me) = sign_in(&login, || login.entry.password(), &profiles::config_file()?).await?;
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
    let address = login.address.as_deref();
    let panel = Panel::find(&login.global, address, login.entry.ca_fingerprint.as_deref(), &profiles).await?;
    let mut api = Api::new(&panel.server, &panel.trust)?;
    let (me, _) = login.entry.open_session(&mut api, password).await?;
    let token = create_token(&api, login.token_name.as_deref()).await;
    close_session(&api).await;
    let token = token?;
    api.remove_header("cookie");
    api.set_token(&Secret::new(token.text("/token").to_owned()))?;
    keep(&mut profiles, &login.global, (&panel.server, &panel.trust), &token);
    if let Err(failure) = profiles.save(file) {
        // Nobody has it, and it may do everything.
        let _expires = api.delete(&["api-tokens", token.text("/id")]).await;
        return Err(failure);
    }
    // Only now: whoever keeps the new one needs the old one no longer, which may be gone already.
    if let Some(old) = panel.known.as_ref().and_then(|profile| profile.token_id.as_deref()) {
        let _gone = api.delete(&["api-tokens", old]).await;
    }
    Ok((panel.server, me))
}

/// A panel that somebody is about to enter.
pub struct Panel {
    pub server: Server,
    pub trust: Trust,
    /// What was kept of it.
    known: Option<Profile>,
}

impl Panel {
    /// The panel at `address`, or the one that the options or an earlier login name; with the authority given or kept. One that nobody
    /// knows yet is shown by its fingerprint and asked about.
    ///
    /// # Errors
    /// When it is not there, or its authority is not trusted.
    pub async fn find(
        global: &Global,
        address: Option<&str>,
        ca_fingerprint: Option<&str>,
        profiles: &Profiles,
    ) -> Result<Self, Failure> {
        let known = profiles.all.get(profile_name(global));
        let server = match (&global.data, address.or(given(global.url.as_ref())), known) {
            (Some(data), _, _) => Server::Socket(super::api::socket(data)),
            (None, Some(address), _) => Server::parse(address)?,
            (None, None, Some(profile)) if !profile.url.starts_with('/') => Server::parse(&profile.url)?,
            _ => Server::parse(CURRENT)?,
        };
        let known = known.filter(|profile| profile.url == server.to_string()).cloned();
        let kept = known.as_ref().and_then(|profile| profile.ca.clone());
        let trust = match (&global.ca, kept) {
            (Some(file), _) => Trust::Also(connection::read_ca(file)?),
            // Who names one means it to take the place of what was kept.
            (None, Some(pem)) if ca_fingerprint.is_none() => Trust::Also(pem),
            _ => authority::trust(&server, ca_fingerprint).await?,
        };
        Ok(Self { server, trust, known })
    }
}

fn profile_name(global: &Global) -> &str {
    global.profile.as_deref().unwrap_or(profiles::DEFAULT)
}

impl Entry {
    /// # Errors
    /// When nobody can be asked and standard input holds none.
    pub fn password(&self) -> Result<Secret<String>, Failure> {
        if self.password_stdin {
            return prompt::secret_from_stdin("password");
        }
        prompt::secret("Password", "--password-stdin")
    }

    /// Signs in; from then on `api` carries the session. Gives the password back for what asks for it again.
    ///
    /// # Errors
    /// The server's problem.
    pub async fn open_session(
        &self,
        api: &mut Api,
        password: impl FnOnce() -> Result<Secret<String>, Failure>,
    ) -> Result<(Answer, Secret<String>), Failure> {
        let email = match &self.email {
            Some(email) => email.clone(),
            None => prompt::line("E-mail", "--email")?,
        };
        let password = password()?;
        let body = json!({"email": email, "password": password.expose()});
        let answer = post_with_code(api, &["sessions"], body, self.totp.as_deref()).await?;
        carry_session(api, &answer)?;
        Ok((answer, password))
    }
}

/// Sends a password, and the code of the second factor once the server says that there is one.
///
/// # Errors
/// The server's problem.
pub async fn post_with_code(api: &Api, path: &[&str], mut body: Value, code: Option<&str>) -> Result<Answer, Failure> {
    if let Some(code) = code {
        body["totp"] = code.into();
    }
    match api.post(path, &body).await {
        Err(failure) if failure.code() == "identity.session.totp_required" && code.is_none() => {
            body["totp"] = prompt::line("Code of your authenticator", "--totp")?.trim().into();
            api.post(path, &body).await
        }
        answer => answer,
    }
}

/// Ends the session that a claim or an activation has opened; before that, with `stay`, makes a token and keeps it in that file.
///
/// # Errors
/// When no token is made or it cannot be kept.
pub async fn settle(
    api: &mut Api,
    me: &Answer,
    stay: Option<(&Server, &Trust, &Global)>,
) -> Result<Option<PathBuf>, Failure> {
    carry_session(api, me)?;
    let token = match stay {
        Some(_) => create_token(api, None).await.map(Some),
        None => Ok(None),
    };
    close_session(api).await;
    let (Some(token), Some((server, trust, global))) = (token?, stay) else {
        return Ok(None);
    };
    let file = profiles::config_file()?;
    let mut profiles = Profiles::load(&file)?;
    keep(&mut profiles, global, (server, trust), &token);
    profiles.save(&file)?;
    Ok(Some(file))
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
async fn create_token(api: &Api, name: Option<&str>) -> Result<Answer, Failure> {
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

/// Puts a token into the profile that the options name and makes that the one in use.
fn keep(profiles: &mut Profiles, global: &Global, (server, trust): (&Server, &Trust), token: &Answer) {
    let ca = match trust {
        Trust::Also(pem) => Some(pem.clone()),
        Trust::System | Trust::Anybody => None,
    };
    let id = token.value.pointer("/id").and_then(Value::as_str);
    let profile = Profile {
        url: server.to_string(),
        token: token.text("/token").to_owned(),
        token_id: id.map(str::to_owned),
        tenant: given(global.tenant.as_ref()).map(str::to_owned),
        ca,
    };
    let name = profile_name(global).to_owned();
    profiles.all.insert(name.clone(), profile);
    profiles.current = Some(name);
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
    if global.json {
        return view::print("null\n");
    }
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
