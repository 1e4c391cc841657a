//! The table of every key: what the environment, the checks and the generated reference are made from.

use figment::value::{Empty, Value};

/// How a key's text form (environment, command line) is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Text,
    Number,
    /// Comma-separated.
    List,
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Dotted path in the file.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Its value is never printed.
    pub(crate) secret: bool,
    /// One sentence for the reference.
    pub(crate) meaning: &'static str,
}

const fn key(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key {
        name,
        kind,
        secret: false,
        meaning,
    }
}

const fn secret(name: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        kind: Kind::Text,
        secret: true,
        meaning,
    }
}

pub(crate) static KEYS: &[Key] = &[
    key(
        "data",
        Kind::Text,
        "Folder of everything mPanel keeps. Not allowed in the file inside that folder.",
    ),
    key(
        "panel",
        Kind::Text,
        "Address of the panel and API. Plain HTTP is answered on loopback only.",
    ),
    key("edge_http", Kind::Text, "Address of the sites over HTTP."),
    key("edge_https", Kind::Text, "Address of the sites over HTTPS."),
    key("dns", Kind::Text, "Address of the DNS server, UDP and TCP."),
    key(
        "hosts",
        Kind::List,
        "Host names at which `edge_https` also serves the panel.",
    ),
    key(
        "public_addresses",
        Kind::List,
        "IP addresses that customers' domains point to, for managed DNS records.",
    ),
    key(
        "public_https_port",
        Kind::Number,
        "Port in the addresses shown to people; by default the port of `edge_https`.",
    ),
    key(
        "preview_domain",
        Kind::Text,
        "Domain below which every site has a preview name.",
    ),
    key(
        "nameservers",
        Kind::List,
        "Host names of the name servers put into new zones.",
    ),
    secret(
        "database_url",
        "`postgres://…` of an existing PostgreSQL 15 or newer; without it a private one runs in the data folder.",
    ),
    secret(
        "metrics_token",
        "Bearer token that allows `/metrics` from elsewhere than loopback.",
    ),
    key(
        "log.filter",
        Kind::Text,
        "Which messages are logged, a level or `target=level`, several with commas, such as `info,mpanel_dns=debug`.",
    ),
    key(
        "log.format",
        Kind::Text,
        "`text`, `json`, or `auto`: text on a terminal, else JSON.",
    ),
    key(
        "traces.endpoint",
        Kind::Text,
        "OTLP/HTTP address that receives traces, such as `http://localhost:4318/v1/traces`; off by default.",
    ),
    key("uploads.max_bytes", Kind::Number, "Largest upload, in bytes."),
    key(
        "uploads.expire_hours",
        Kind::Number,
        "Hours after which an unfinished or unused upload is deleted.",
    ),
    key(
        "releases.keep",
        Kind::Number,
        "Releases kept per site, for sites that do not set it.",
    ),
    key(
        "releases.max_bytes",
        Kind::Number,
        "Largest release once unpacked, in bytes.",
    ),
    key(
        "releases.max_files",
        Kind::Number,
        "Most files and folders in a release.",
    ),
    key(
        "rate.logins_per_minute_address",
        Kind::Number,
        "Login attempts a minute from one address (IPv6: one /64).",
    ),
    key(
        "rate.logins_per_minute_account",
        Kind::Number,
        "Login attempts a minute for one account.",
    ),
    key(
        "rate.requests_per_second",
        Kind::Number,
        "API requests a second for one credential.",
    ),
    key(
        "rate.requests_burst",
        Kind::Number,
        "API requests one credential may make at once before that rate applies.",
    ),
    key(
        "rate.changes_per_second",
        Kind::Number,
        "API requests a second that change something, for one person or token; at once four times as many.",
    ),
    key(
        "rate.costly_per_minute",
        Kind::Number,
        "API requests a minute that cost much, such as exports, for one person or token.",
    ),
    key(
        "rate.tenant_requests_per_second",
        Kind::Number,
        "API requests a second for one tenant, by whomever; at once four times as many.",
    ),
    key(
        "rate.address_requests_per_second",
        Kind::Number,
        "API requests a second from one address (IPv6: one /64), pages included; at once four times as many.",
    ),
    key(
        "rate.streams_per_credential",
        Kind::Number,
        "Event streams that one person, or one API token, may have open at once.",
    ),
    key(
        "rate.streams_per_address",
        Kind::Number,
        "Event streams that may be open at once from one address (IPv6: one /64).",
    ),
    key(
        "rate.uploads_per_credential",
        Kind::Number,
        "Uploads that one person, or one API token, may send at once.",
    ),
    key(
        "sign_in.step_up_minutes",
        Kind::Number,
        "Minutes for which a shown password, and second factor, count for what demands a fresh proof.",
    ),
    key(
        "sign_in.history_days",
        Kind::Number,
        "Days for which attempts to sign in are kept and shown to their account.",
    ),
    key(
        "upgrade.gate_seconds",
        Kind::Number,
        "Seconds within which a new version must serve, read and write, and each data plane answer; otherwise the version before it is started again.",
    ),
    key(
        "upgrade.migrate_seconds",
        Kind::Number,
        "Seconds that the database's start, and a new version's migrations, may take, while the version before serves.",
    ),
    key(
        "backup.self.folder",
        Kind::Text,
        "Folder that gets a backup of the installation every day; without it none is made by itself.",
    ),
    key(
        "backup.self.hour",
        Kind::Number,
        "Hour of the day, 0 to 23, at which it begins. One that was missed is made at the next start.",
    ),
    key(
        "backup.self.time_zone",
        Kind::Text,
        "Time zone of that hour, such as `Europe/Berlin`.",
    ),
    key(
        "backup.self.keep",
        Kind::Number,
        "Archives of this installation that stay in the folder; older ones are deleted after each backup.",
    ),
    key(
        "backup.self.passphrase_file",
        Kind::Text,
        "File with the passphrase that seals them. Without it and without recipients they are without the master key.",
    ),
    key(
        "backup.self.recipients",
        Kind::List,
        "age keys (`age1…`) for whose holders they are sealed instead.",
    ),
    key(
        "tenants.grace_days",
        Kind::Number,
        "Days in which a tenant that is to end can be restored. Resellers give no fewer.",
    ),
    key(
        "exports.max_bytes",
        Kind::Number,
        "Largest archive of a tenant, in bytes.",
    ),
    key(
        "exports.expire_hours",
        Kind::Number,
        "Hours after which an archive of a tenant is deleted, at most 90 days.",
    ),
    key(
        "identity.breached_passwords_file",
        Kind::Text,
        "File of leaked passwords, by SHA-1 and sorted, as haveibeenpwned.com offers it; asked beside the list that mPanel carries.",
    ),
    key(
        "mail.transport",
        Kind::Text,
        "`file`: each mail becomes a file in the data folder, below `mail`; or `smtp`.",
    ),
    key(
        "mail.from",
        Kind::Text,
        "Sender of all mail, such as `Example Hosting <panel@example.com>`; `smtp` takes one.",
    ),
    key(
        "mail.invitations_per_tenant_day",
        Kind::Number,
        "Invitations that a tenant, with everybody below it, may have mailed in 24 hours. The platform may have any number.",
    ),
    key(
        "mail.invitations_per_address_day",
        Kind::Number,
        "Invitations that are mailed to one address in 24 hours, from all tenants together.",
    ),
    key(
        "mail.invitations_waiting",
        Kind::Number,
        "Invitations of one tenant that may wait for an answer at a time.",
    ),
    key("mail.smtp.host", Kind::Text, "Mail server that takes what is sent."),
    key(
        "mail.smtp.port",
        Kind::Number,
        "Its port; by default 587, 465 or 25 as the encryption wants.",
    ),
    key(
        "mail.smtp.encryption",
        Kind::Text,
        "`starttls`, `implicit` (TLS from the first byte), or `none`, which is for a server on this machine.",
    ),
    key(
        "mail.smtp.user",
        Kind::Text,
        "User name at the mail server, if it wants one.",
    ),
    secret("mail.smtp.password", "The password to it."),
    key(
        "mail.smtp.ca_file",
        Kind::Text,
        "PEM of an authority that the mail server's certificate may come from, beside the system's.",
    ),
    key(
        "outbound.allow",
        Kind::List,
        "Private networks (CIDR) that requests made for customers may reach; by default none.",
    ),
];

/// Names with the prefix that configure something else: the command-line client, where the file is, where PostgreSQL's
/// programs are, and where a test says at which points it holds a debug build (`mpanel_jobs`).
pub(crate) const OTHER_VARIABLES: &[&str] = &[
    "MPANEL_CONFIG",
    "MPANEL_URL",
    "MPANEL_TOKEN",
    "MPANEL_TENANT",
    "MPANEL_CA",
    "MPANEL_PG_BIN",
    "MPANEL_HOLD_AT",
];

pub(crate) const PREFIX: &str = "MPANEL_";

impl Key {
    /// `log.filter` → `MPANEL_LOG_FILTER`.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// Reads the text form. A number that does not parse stays text, so that the error names it.
    pub(crate) fn read(&self, text: &str) -> Value {
        match self.kind {
            Kind::Text => Value::from(text),
            Kind::Number => text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
            Kind::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::from(items.map(Value::from).collect::<Vec<_>>())
            }
        }
    }

    /// The value as a person would write it, or `[redacted]`.
    pub(crate) fn show(&self, value: &Value) -> String {
        if self.secret {
            "[redacted]".to_owned()
        } else {
            plain(value)
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Array(_, items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Bool(_, yes) => yes.to_string(),
        Value::Num(_, number) => number
            .to_u128_lossy()
            .map_or_else(|| format!("{number:?}"), |n| n.to_string()),
        Value::Empty(_, Empty::None | Empty::Unit) | Value::Char(..) | Value::Dict(..) => String::new(),
    }
}

pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// `; did you mean …?` for a name that is nearly one of `known`, else nothing.
pub(crate) fn suggestion<S: AsRef<str>>(name: &str, known: impl Iterator<Item = S>) -> String {
    let scored = known.map(|known| (strsim::jaro_winkler(name, known.as_ref()), known));
    match scored.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, known)) if score > 0.8 => format!("; did you mean `{}`?", known.as_ref()),
        _ => String::new(),
    }
}
