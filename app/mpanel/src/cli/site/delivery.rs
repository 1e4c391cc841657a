//! `mpanel site delivery`: the rules before a website, the servers behind it, its cache.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::connection::Cx;
use crate::cli::failure::Failure;
use crate::cli::{find, view};

/// Show or change the rules before a website, the servers behind it and its cache
#[derive(Debug, Args)]
pub struct Delivery {
    /// Its id or name
    pub site: String,
    /// Replace all of it by a JSON document such as --json shows; - for standard input
    #[arg(long, value_name = "FILE", group = "change")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub changes: Changes,
}

/// What is not named stays.
#[derive(Debug, Args)]
pub struct Changes {
    /// Lead from a path to another place; several are added in this order
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], conflicts_with = "file")]
    pub redirect: Vec<String>,
    /// Have no redirects any more
    #[arg(long, conflicts_with_all = ["file", "redirect"])]
    pub no_redirects: bool,
    /// Show a page with this text in place of the website
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    pub maintenance: Option<String>,
    /// Show the website again
    #[arg(long, conflicts_with_all = ["file", "maintenance"])]
    pub no_maintenance: bool,
    /// Tell browsers for so many seconds to come by HTTPS alone; 0 takes it back
    #[arg(long, value_name = "SECONDS", conflicts_with = "file")]
    pub hsts: Option<u64>,
    /// Pass requests on to this server, such as app.example.com:8080; several share them
    #[arg(long, value_name = "ADDRESS", conflicts_with = "file")]
    pub server: Vec<String>,
    /// Speak TLS to the servers
    #[arg(long, requires = "server")]
    pub server_tls: bool,
    /// Serve the files of the releases again
    #[arg(long, conflicts_with_all = ["file", "server"])]
    pub no_servers: bool,
    /// What is kept of the servers' answers: off, standard or wordpress
    #[arg(long, value_name = "MODE", value_parser = ["off", "standard", "wordpress"], conflicts_with = "file")]
    pub cache: Option<String>,
}

const FIELDS: [view::Field; 10] = [
    ("Redirects", "/redirects"),
    ("Headers", "/headers"),
    ("Access", "/access"),
    ("Rates", "/rates"),
    ("Areas", "/areas"),
    ("Maintenance", "/maintenance"),
    ("HSTS", "/hsts"),
    ("TLS", "/tls"),
    ("Servers", "/servers"),
    ("Cache", "/cache"),
];

impl Changes {
    fn any(&self) -> bool {
        let named = self.maintenance.is_some() || self.hsts.is_some() || self.cache.is_some();
        let lists = !self.redirect.is_empty() || !self.server.is_empty();
        named || lists || self.no_redirects || self.no_maintenance || self.no_servers
    }

    /// What is to be, given what is.
    #[must_use]
    pub fn onto(&self, mut document: Value) -> Value {
        if self.no_redirects {
            document["redirects"] = json!([]);
        }
        if let Some(redirects) = document["redirects"].as_array_mut() {
            let pairs = self.redirect.chunks_exact(2);
            redirects.extend(pairs.map(|pair| json!({"from": pair[0], "to": pair[1]})));
        }
        if let Some(text) = &self.maintenance {
            document["maintenance"] = json!({"title": "Back soon", "text": text});
        }
        if self.no_maintenance {
            document["maintenance"] = Value::Null;
        }
        if let Some(seconds) = self.hsts {
            document["hsts"] = json!({"max_age": seconds});
        }
        if !self.server.is_empty() {
            let addresses: Vec<Value> = self.server.iter().map(|address| json!({"address": address})).collect();
            document["servers"] = json!({"addresses": addresses, "tls": self.server_tls});
        }
        if self.no_servers {
            document["servers"] = Value::Null;
        }
        if let Some(mode) = &self.cache {
            document["cache"]["mode"] = mode.as_str().into();
        }
        document
    }
}

fn read(file: &PathBuf) -> Result<Value, Failure> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    serde_json::from_str(&text).map_err(|error| Failure::Usage(format!("{} is no JSON: {error}", file.display())))
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, args: &Delivery) -> Result<(), Failure> {
    let id = find::id(cx, find::SITE, &args.site).await?;
    let path = ["sites", &id, "delivery"];
    let mut answer = cx.api.get(&path).await?;
    let wanted = match &args.file {
        Some(file) => Some(read(file)?),
        None => args.changes.any().then(|| args.changes.onto(answer.value.clone())),
    };
    if let Some(mut wanted) = wanted {
        // A document that was shown has the version that was seen.
        let seen = wanted.as_object_mut().and_then(|document| document.remove("version"));
        let version = seen.as_ref().unwrap_or(&answer.value["version"]).as_i64();
        answer = cx.api.put_seen(&path, version.unwrap_or_default(), &wanted).await?;
    }
    cx.show(&answer, &FIELDS)
}
