use mpanel_config::{Config, Sources};

use super::{panel_url, smtp};

fn config(settings: &[(&str, &str)]) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = Sources {
        overrides: vec![("data", folder.path().display().to_string())],
        ..Sources::default()
    };
    for (name, value) in settings {
        sources.environment.insert((*name).to_owned(), (*value).to_owned());
    }
    Config::load(&sources).unwrap()
}

/// ASVS 13.2: whoever asks for a link to a new password does not say where it leads.
#[test]
fn links_in_mails_lead_where_the_configuration_says() {
    for (settings, expected) in [
        (&[("MPANEL_PANEL", "127.0.0.1:7080")][..], "http://127.0.0.1:7080"),
        (&[("MPANEL_PANEL", "192.0.2.7:7080")], "https://192.0.2.7:7080"),
        (
            &[
                ("MPANEL_PANEL", "0.0.0.0:7080"),
                ("MPANEL_PUBLIC_ADDRESSES", "198.51.100.4"),
            ],
            "https://198.51.100.4:7080",
        ),
        (
            &[
                ("MPANEL_HOSTS", "panel.example.com,www.example.com"),
                ("MPANEL_PUBLIC_HTTPS_PORT", "443"),
            ],
            "https://panel.example.com",
        ),
        (
            &[
                ("MPANEL_HOSTS", "panel.example.com"),
                ("MPANEL_PUBLIC_HTTPS_PORT", "8443"),
            ],
            "https://panel.example.com:8443",
        ),
    ] {
        assert_eq!(panel_url(&config(settings)), expected);
    }
}

#[test]
fn a_missing_file_of_an_authority_is_named() {
    let settings = [
        ("MPANEL_MAIL_TRANSPORT", "smtp"),
        ("MPANEL_MAIL_FROM", "panel@example.com"),
        ("MPANEL_MAIL_SMTP_HOST", "mail.example.com"),
        ("MPANEL_MAIL_SMTP_CA_FILE", "nowhere.pem"),
    ];
    let error = smtp(&config(&settings)).unwrap_err();
    assert!(
        format!("{error:#}").contains("mail.smtp.ca_file: nowhere.pem"),
        "{error:#}"
    );
}
