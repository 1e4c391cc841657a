//! `mpanel plan`: what can be sold.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{find, view};

/// Commands of `plan`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List plans
    List(Page),
    /// Show a plan
    Show {
        /// Its id or name
        plan: String,
    },
    /// Make a plan
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Change what a plan allows, as a new version; who has an older one keeps it
    Version {
        /// Its id or name
        plan: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Give a plan another name
    Rename {
        /// Its id or name
        plan: String,
        /// The new name
        name: String,
    },
    /// Sell a plan no longer; who has it keeps it
    Archive {
        /// Its id or name
        plan: String,
    },
}

/// What a plan allows: nothing of what is not named.
#[derive(Debug, clap::Args)]
pub struct Terms {
    /// Websites
    #[arg(long, value_name = "COUNT", value_parser = amount)]
    sites: Option<Value>,
    /// Domains
    #[arg(long, value_name = "COUNT", value_parser = amount)]
    domains: Option<Value>,
    /// Disk space, such as 10G
    #[arg(long, value_name = "SIZE", value_parser = amount)]
    disk: Option<Value>,
    /// Traffic a month, such as 1T
    #[arg(long, value_name = "SIZE", value_parser = amount)]
    traffic: Option<Value>,
    /// Any entitlement by its key, such as sites=10 or disk_bytes=unlimited; repeat for several
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = limit)]
    limits: Vec<(String, Value)>,
    /// Allow resellers to promise more than they have
    #[arg(long)]
    oversell: bool,
}

impl Terms {
    fn body(self) -> Map<String, Value> {
        let named = [
            ("sites", self.sites),
            ("domains", self.domains),
            ("disk_bytes", self.disk),
            ("traffic_bytes_month", self.traffic),
        ];
        let entitlements: Map<String, Value> = named
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .chain(self.limits)
            .collect();
        let mut body = Map::new();
        body.insert("entitlements".to_owned(), entitlements.into());
        if self.oversell {
            body.insert("oversell".to_owned(), true.into());
        }
        body
    }
}

/// Reads `KEY=VALUE`.
pub fn limit(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as sites=10")?;
    Ok((key.trim().to_owned(), amount(value)?))
}

/// Reads a count or a size (K, M, G, T: powers of 1024; kB, MB, GB, TB: powers of 1000), or `unlimited`, which is null.
pub fn amount(text: &str) -> Result<Value, String> {
    const WRONG: &str = "a number, a size such as 10G or 500MB, or unlimited";
    let text = text.trim();
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(Value::Null);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| WRONG)?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(WRONG.to_owned()),
    };
    let amount = number
        .checked_mul(factor)
        .filter(|amount| i64::try_from(*amount).is_ok());
    amount.map(Value::from).ok_or_else(|| "too large".to_owned())
}

const FIELDS: [view::Field; 7] = [
    ("Id", "/id"),
    ("Name", "/name"),
    ("Allows", "/entitlements"),
    ("Version", "/latest_version"),
    ("Tenants", "/subscribers"),
    ("Archived", "/archived"),
    ("Created", "/created_at"),
];

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(page) => {
            let fields = [
                ("NAME", "/name"),
                ("ALLOWS", "/entitlements"),
                ("VERSION", "/latest_version"),
                ("TENANTS", "/subscribers"),
                ("ARCHIVED", "/archived"),
                ("ID", "/id"),
            ];
            let empty = "there are no plans yet: mpanel plan create NAME --sites 10 --disk 10G";
            cx.list(&["plans"], &[], &page, &fields, empty).await
        }
        Command::Show { plan } => {
            let id = find::id(cx, find::PLAN, &plan).await?;
            cx.show(&cx.api.get(&["plans", &id]).await?, &FIELDS)
        }
        Command::Create { name, terms } => {
            let mut body = terms.body();
            body.insert("name".to_owned(), name.into());
            let answer = cx.api.post(&["plans"], &body).await?;
            cx.done(&answer, &format!("{} ({})", answer.text("/name"), answer.text("/id")))
        }
        Command::Version { plan, terms } => {
            let id = find::id(cx, find::PLAN, &plan).await?;
            cx.show(&cx.api.post(&["plans", &id, "versions"], &terms.body()).await?, &FIELDS)
        }
        Command::Rename { plan, name } => {
            let id = find::id(cx, find::PLAN, &plan).await?;
            cx.show(&cx.api.patch(&["plans", &id], &json!({"name": name})).await?, &FIELDS)
        }
        Command::Archive { plan } => {
            let id = find::id(cx, find::PLAN, &plan).await?;
            let answer = cx.api.patch(&["plans", &id], &json!({"archived": true})).await?;
            cx.done(&answer, &format!("{plan} is archived"))
        }
    }
}
