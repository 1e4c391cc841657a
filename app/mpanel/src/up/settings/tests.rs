use std::collections::BTreeMap;
use std::path::Path;

use mpanel_config::{Config, Sources};

use super::environment;

/// What a child reads out of its environment.
fn config_of(variables: Vec<(String, String)>) -> Config {
    let environment: BTreeMap<String, String> = variables.into_iter().collect();
    Config::load(&Sources {
        environment,
        ..Sources::default()
    })
    .unwrap()
}

#[test]
fn secrets_reach_the_one_process_that_needs_them_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let given = [
        ("MPANEL_DATABASE_URL", "postgres://panel:hunter2@localhost/panel"),
        ("MPANEL_METRICS_TOKEN", "0123456789abcdef"),
        ("MPANEL_MAIL_TRANSPORT", "smtp"),
        ("MPANEL_MAIL_FROM", "panel@example.com"),
        ("MPANEL_MAIL_SMTP_HOST", "mail.example.com"),
        ("MPANEL_MAIL_SMTP_USER", "panel"),
        ("MPANEL_MAIL_SMTP_PASSWORD", "a secret, with spaces"),
    ];
    let mut sources = Sources {
        overrides: vec![("data", folder.path().display().to_string())],
        ..Sources::default()
    };
    let own = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    sources.environment.extend(own);
    let config = Config::load(&sources).unwrap();
    let child = |secrets| environment(&config, Path::new("/data"), &[], secrets);

    let serve = config_of(child(true));
    for key in ["database_url", "metrics_token", "mail.smtp.password"] {
        let value = |config: &Config| config.secret(key).map(|secret| secret.expose().clone());
        assert!(value(&serve).is_some());
        assert_eq!(value(&serve), value(&config), "{key}");
    }
    assert_eq!(serve.mail.smtp.host.as_deref(), Some("mail.example.com"));

    // The others start without them, and are told of none.
    let others = child(false);
    assert!(
        !others
            .iter()
            .any(|(_, value)| value.contains("secret") || value.contains("redacted")),
        "{others:?}"
    );
    config_of(others);
}
