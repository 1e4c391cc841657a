//! Checks that no type makes.

use jiff::tz::TimeZone;
use mpanel_kernel::names::{DomainName, NameError, Suffix};

use crate::{Config, Mail, MailTransport, OwnBackup, Problem};

/// Every value that cannot work, each with where it came from.
pub(crate) fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut complain = |key: &str, message: String| {
        let source = config
            .explained
            .iter()
            .find(|line| line.key == key)
            .map(|line| line.source.clone());
        found.push(Problem {
            source: source.unwrap_or_default(),
            message: format!("`{key}`: {message}"),
        });
    };

    let listeners = [
        ("panel", config.panel),
        ("edge_http", config.edge_http),
        ("edge_https", config.edge_https),
    ];
    for (index, (key, address)) in listeners.iter().enumerate() {
        for (other, _) in listeners[..index]
            .iter()
            .filter(|(_, other)| other == address && address.port() != 0)
        {
            complain(key, format!("{address} is already the address of `{other}`"));
        }
    }
    let names = [("hosts", &config.hosts), ("nameservers", &config.nameservers)];
    for (key, names) in names {
        names
            .iter()
            .filter_map(|name| misnamed(name, DomainName::parse(name)))
            .for_each(|message| complain(key, message));
    }
    if let Some(message) = misnamed(&config.preview_domain, Suffix::parse(&config.preview_domain)) {
        complain("preview_domain", message);
    }
    let scheme = |text: &str, allowed: [&str; 2]| allowed.iter().any(|scheme| text.starts_with(scheme));
    if config
        .database_url
        .as_ref()
        .is_some_and(|url| !scheme(url.expose(), ["postgres://", "postgresql://"]))
    {
        complain("database_url", "must begin with postgres://".to_owned());
    }
    if config
        .traces
        .endpoint
        .as_ref()
        .is_some_and(|url| !scheme(url, ["http://", "https://"]))
    {
        complain("traces.endpoint", "must begin with http:// or https://".to_owned());
    }
    if config
        .metrics_token
        .as_ref()
        .is_some_and(|token| token.expose().len() < 16)
    {
        complain("metrics_token", "must have at least 16 characters".to_owned());
    }
    mail(&config.mail, &mut complain);
    own_backup(&config.backup.own, &mut complain);
    for (key, value) in [
        ("uploads.max_bytes", config.uploads.max_bytes),
        ("uploads.expire_hours", config.uploads.expire_hours.into()),
        ("exports.max_bytes", config.exports.max_bytes),
        ("exports.expire_hours", config.exports.expire_hours.into()),
        ("releases.keep", config.releases.keep.into()),
        ("releases.max_bytes", config.releases.max_bytes),
        ("releases.max_files", config.releases.max_files),
        (
            "rate.logins_per_minute_address",
            config.rate.logins_per_minute_address.into(),
        ),
        (
            "rate.logins_per_minute_account",
            config.rate.logins_per_minute_account.into(),
        ),
        ("rate.requests_per_second", config.rate.requests_per_second.into()),
        ("rate.requests_burst", config.rate.requests_burst.into()),
        ("rate.changes_per_second", config.rate.changes_per_second.into()),
        ("rate.costly_per_minute", config.rate.costly_per_minute.into()),
        (
            "rate.tenant_requests_per_second",
            config.rate.tenant_requests_per_second.into(),
        ),
        (
            "rate.address_requests_per_second",
            config.rate.address_requests_per_second.into(),
        ),
        ("rate.streams_per_credential", config.rate.streams_per_credential.into()),
        ("rate.streams_per_address", config.rate.streams_per_address.into()),
        ("rate.uploads_per_credential", config.rate.uploads_per_credential.into()),
        ("sign_in.step_up_minutes", config.sign_in.step_up_minutes.into()),
        ("sign_in.history_days", config.sign_in.history_days.into()),
        (
            "mail.invitations_per_tenant_day",
            config.mail.invitations_per_tenant_day.into(),
        ),
        (
            "mail.invitations_per_address_day",
            config.mail.invitations_per_address_day.into(),
        ),
        ("mail.invitations_waiting", config.mail.invitations_waiting.into()),
        ("upgrade.gate_seconds", config.upgrade.gate_seconds.into()),
        ("upgrade.migrate_seconds", config.upgrade.migrate_seconds.into()),
        ("backup.self.keep", config.backup.own.keep.into()),
    ] {
        if value == 0 {
            complain(key, "must be at least 1".to_owned());
        }
    }
    // The operation that made an archive is forgotten after that, and with it who may have the archive.
    if config.exports.expire_hours > 90 * 24 {
        complain("exports.expire_hours", "must be at most 2160 (90 days)".to_owned());
    }
    found
}

fn own_backup(backup: &OwnBackup, complain: &mut impl FnMut(&str, String)) {
    if backup.hour > 23 {
        complain("backup.self.hour", "must be an hour from 0 to 23".to_owned());
    }
    if TimeZone::get(&backup.time_zone).is_err() {
        let zone = &backup.time_zone;
        complain(
            "backup.self.time_zone",
            format!("`{zone}` is no time zone that this machine knows, such as `Europe/Berlin` (install tzdata?)"),
        );
    }
    for (key, path) in [
        ("backup.self.folder", &backup.folder),
        ("backup.self.passphrase_file", &backup.passphrase_file),
    ] {
        if path.as_ref().is_some_and(|path| !path.is_absolute()) {
            complain(key, "must be an absolute path".to_owned());
        }
    }
}

/// A server takes more than a folder does.
fn mail(mail: &Mail, complain: &mut impl FnMut(&str, String)) {
    if mail
        .from
        .as_ref()
        .is_some_and(|from| !from.contains('@') || from.contains(char::is_control))
    {
        complain("mail.from", "must be an address, or `Name <address>`".to_owned());
    }
    if mail.smtp.user.is_some() != mail.smtp.password.is_some() {
        complain("mail.smtp.user", "goes with `mail.smtp.password`".to_owned());
    }
    if mail.transport == MailTransport::Smtp {
        for (key, missing) in [
            ("mail.smtp.host", mail.smtp.host.is_none()),
            ("mail.from", mail.from.is_none()),
        ] {
            if missing {
                complain(key, "must be set when `mail.transport` is `smtp`".to_owned());
            }
        }
    }
}

/// What is wrong with a name, if anything: it is compared as it is written.
fn misnamed<N: AsRef<str>>(text: &str, read: Result<N, NameError>) -> Option<String> {
    match read {
        Ok(name) if name.as_ref() == text => None,
        Ok(name) => Some(format!("`{text}` must be written `{}`", name.as_ref())),
        Err(error) => Some(format!("`{text}` is not a host name: {error}")),
    }
}
