//! `mpanel realm`: at which names whose people sign in.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{find, view};

/// Commands of `realm`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the realms of the installation
    List(Page),
    /// Show a realm
    Show {
        /// Its id or name
        realm: String,
    },
    /// Make the realm of a tenant's brand: its people, and those below, sign in at its names alone from then on
    Create {
        /// Its name
        name: String,
        /// The tenant whose brand it is, by id or name
        #[arg(long)]
        brand: String,
        /// A name at which they sign in; repeat for several
        #[arg(long = "host", value_name = "NAME", required = true)]
        hosts: Vec<String>,
    },
    /// Rename a realm, or give it other names
    Update {
        /// Its id or name
        realm: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// Names in place of those before; repeat for several
        #[arg(long = "host", value_name = "NAME")]
        hosts: Vec<String>,
    },
}

const FIELDS: &[view::Field] = &[
    ("Id", "/id"),
    ("Name", "/name"),
    ("Brand", "/tenant_id"),
    ("Hosts", "/hosts"),
    ("Created", "/created_at"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(page) => {
            let fields = [
                ("NAME", "/name"),
                ("BRAND", "/tenant_id"),
                ("HOSTS", "/hosts"),
                ("ID", "/id"),
            ];
            cx.list(&["realms"], &[], &page, &fields, "there are no realms").await
        }
        Command::Show { realm } => {
            let id = find::id(cx, find::REALM, &realm).await?;
            cx.show(&cx.api.get(&["realms", &id]).await?, FIELDS)
        }
        Command::Create { name, brand, hosts } => {
            let tenant = find::id(cx, find::TENANT, &brand).await?;
            let body = json!({"name": name, "tenant_id": tenant, "hosts": hosts});
            cx.show(&cx.api.post(&["realms"], &body).await?, FIELDS)
        }
        Command::Update { realm, name, hosts } => {
            let mut body = Map::new();
            body.extend(name.map(|name| ("name".to_owned(), Value::from(name))));
            body.extend((!hosts.is_empty()).then(|| ("hosts".to_owned(), Value::from(hosts))));
            if body.is_empty() {
                return Err(Failure::Usage(
                    "say what shall be otherwise: --name or --host".to_owned(),
                ));
            }
            let id = find::id(cx, find::REALM, &realm).await?;
            cx.show(&cx.api.patch(&["realms", &id], &body).await?, FIELDS)
        }
    }
}
