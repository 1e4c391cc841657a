//! `mpanel trust`: makes this machine and its browsers believe the panel's certificate authority.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::api::{self, Api, Server, Trust as Belief};
use super::failure::Failure;
use super::profiles::{self, Profiles};
use super::stores::{Authority, Browsers, System};
use super::{authority, claim, view};

const MACHINE: &str = "this machine";

/// Arguments of `trust`.
#[derive(Debug, clap::Args)]
pub struct Trust {
    /// Data folder of the installation on this machine [env: MPANEL_DATA]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// Address of the panel
    #[arg(long, env = "MPANEL_URL", value_name = "URL")]
    url: Option<String>,
    /// SHA-256 of the authority, to trust it without asking
    #[arg(long, value_name = "SHA256")]
    ca_fingerprint: Option<String>,
    /// Trust it no longer
    #[arg(long)]
    remove: bool,
    /// One JSON document on standard output: the authority, and what became of each store
    #[arg(long)]
    pub json: bool,
}

/// # Errors
/// When the panel is not there, its authority is not confirmed, or a store cannot be changed.
pub async fn run(args: Trust) -> Result<(), Failure> {
    let authority = match (&args.ca_fingerprint, args.remove) {
        // To remove it, the panel need not be there any more.
        (Some(fingerprint), true) => Authority::known(authority::normal(fingerprint)),
        _ => args.fetch().await?,
    };
    let mut stores = Vec::new();
    match System::find() {
        Some(system) => {
            let result = if args.remove {
                system.remove(&authority)
            } else {
                system.add(&authority)
            };
            stores.push((MACHINE.to_owned(), result));
        }
        None => stores.push((
            MACHINE.to_owned(),
            Ok("no certificate store that mPanel knows".to_owned()),
        )),
    }
    match profiles::home() {
        Some(home) => {
            let browsers = Browsers::find(&home);
            stores.extend(if args.remove {
                browsers.remove(&authority)
            } else {
                browsers.add(&authority)
            });
        }
        None => stores.push(("browsers".to_owned(), Ok("HOME is not set".to_owned()))),
    }
    report(&authority, stores, args.json)
}

/// Says of each store what became of it; fails as the first that failed.
fn report(authority: &Authority, stores: Vec<(String, Result<String, Failure>)>, as_json: bool) -> Result<(), Failure> {
    if as_json {
        view::print(&format!("{}\n", document(authority, &stores)))?;
    } else {
        view::print(&format!("certificate authority, SHA-256 {}\n", authority.shown()))?;
    }
    let mut failed = None;
    for (store, result) in stores {
        match result {
            Ok(_) if as_json => {}
            Ok(text) => view::print(&format!("{store}: {text}\n"))?,
            Err(failure) => {
                view::say(&format!("{store}: {failure}"));
                failed.get_or_insert(failure);
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// `{"sha256": "AB:CD:…", "stores": [{"store", "result", "error"}]}`, where one of the last two is null.
pub fn document(authority: &Authority, stores: &[(String, Result<String, Failure>)]) -> Value {
    let one = |(store, result): &(String, Result<String, Failure>)| {
        let error = result.as_ref().err().map(ToString::to_string);
        json!({"store": store, "result": result.as_ref().ok(), "error": error})
    };
    let stores: Vec<Value> = stores.iter().map(one).collect();
    json!({"sha256": authority.shown(), "stores": stores})
}

impl Trust {
    async fn fetch(&self) -> Result<Authority, Failure> {
        let server = self.server()?;
        let pem = match authority::trust(&server, self.ca_fingerprint.as_deref()).await? {
            Belief::Also(pem) => pem,
            belief => {
                let pem = Api::new(&server, &belief)?.get(&["certificate-authority"]).await?.raw;
                if let Some(expected) = &self.ca_fingerprint {
                    authority::check(&server, &api::fingerprint(&pem)?, Some(expected))?;
                }
                pem
            }
        };
        Authority::new(pem)
    }

    /// The panel named; else this machine's, by its socket if we may; else where one is signed in.
    fn server(&self) -> Result<Server, Failure> {
        if let Some(url) = self.url.as_deref().filter(|url| !url.is_empty()) {
            return Server::parse(url);
        }
        let socket = api::socket(&claim::data_folder(self.data.as_deref())?);
        let usable = std::os::unix::net::UnixStream::connect(&socket).is_ok();
        if usable || self.data.is_some() {
            return Ok(Server::Socket(socket));
        }
        let profiles = Profiles::load(&profiles::config_file()?)?;
        let signed_in = profiles.get(None).map(|(_, profile)| profile.url.as_str());
        match signed_in.filter(|url| !url.starts_with('/')) {
            Some(url) => Server::parse(url),
            None => Server::parse("http://127.0.0.1:7080"),
        }
    }
}
