//! From flags, environment and profile to a connection.

use std::path::{Path, PathBuf};

use mpanel_crypto::Secret;
use serde_json::{Value, json};

use super::api::{self, Answer, Api, Server, Trust};
use super::failure::Failure;
use super::profiles::{self, Profile, Profiles};
use super::{find, view};

/// Options of every command that speaks to a panel. Their ids are their own: a command's argument of the same id, such as the tenant
/// of `tenant show`, would be taken for the option.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Global {
    /// Address of the panel; by default where `mpanel login` signed in
    #[arg(id = "on-url", long = "url", global = true, env = "MPANEL_URL", value_name = "URL")]
    pub url: Option<String>,
    /// API token instead of the one that `mpanel login` keeps
    #[arg(
        id = "on-token",
        long = "token",
        global = true,
        env = "MPANEL_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub token: Option<String>,
    /// For whom to act: a tenant's id or short name
    #[arg(
        id = "on-tenant",
        long = "tenant",
        global = true,
        env = "MPANEL_TENANT",
        value_name = "TENANT"
    )]
    pub tenant: Option<String>,
    /// Certificate authority to believe besides the system's (PEM)
    #[arg(id = "on-ca", long = "ca", global = true, env = "MPANEL_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Speak to the panel of this data folder over its own socket
    #[arg(
        id = "on-data",
        long = "data",
        global = true,
        value_name = "DIR",
        conflicts_with = "on-url"
    )]
    pub data: Option<PathBuf>,
    /// Which of the panels signed in to
    #[arg(id = "on-profile", long = "profile", global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// One JSON document on standard output, as the API answers it
    #[arg(id = "on-json", long = "json", global = true)]
    pub json: bool,
}

/// Which part of a list.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Page {
    /// At most so many (1 to 200)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub limit: Option<u32>,
    /// Go on where a list ended
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
    /// Everything, however many requests it takes
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    pub all: bool,
}

/// An empty variable counts as not set.
pub fn given(option: Option<&String>) -> Option<&str> {
    option.map(String::as_str).filter(|text| !text.is_empty())
}

impl Global {
    /// Where to connect and with which profile. A profile's token never goes to another server than its own.
    ///
    /// # Errors
    /// When nothing says where the panel is.
    pub fn target(&self, profiles: &Profiles) -> Result<(Server, Option<Profile>), Failure> {
        if let Some(data) = &self.data {
            let socket = Server::Socket(api::socket(data));
            let profile = profiles.for_url(&socket.to_string()).cloned();
            return Ok((socket, profile));
        }
        if let Some(url) = given(self.url.as_ref()) {
            let server = Server::parse(url)?;
            let named = self
                .profile
                .as_deref()
                .and_then(|name| profiles.all.get(name))
                .filter(|profile| profile.url == server.to_string());
            let profile = named.or_else(|| profiles.for_url(&server.to_string()));
            return Ok((server, profile.cloned()));
        }
        match (profiles.get(self.profile.as_deref()), &self.profile) {
            (Some((_, profile)), _) => {
                // A socket's path stands there as it is.
                let server = if profile.url.starts_with('/') {
                    Server::Socket(profile.url.clone().into())
                } else {
                    Server::parse(&profile.url)?
                };
                Ok((server, Some(profile.clone())))
            }
            (None, Some(name)) => Err(Failure::Usage(format!(
                "there is no profile {name}: mpanel login URL --profile {name}"
            ))),
            (None, None) => Err(Failure::NotSignedIn(
                "not signed in: mpanel login URL (or give --url and --token)".to_owned(),
            )),
        }
    }

    /// Whom to believe.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn trust(&self, profile: Option<&Profile>) -> Result<Trust, Failure> {
        let pem = match &self.ca {
            Some(file) => Some(read_ca(file)?),
            None => profile.and_then(|profile| profile.ca.clone()),
        };
        Ok(pem.map_or(Trust::System, Trust::Also))
    }
}

/// # Errors
/// When the file cannot be read or holds no certificate.
pub fn read_ca(file: &Path) -> Result<String, Failure> {
    let pem = std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    api::fingerprint(&pem).map_err(|_| Failure::Usage(format!("{}: not a certificate in PEM form", file.display())))?;
    Ok(pem)
}

/// What a command works with.
#[derive(Debug, Clone)]
pub struct Cx {
    pub api: Api,
    pub json: bool,
}

impl Cx {
    /// # Errors
    /// When nobody is signed in, or the tenant to act for is unknown.
    pub async fn connect(global: &Global) -> Result<Self, Failure> {
        let profiles = Profiles::load(&profiles::config_file()?)?;
        let (server, profile) = global.target(&profiles)?;
        let mut api = Api::new(&server, &global.trust(profile.as_ref())?)?;
        let token = given(global.token.as_ref())
            .map(str::to_owned)
            .or_else(|| profile.as_ref().map(|profile| profile.token.clone()))
            .ok_or_else(|| Failure::NotSignedIn(format!("not signed in to {server}: mpanel login, or give --token")))?;
        api.set_token(&Secret::new(token))?;
        let tenant = given(global.tenant.as_ref()).or_else(|| profile.as_ref().and_then(|p| given(p.tenant.as_ref())));
        if let Some(tenant) = tenant {
            let id = find::tenant_to_act_for(&api, tenant).await?;
            api.set_header("mpanel-tenant", &id)?;
        }
        Ok(Self { api, json: global.json })
    }

    /// Shows one object.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub fn show(&self, answer: &Answer, fields: &[view::Field]) -> Result<(), Failure> {
        if self.json {
            return self.raw(answer);
        }
        view::print(&view::description(fields, &answer.value))
    }

    /// Prints the answer as it came with `--json`, else the sentence.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub fn done(&self, answer: &Answer, sentence: &str) -> Result<(), Failure> {
        if self.json {
            return self.raw(answer);
        }
        view::print(&format!("{}\n", view::clean(sentence)))
    }

    fn raw(&self, answer: &Answer) -> Result<(), Failure> {
        // Nothing to show is still a document.
        let text = match answer.raw.trim_end() {
            "" => "null",
            text => text,
        };
        view::print(&format!("{text}\n"))
    }

    /// Shows a list; `empty` teaches the next step when there is nothing.
    ///
    /// # Errors
    /// The server's problem.
    pub async fn list(
        &self,
        path: &[&str],
        filters: &[(&str, &str)],
        page: &Page,
        fields: &[view::Field],
        empty: &str,
    ) -> Result<(), Failure> {
        let limit = page.limit.map(|limit| limit.to_string());
        let mut query = filters.to_vec();
        query.extend(limit.iter().map(|limit| ("limit", limit.as_str())));
        query.extend(page.cursor.iter().map(|cursor| ("cursor", cursor.as_str())));
        let (items, next) = if page.all {
            let items = self.all(path, filters).await?;
            if self.json {
                return view::print(&format!("{}\n", json!({"items": items, "next_cursor": null})));
            }
            (items, None)
        } else {
            let answer = self.api.get_with(path, &query).await?;
            if self.json {
                return self.raw(&answer);
            }
            let next = answer
                .value
                .pointer("/next_cursor")
                .and_then(Value::as_str)
                .map(str::to_owned);
            (take_items(answer.value)?, next)
        };
        if items.is_empty() {
            view::say(empty);
            return Ok(());
        }
        view::print(&view::table(fields, &items))?;
        if let Some(next) = next {
            view::say(&format!("there are more: --cursor {}, or --all", view::clean(&next)));
        }
        Ok(())
    }

    /// Every item of a list.
    ///
    /// # Errors
    /// The server's problem.
    pub async fn all(&self, path: &[&str], filters: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        all(&self.api, path, filters).await
    }
}

/// Every item of a list.
///
/// # Errors
/// The server's problem.
pub async fn all(api: &Api, path: &[&str], filters: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = filters.to_vec();
        // Short lists have no pages and take neither; whoever names a cursor has them.
        query.extend(
            cursor
                .iter()
                .flat_map(|cursor| [("limit", "200"), ("cursor", cursor.as_str())]),
        );
        let answer = api.get_with(path, &query).await?;
        let next = answer
            .value
            .pointer("/next_cursor")
            .and_then(Value::as_str)
            .map(str::to_owned);
        items.extend(take_items(answer.value)?);
        // A cursor that does not move on would never end.
        if next.is_none() || next == cursor {
            return Ok(items);
        }
        cursor = next;
    }
}

fn take_items(mut list: Value) -> Result<Vec<Value>, Failure> {
    match list.pointer_mut("/items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        // Some lists are short by nature and have no pages.
        _ => match list {
            Value::Array(items) => Ok(items),
            _ => Err(anyhow::anyhow!("the answer is no list: is this an mPanel of another version?").into()),
        },
    }
}
