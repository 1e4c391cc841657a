//! `mpanel issuer`: public certificate authorities.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{find, view};

/// Commands of `issuer`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the public authorities
    List(Page),
    /// Show a public authority
    Show {
        /// Its id or name
        issuer: String,
    },
    /// Order certificates of a public authority from now on
    Add {
        /// letsencrypt, letsencrypt-staging, zerossl, google or sslcom; or a name of your own with --directory
        name: String,
        /// Address that the authority may write to; repeat for several
        #[arg(long = "contact", value_name = "EMAIL")]
        contact: Vec<String>,
        /// Say that you have read the authority's terms and agree to them
        #[arg(long)]
        agree_terms: bool,
        /// Where its directory is
        #[arg(long, value_name = "URL")]
        directory: Option<String>,
        /// Key id of the account that you have there
        #[arg(long, value_name = "ID", requires = "external_key")]
        external_kid: Option<String>,
        /// File with the MAC key of that account, base64url
        #[arg(long, value_name = "FILE", requires = "external_kid")]
        external_key: Option<PathBuf>,
        /// Certificate (PEM) of the root of its own server, when this machine does not know it
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
        /// 0 to 1000; the lowest is asked first
        #[arg(long, value_name = "NUMBER")]
        preference: Option<i32>,
    },
    /// Ask a public authority no longer; its certificates stay
    Remove {
        /// Its id or name
        issuer: String,
    },
}

const FIELDS: [view::Field; 10] = [
    ("Id", "/id"),
    ("Name", "/name"),
    ("Directory", "/directory_url"),
    ("State", "/state"),
    ("Problem", "/problem"),
    ("Left alone until", "/paused_until"),
    ("Account", "/account_url"),
    ("Preference", "/preference"),
    ("Terms agreed", "/agreed_at"),
    ("Agreed by", "/agreed_by"),
];

fn text(file: &PathBuf) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}

/// # Errors
/// The server's problem, or a file that cannot be read.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(page) => {
            let fields = [
                ("NAME", "/name"),
                ("STATE", "/state"),
                ("PREFERENCE", "/preference"),
                ("PROBLEM", "/problem"),
                ("ID", "/id"),
            ];
            let empty =
                "there are no public authorities yet: mpanel issuer add letsencrypt --contact EMAIL --agree-terms";
            cx.list(&["certificate-issuers"], &[], &page, &fields, empty).await
        }
        Command::Show { issuer } => {
            let id = find::id(cx, find::ISSUER, &issuer).await?;
            cx.show(&cx.api.get(&["certificate-issuers", &id]).await?, &FIELDS)
        }
        Command::Add {
            name,
            contact,
            agree_terms,
            directory,
            external_kid,
            external_key,
            root,
            preference,
        } => {
            let mut body = Map::from_iter([
                ("name".to_owned(), name.into()),
                ("contact".to_owned(), contact.into()),
                ("agree_terms".to_owned(), agree_terms.into()),
            ]);
            if let Some(directory) = directory {
                body.insert("directory_url".to_owned(), directory.into());
            }
            if let (Some(kid), Some(file)) = (external_kid, external_key) {
                let key = text(&file)?;
                body.insert(
                    "external_account".to_owned(),
                    json!({"kid": kid, "hmac_key": key.trim()}),
                );
            }
            if let Some(root) = root {
                body.insert("root_pem".to_owned(), text(&root)?.into());
            }
            if let Some(preference) = preference {
                body.insert("preference".to_owned(), preference.into());
            }
            cx.show(&cx.api.post(&["certificate-issuers"], &body).await?, &FIELDS)
        }
        Command::Remove { issuer } => {
            let id = find::id(cx, find::ISSUER, &issuer).await?;
            let answer = cx.api.delete(&["certificate-issuers", &id]).await?;
            cx.done(
                &answer,
                "the authority is asked no longer; its certificates stay until they are renewed by another",
            )
        }
    }
}
