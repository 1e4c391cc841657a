//! `mpanel audit`.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use mpanel_kernel::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::connection::{Cx, Page};
use super::failure::Failure;
use super::{find, prompt, view};

/// Commands of `audit`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List who did what, newest first
    List {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        page: Page,
    },
    /// Show one line: who, from where, what changed
    Show {
        /// Its id
        entry: String,
    },
    /// Write the log to a file or to standard output, newest first
    Export {
        #[command(flatten)]
        filters: Filters,
        #[arg(long, value_enum, default_value = "ndjson")]
        format: Format,
        /// Where to; standard output when absent
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Go on after the line with this id, where an export was cut short
        #[arg(long, value_name = "ID")]
        after: Option<String>,
    },
    /// Show for how long the log is kept, or say so
    Retention(Retention),
    /// Erase what the log tells of a person beside the id: addresses, devices, names. There is no way back
    Erase {
        /// The person's id, or the address or name of a member
        person: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// How an export is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// Each line as it is kept: JSON with sorted keys
    Ndjson,
    /// For spreadsheets
    Csv,
}

/// Which lines.
#[derive(Debug, clap::Args)]
pub struct Filters {
    /// Only what was done to this object (an id)
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only what was done to objects of this kind, such as site
    #[arg(long)]
    kind: Option<String>,
    /// Only what this actor did: an id, or the address or name of a member
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only actions that begin so, such as sites.site.created or sites.
    #[arg(long)]
    action: Option<String>,
    /// Only from then on: 2026-11-23, 2026-11-23T08:00:00Z, or 2d for the last two days
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only before then
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only what this request did (an id)
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Only what members of this tenant above did, acting for the tenant (an id)
    #[arg(long, value_name = "ID")]
    assumed_from: Option<String>,
    /// Only what was refused
    #[arg(long)]
    refused: bool,
    /// Only lines with this text in action or subject
    #[arg(long)]
    text: Option<String>,
    /// Also the logs of all tenants below
    #[arg(long)]
    below: bool,
}

/// For how long.
#[derive(Debug, clap::Args)]
pub struct Retention {
    /// Keep lines so many days; 0: as the platform says
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=36500))]
    days: Option<u32>,
    /// Of the platform: nobody may keep lines for less; 0: 90, as when nothing is said
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36500))]
    least_days: Option<u32>,
    /// A legal hold: remove nothing, for this reason
    #[arg(long, value_name = "REASON")]
    hold: Option<String>,
    /// End the legal hold
    #[arg(long, conflicts_with = "hold")]
    release: bool,
}

/// # Errors
/// The server's problem.
pub async fn run(cx: &Cx, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { filters, page } => list(cx, filters, &page).await,
        Command::Show { entry } => show(cx, &entry).await,
        Command::Export {
            filters,
            format,
            output,
            after,
        } => export(cx, filters, format, output, after).await,
        Command::Retention(wanted) => retention(cx, wanted).await,
        Command::Erase { person, yes } => erase(cx, &person, yes).await,
    }
}

/// A day, a moment, or a while ago.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let at_midnight = || format!("{text}T00:00:00Z").parse();
    if let Ok(at) = text.parse::<Timestamp>().or_else(|_| at_midnight()) {
        return Ok(at);
    }
    let wrong = || format!("{text:?} is no moment: 2026-11-23, 2026-11-23T08:00:00Z, 30m, 12h, 2d or 4w");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 60 * 24,
        'w' => 60 * 24 * 7,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let ago = SignedDuration::from_mins(i64::from(count) * minutes);
    SystemClock.now().checked_sub(ago).map_err(|_| wrong())
}

impl Filters {
    async fn query(self, cx: &Cx) -> Result<Vec<(&'static str, String)>, Failure> {
        let actor = match self.actor {
            Some(who) => Some(person(cx, &who).await?),
            None => None,
        };
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let filters = [
            ("filter[subject]", self.subject),
            ("filter[kind]", self.kind),
            ("filter[actor]", actor),
            ("filter[action]", self.action),
            ("filter[since]", time(self.since)),
            ("filter[until]", time(self.until)),
            ("filter[request]", self.request),
            ("filter[assumed_from]", self.assumed_from),
            ("filter[outcome]", self.refused.then(|| "refused".to_owned())),
            ("filter[text]", self.text),
            ("scope", self.below.then(|| "subtree".to_owned())),
        ];
        let given = filters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(given.collect())
    }
}

const MEMBER: find::Kind = find::Kind {
    noun: "member",
    prefix: "usr_",
    path: "members",
    names: &["email", "name"],
    list: "mpanel tenant member list TENANT",
};

/// The id of an actor; a name is looked for among the members of the acting tenant.
async fn person(cx: &Cx, wanted: &str) -> Result<String, Failure> {
    let is_id = ["usr_", "tok_", "sva_", "system:"]
        .iter()
        .any(|prefix| wanted.starts_with(prefix));
    if is_id {
        return Ok(wanted.to_owned());
    }
    let tenant = match cx.api.header("mpanel-tenant") {
        Some(tenant) => tenant.to_owned(),
        None => cx.api.get(&["me"]).await?.text("/home_tenant/id").to_owned(),
    };
    let mut members = cx.all(&["tenants", &tenant, "members"], &[]).await?;
    for member in &mut members {
        member["id"] = member["user_id"].clone();
    }
    find::pick(MEMBER, wanted, &members)
}

async fn list(cx: &Cx, filters: Filters, page: &Page) -> Result<(), Failure> {
    let below = filters.below;
    let query = filters.query(cx).await?;
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut fields = vec![
        ("TIME", "/time"),
        ("ACTION", "/action"),
        ("SUBJECT", "/subject"),
        ("WHO", "/actor_name"),
        ("ACTOR", "/actor"),
        ("OUTCOME", "/outcome"),
        ("ID", "/id"),
    ];
    if below {
        fields.insert(1, ("TENANT", "/tenant_id"));
    }
    let empty = "nothing is recorded that matches";
    cx.list(&["audit"], &query, page, &fields, empty).await
}

async fn show(cx: &Cx, entry: &str) -> Result<(), Failure> {
    let line = cx.api.get(&["audit", entry]).await?;
    let has_details = line.value["has_details"] == Value::Bool(true);
    // Who may read the line need not be one who may read what it tells of people.
    let details = match has_details {
        true => match cx.api.get(&["audit", entry, "details"]).await {
            Ok(details) => details.value,
            Err(Failure::Problem(problem)) if problem.status == 403 => Value::Null,
            Err(failure) => return Err(failure),
        },
        false => Value::Null,
    };
    let mut shown = line.value;
    shown["details"] = details;
    if cx.json {
        return view::print(&format!("{shown}\n"));
    }
    let mut fields: Vec<view::Field> = vec![
        ("Time", "/time"),
        ("Action", "/action"),
        ("Outcome", "/outcome"),
        ("Subject", "/subject"),
        ("Actor", "/actor"),
        ("Name", "/actor_name"),
        ("During", "/via/operation_id"),
        ("Assumed from", "/assumed_from"),
        ("Reason", "/assumption/reason"),
        ("Request", "/request_id"),
        ("Before", "/before"),
        ("After", "/after"),
    ];
    if shown["details"]["origin"]["erased"] == Value::Bool(true) {
        fields.push(("Erased", "/details/origin/erased"));
    } else {
        fields.extend([
            ("Address", "/details/origin/address"),
            ("Device", "/details/origin/user_agent"),
            ("Credential", "/details/origin/credential"),
        ]);
    }
    fields.push(("Personal", "/details/facts/values"));
    view::print(&view::description(&fields, &shown))
}

async fn export(
    cx: &Cx,
    filters: Filters,
    format: Format,
    output: Option<PathBuf>,
    after: Option<String>,
) -> Result<(), Failure> {
    let mut query = filters.query(cx).await?;
    let format = match format {
        Format::Ndjson => "ndjson",
        Format::Csv => "csv",
    };
    query.push(("format", format.to_owned()));
    query.extend(after.map(|after| ("after", after)));
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(path) = output else {
        return cx
            .api
            .download(&["audit", "export"], &query, &mut std::io::stdout())
            .await
            .map(drop);
    };
    let unwritable = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let mut file = File::create(&path).map_err(unwritable)?;
    let bytes = cx.api.download(&["audit", "export"], &query, &mut file).await?;
    file.flush().and_then(|()| file.sync_all()).map_err(unwritable)?;
    view::say(&format!("wrote {} to {}", view::bytes(bytes), path.display()));
    Ok(())
}

async fn retention(cx: &Cx, wanted: Retention) -> Result<(), Failure> {
    const FIELDS: [view::Field; 4] = [
        ("Days", "/effective_days"),
        ("Own", "/days"),
        ("At least", "/least_days"),
        ("Held for", "/held_for"),
    ];
    let now = cx.api.get(&["audit", "retention"]).await?;
    let changes = wanted.days.is_some() || wanted.least_days.is_some() || wanted.hold.is_some() || wanted.release;
    if !changes {
        return cx.show(&now, &FIELDS);
    }
    let days = |given: Option<u32>, kept: &Value| match given {
        Some(0) => Value::Null,
        Some(days) => json!(days),
        None => kept.clone(),
    };
    let mut body = json!({"days": days(wanted.days, &now.value["days"])});
    // Everybody is shown what the platform demands; only the platform may send it back.
    if wanted.least_days.is_some() || is_platform(cx).await? {
        body["least_days"] = days(wanted.least_days, &now.value["least_days"]);
    }
    if let Some(reason) = wanted.hold {
        body["held_for"] = json!(reason);
    }
    if wanted.release {
        body["release_hold"] = json!(true);
    }
    cx.show(&cx.api.put(&["audit", "retention"], &body).await?, &FIELDS)
}

/// Whether the acting tenant is the platform.
async fn is_platform(cx: &Cx) -> Result<bool, Failure> {
    let me = cx.api.get(&["me"]).await?;
    let acting = match cx.api.header("mpanel-tenant") {
        Some(tenant) => tenant.to_owned(),
        None => me.text("/home_tenant/id").to_owned(),
    };
    let memberships = me.value.pointer("/memberships").and_then(Value::as_array);
    let mut tenants = memberships.into_iter().flatten().filter_map(|one| one.get("tenant"));
    Ok(tenants.any(|tenant| tenant["id"] == acting.as_str() && tenant["kind"] == "platform"))
}

async fn erase(cx: &Cx, wanted: &str, yes: bool) -> Result<(), Failure> {
    let id = person(cx, wanted).await?;
    prompt::name_to_delete(
        &format!("what the audit log tells of {wanted} beside the id"),
        wanted,
        yes,
    )?;
    let answer = cx.api.delete(&["audit", "people", &id]).await?;
    cx.done(&answer, &format!("erased: the log knows {wanted} by id alone"))
}
