//! `mpanel zone` and `mpanel record`: what mPanel answers over DNS.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{find, prompt, view};

/// Commands of `zone`.
#[derive(Debug, Subcommand)]
pub enum Zones {
    /// List zones
    List(Page),
    /// Show a zone
    Show {
        /// Its id or name
        zone: String,
    },
    /// Answer for a domain
    Create {
        /// Such as example.com
        apex: String,
    },
    /// Answer for a domain no longer
    Delete {
        /// Its id or name
        zone: String,
        /// Do not ask for its name
        #[arg(long)]
        yes: bool,
    },
}

/// Commands of `record`.
#[derive(Debug, Subcommand)]
pub enum Records {
    /// List the records of a zone
    List {
        /// The zone's id or name
        zone: String,
        #[command(flatten)]
        page: Page,
    },
    /// Add a record
    Add {
        /// The zone's id or name
        zone: String,
        /// Such as www, or @ for the zone itself
        name: String,
        /// A, AAAA, CAA, CNAME, MX, NS, SRV or TXT
        #[arg(value_name = "TYPE")]
        rtype: String,
        /// The value in zone file format, such as 192.0.2.1, or 10 mail.example.com. (one that begins with a hyphen after --)
        #[arg(required = true, num_args = 1..)]
        data: Vec<String>,
        /// Seconds for which others may remember it
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u32>,
    },
    /// Change a record
    Update {
        /// The zone's id or name
        zone: String,
        /// The record's id
        record: String,
        #[arg(long)]
        name: Option<String>,
        #[arg(long = "type", value_name = "TYPE")]
        rtype: Option<String>,
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u32>,
        /// The new value in zone file format
        #[arg(long = "value", value_name = "VALUE", allow_hyphen_values = true)]
        data: Option<String>,
    },
    /// Delete a record
    Delete {
        /// The zone's id or name
        zone: String,
        /// The record's id
        record: String,
    },
}

const RECORD: [view::Field; 6] = [
    ("NAME", "/name"),
    ("TTL", "/ttl"),
    ("TYPE", "/type"),
    ("VALUE", "/data"),
    ("MANAGED", "/managed"),
    ("ID", "/id"),
];

/// # Errors
/// The server's problem.
pub async fn zones(cx: &Cx, command: Zones) -> Result<(), Failure> {
    match command {
        Zones::List(page) => {
            let fields = [
                ("ZONE", "/apex"),
                ("RECORDS", "/record_count"),
                ("SERIAL", "/serial"),
                ("STATUS", "/status/message"),
                ("ID", "/id"),
            ];
            let empty = "there are no zones yet: mpanel zone create example.com";
            cx.list(&["zones"], &[], &page, &fields, empty).await
        }
        Zones::Show { zone } => {
            let id = find::id(cx, find::ZONE, &zone).await?;
            let fields = [
                ("Id", "/id"),
                ("Zone", "/apex"),
                ("Status", "/status/message"),
                ("Serial", "/serial"),
                ("Records", "/record_count"),
                ("Name servers", "/nameservers"),
            ];
            cx.show(&cx.api.get(&["zones", &id]).await?, &fields)
        }
        Zones::Create { apex } => {
            let answer = cx.api.post(&["zones"], &json!({"apex": apex})).await?;
            cx.done(&answer, &format!("{} ({})", answer.text("/apex"), answer.text("/id")))?;
            view::say(&format!(
                "next: set its name servers at the registrar: {}",
                view::at(&answer.value, "/nameservers")
            ));
            Ok(())
        }
        Zones::Delete { zone, yes } => {
            let id = find::id(cx, find::ZONE, &zone).await?;
            let found = cx.api.get(&["zones", &id]).await?;
            let records = view::at(&found.value, "/record_count");
            let apex = view::clean(found.text("/apex"));
            prompt::name_to_delete(&format!("the zone {apex} and its {records} records"), &apex, yes)?;
            let answer = cx.api.delete(&["zones", &id]).await?;
            cx.done(&answer, &format!("{apex} is deleted"))
        }
    }
}

/// # Errors
/// The server's problem.
pub async fn records(cx: &Cx, command: Records) -> Result<(), Failure> {
    match command {
        Records::List { zone, page } => {
            let id = find::id(cx, find::ZONE, &zone).await?;
            let empty = format!("this zone has no records yet: mpanel record add {zone} www A 192.0.2.1");
            cx.list(&["zones", &id, "records"], &[], &page, &RECORD, &empty).await
        }
        Records::Add {
            zone,
            name,
            rtype,
            data,
            ttl,
        } => {
            let id = find::id(cx, find::ZONE, &zone).await?;
            let mut body = json!({"name": name, "type": rtype.to_ascii_uppercase(), "data": data.join(" ")});
            if let Some(ttl) = ttl {
                body["ttl"] = ttl.into();
            }
            let answer = cx.api.post(&["zones", &id, "records"], &body).await?;
            if cx.json {
                return cx.done(&answer, "");
            }
            view::print(&view::table(&RECORD, &[answer.value]))
        }
        Records::Update {
            zone,
            record,
            name,
            rtype,
            ttl,
            data,
        } => {
            let id = find::id(cx, find::ZONE, &zone).await?;
            let given: [(&str, Option<Value>); 4] = [
                ("name", name.map(Value::from)),
                ("type", rtype.map(|rtype| rtype.to_ascii_uppercase().into())),
                ("ttl", ttl.map(Value::from)),
                ("data", data.map(Value::from)),
            ];
            let body: Map<String, Value> = given
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            if body.is_empty() {
                return Err(Failure::Usage(
                    "say what to change: --name, --type, --ttl or --value".to_owned(),
                ));
            }
            let answer = cx.api.patch(&["zones", &id, "records", &record], &body).await?;
            if cx.json {
                return cx.done(&answer, "");
            }
            view::print(&view::table(&RECORD, &[answer.value]))
        }
        Records::Delete { zone, record } => {
            let id = find::id(cx, find::ZONE, &zone).await?;
            let answer = cx.api.delete(&["zones", &id, "records", &record]).await?;
            cx.done(&answer, "the record is deleted")
        }
    }
}
