//! Where the database is, as `libpq` wants to be told: by environment, so that no password stands in a list of processes.

use std::str::FromStr as _;

use mpanel_process::account::Account;
use sqlx::postgres::PgConnectOptions;

use super::DumpError;
use crate::server::{self, PANEL};

/// A database, for this program and for PostgreSQL's own.
#[derive(Clone)]
pub struct Target {
    options: PgConnectOptions,
    environment: Vec<(&'static str, String)>,
    database: String,
    /// Whose programs put a dump in; this program's own user's when `None`.
    loader: Option<Account>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.database)
    }
}

impl Target {
    /// The panel's database of a private server. What puts a dump in reads what somebody else wrote, and does so as the server's
    /// account.
    #[must_use]
    pub fn private(options: &server::Options) -> Self {
        Self {
            loader: options.account.clone(),
            ..Self::local(options.panel_options())
        }
    }

    /// A database that asks for no password.
    pub(super) fn local(options: PgConnectOptions) -> Self {
        let host = match options.get_socket() {
            Some(folder) => folder.to_string_lossy().into_owned(),
            None => options.get_host().to_owned(),
        };
        let database = options.get_database().unwrap_or(PANEL).to_owned();
        let environment = vec![
            ("PGHOST", host),
            ("PGPORT", options.get_port().to_string()),
            ("PGUSER", options.get_username().to_owned()),
            ("PGDATABASE", database.clone()),
        ];
        Self {
            options,
            environment,
            database,
            loader: None,
        }
    }

    /// A database by its address, `postgres://user:password@host:port/database?sslmode=…`.
    ///
    /// # Errors
    /// When it is no such address.
    pub fn remote(url: &str) -> Result<Self, DumpError> {
        let options = PgConnectOptions::from_str(url)?;
        let (_, rest) = url.split_once("://").ok_or(DumpError::Address("it has no scheme"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        let (credential, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = credential.split_once(':').unwrap_or((credential, ""));
        let (host, port) = match host.rsplit_once(':') {
            // The colons of `[::1]` are not a port's.
            Some((name, port)) if !port.contains(']') => (name, port),
            _ => (host, ""),
        };
        let mut environment = vec![
            ("PGHOST", text(host.trim_matches(['[', ']']))?),
            ("PGPORT", text(port)?),
            ("PGUSER", text(user)?),
            ("PGPASSWORD", text(password)?),
            ("PGDATABASE", text(path)?),
        ];
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = match key {
                "host" => "PGHOST",
                "hostaddr" => "PGHOSTADDR",
                "port" => "PGPORT",
                "user" => "PGUSER",
                "password" => "PGPASSWORD",
                "dbname" => "PGDATABASE",
                "sslmode" | "ssl-mode" => "PGSSLMODE",
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
                "sslcert" | "ssl-cert" => "PGSSLCERT",
                "sslkey" | "ssl-key" => "PGSSLKEY",
                _ => continue,
            };
            environment.retain(|(known, _)| *known != name);
            environment.push((name, text(value)?));
        }
        environment.retain(|(_, value)| !value.is_empty());
        let database = environment
            .iter()
            .find(|(name, _)| *name == "PGDATABASE")
            .map_or_else(|| options.get_username().to_owned(), |(_, name)| name.clone());
        Ok(Self {
            options,
            environment,
            database,
            loader: None,
        })
    }

    /// How this program connects.
    #[must_use]
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(super) fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_str()))
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    pub(super) fn loader(&self) -> Option<&Account> {
        self.loader.as_ref()
    }
}

/// Percent-decoded (RFC 3986 §2.1).
fn text(encoded: &str) -> Result<String, DumpError> {
    const BAD: DumpError = DumpError::Address("a percent sign is not followed by two hexadecimal digits");
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .ok_or(BAD)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| BAD)?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| DumpError::Address("it is not UTF-8"))
}
