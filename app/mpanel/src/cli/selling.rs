//! `mpanel tenant selling`: how a seller treats those below it.

use serde_json::{Value, json};

use super::connection::Cx;
use super::failure::Failure;
use super::{tree, view};

/// Show or change what visitors read in place of sites that are not shown, and how long a tenant that ends can be restored
#[derive(Debug, clap::Args)]
pub struct Selling {
    /// The seller's id or short name
    tenant: String,
    /// Heading of the page in place of the sites of a tenant that is suspended or ending
    #[arg(long, value_name = "TEXT", requires = "text")]
    title: Option<String>,
    /// What stands below it
    #[arg(long, value_name = "TEXT", requires = "title")]
    text: Option<String>,
    /// Where visitors may turn to: an https:// or mailto: address
    #[arg(long, value_name = "ADDRESS", requires = "title")]
    contact: Option<String>,
    /// The page of the seller above again, or the built-in one
    #[arg(long, conflicts_with = "title")]
    default_page: bool,
    /// Days in which a tenant that is to end can be restored
    #[arg(long, value_name = "DAYS")]
    grace_days: Option<u32>,
    /// As many days as those above have set
    #[arg(long, conflicts_with = "grace_days")]
    default_grace: bool,
}

const FIELDS: [view::Field; 5] = [
    ("Title", "/page/title"),
    ("Text", "/page/text"),
    ("Contact", "/page/contact"),
    ("Own grace days", "/grace_days"),
    ("Grace days", "/effective_grace_days"),
];

impl Selling {
    fn changes(&self) -> bool {
        self.title.is_some() || self.default_page || self.grace_days.is_some() || self.default_grace
    }

    /// What is to be, given what is: what nobody spoke of stays.
    fn onto(&self, now: &Value) -> Value {
        let page = match (&self.title, self.default_page) {
            (Some(title), _) => json!({"title": title, "text": self.text, "contact": self.contact}),
            (None, true) => Value::Null,
            (None, false) => now["page"].clone(),
        };
        let grace_days = match (self.grace_days, self.default_grace) {
            (Some(days), _) => days.into(),
            (None, true) => Value::Null,
            (None, false) => now["grace_days"].clone(),
        };
        json!({"page": page, "grace_days": grace_days})
    }
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, args: Selling) -> Result<(), Failure> {
    let id = tree::seller(cx, &args.tenant).await?;
    let path = ["tenants", &id, "selling"];
    let mut answer = cx.api.get(&path).await?;
    if args.changes() {
        let version = answer.value["version"].as_i64().unwrap_or_default();
        answer = cx.api.put_seen(&path, version, &args.onto(&answer.value)).await?;
    }
    cx.show(&answer, &FIELDS)
}

#[cfg(test)]
mod tests;
