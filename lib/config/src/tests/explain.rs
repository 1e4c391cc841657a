use super::{sources, with_file};
use crate::keys::{KEYS, OTHER_VARIABLES};
use crate::{Config, Explained};

#[test]
fn every_value_tells_where_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("config.toml"),
        "nameservers = ['ns1.example', 'ns2.example']",
    )
    .unwrap();
    let mut sources = sources(dir.path());
    sources.environment.insert("MPANEL_RELEASES_KEEP".into(), "9".into());
    let config = Config::load(&sources).unwrap();
    let line = |key: &str| config.explain().iter().find(|line| line.key == key).unwrap().clone();
    let expected = |key, value: Option<&str>, source: String| Explained {
        key,
        value: value.map(str::to_owned),
        source,
    };
    assert_eq!(
        line("panel"),
        expected("panel", Some("127.0.0.1:7080"), "default".into())
    );
    assert_eq!(
        line("releases.keep"),
        expected("releases.keep", Some("9"), "MPANEL_RELEASES_KEEP".into())
    );
    let file = dir.path().join("config.toml").display().to_string();
    assert_eq!(
        line("nameservers"),
        expected("nameservers", Some("ns1.example,ns2.example"), file)
    );
    let folder = dir.path().display().to_string();
    assert_eq!(line("data"), expected("data", Some(&folder), "command line".into()));
    assert_eq!(line("database_url"), expected("database_url", None, "default".into()));
}

#[test]
fn asvs_16_2_5_secrets_are_redacted_wherever_the_configuration_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let config = with_file(
        dir.path(),
        "database_url = 'postgres://u:hunter2@h/d'\nmetrics_token = 'hunter2hunter2hunter2'",
    )
    .unwrap();
    let shown = format!("{config:?} {:?}", config.explain());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(
        config
            .explain()
            .iter()
            .filter(|line| line.value.as_deref() == Some("[redacted]"))
            .count(),
        2
    );
}

/// Sets every key of the table at once: a key without a field, or a field without a key, fails.
#[test]
fn the_table_and_the_fields_agree() {
    let dir = tempfile::tempdir().unwrap();
    let mut sources = sources(dir.path());
    for (index, key) in KEYS.iter().enumerate().filter(|(_, key)| key.name != "data") {
        let text = match key.name {
            "hosts" | "nameservers" | "preview_domain" => "a.example".into(),
            "public_addresses" => "192.0.2.1".into(),
            "database_url" => "postgres://h/d".into(),
            "traces.endpoint" => "http://h".into(),
            "outbound.allow" => "10.0.0.0/8".into(),
            "log.format" => "text".into(),
            "backup.self.time_zone" => "Etc/UTC".into(),
            "backup.self.folder" | "backup.self.passphrase_file" => "/backups".into(),
            "mail.transport" => "file".into(),
            "mail.smtp.encryption" => "none".into(),
            "mail.from" => "panel@example.com".into(),
            "log.filter" | "metrics_token" => "x".repeat(16),
            name if name.starts_with(|c| "pde".contains(c)) && !name.contains("port") => {
                format!("127.0.0.1:{}", index + 1)
            }
            _ => "7".into(),
        };
        sources.environment.insert(key.variable(), text);
    }
    let config = Config::load(&sources).unwrap();
    for line in config.explain() {
        assert!(line.source.starts_with("MPANEL_") || line.key == "data", "{line:?}");
    }
    for key in KEYS {
        assert_eq!(config.secret(key.name).is_some(), key.secret, "{}", key.name);
    }
    // Debug prints each field once, so nothing exists beside the table (`explained` repeats the keys).
    let fields = format!("{config:?}");
    let fields = fields.split("explained").next().unwrap().matches(": ").count();
    let tables = [
        "log", "traces", "uploads", "releases", "rate", "sign_in", "upgrade", "backup", "self", "tenants", "exports",
        "identity", "mail", "smtp", "outbound",
    ]
    .len();
    assert_eq!(fields, KEYS.len() + tables);
}

#[test]
fn the_reference_lists_every_key_with_its_default() {
    let reference = Config::reference();
    for key in KEYS {
        assert!(
            reference.contains(&format!("| `{}` | `{}` |", key.name, key.variable())),
            "{}",
            key.name
        );
        assert!(!OTHER_VARIABLES.contains(&key.variable().as_str()));
    }
    assert!(reference.contains("| `panel` | `MPANEL_PANEL` | `127.0.0.1:7080` |"));
    assert_eq!(reference.lines().count(), KEYS.len() + 2);
    assert!(
        reference
            .lines()
            .all(|line| line.matches(" | ").count() == 3 || line.starts_with("|---"))
    );
}
