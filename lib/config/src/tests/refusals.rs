use super::{refusal, sources, with_environment, with_file};
use crate::{Config, Sources};

#[test]
fn an_unknown_key_is_named_with_its_source_and_the_nearest_known_one() {
    let dir = tempfile::tempdir().unwrap();
    let text = refusal(with_file(
        dir.path(),
        "edge_htps = 'x'\n[log]\nfilters = 'x'\n[nonsense]\nzzz = 1\n",
    ));
    let file = dir.path().join("config.toml");
    let file = file.display();
    let expected = [
        format!("{file}: `edge_htps`: no such key; did you mean `edge_https`?"),
        format!("{file}: `log.filters`: no such key; did you mean `log.filter`?"),
        format!("{file}: `nonsense`: no such key"),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_unknown_variable_is_named_with_the_nearest_known_one() {
    let dir = tempfile::tempdir().unwrap();
    let text = refusal(with_environment(
        dir.path(),
        &[("MPANEL_PANLE", "x"), ("MPANEL_QQQ", "x")],
    ));
    assert!(
        text.contains("MPANEL_PANLE: no such setting; did you mean `MPANEL_PANEL`?"),
        "{text}"
    );
    assert!(text.contains("MPANEL_QQQ: no such setting"), "{text}");
}

#[test]
fn values_of_the_wrong_type_name_key_and_source() {
    let dir = tempfile::tempdir().unwrap();
    for (variable, value, key) in [
        ("MPANEL_PANEL", "localhost", "panel"),
        ("MPANEL_RELEASES_KEEP", "many", "releases.keep"),
        ("MPANEL_RELEASES_KEEP", "-1", "releases.keep"),
        ("MPANEL_PUBLIC_HTTPS_PORT", "65536", "public_https_port"),
        ("MPANEL_LOG_FORMAT", "xml", "log.format"),
        ("MPANEL_OUTBOUND_ALLOW", "10.0.0.0/33", "outbound.allow"),
    ] {
        let text = refusal(with_environment(dir.path(), &[(variable, value)]));
        assert!(text.starts_with(&format!("{variable}: `{key}")), "{text}");
    }
}

#[test]
fn values_that_cannot_work_are_all_reported() {
    let dir = tempfile::tempdir().unwrap();
    let file = "edge_http = '127.0.0.1:7080'\nhosts = ['https://panel.example', 'Panel.example', 'ok.example']\n\
                preview_domain = 'a..b'\ndatabase_url = 'mysql://u:hunter2@h'\nmetrics_token = 'short'\n\
                [releases]\nkeep = 0\n[traces]\nendpoint = 'localhost:4318'\n";
    let text = refusal(with_file(dir.path(), file));
    for key in [
        "edge_http",
        "hosts",
        "preview_domain",
        "database_url",
        "metrics_token",
        "releases.keep",
        "traces.endpoint",
    ] {
        assert!(text.contains(&format!("config.toml: `{key}`: ")), "{key} in {text}");
    }
    assert_eq!(text.lines().count(), 8, "{text}");
}

#[test]
fn asvs_16_2_5_a_refused_secret_is_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    for file in [
        "database_url = 'mysql://u:hunter2@h'",
        "database_url = ['hunter2']",
        "metrics_token = 'hunter2'",
    ] {
        let text = refusal(with_file(dir.path(), file));
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn broken_toml_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let text = refusal(with_file(dir.path(), "panel = '127.0.0.1:7080'\npanel 1\n"));
    assert!(text.contains("config.toml") && text.contains("line 2"), "{text}");
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    let file = Some(dir.path().join("none.toml"));
    let text = refusal(Config::load(&Sources {
        file,
        ..sources(dir.path())
    }));
    assert!(text.contains("none.toml: cannot be read"), "{text}");
}

#[test]
fn the_file_inside_the_data_folder_cannot_move_it() {
    let dir = tempfile::tempdir().unwrap();
    let text = refusal(with_file(dir.path(), "data = '/elsewhere'"));
    assert!(text.contains("`data`: cannot be set"), "{text}");
}

#[test]
fn mail_by_smtp_takes_a_server_and_a_sender() {
    let dir = tempfile::tempdir().unwrap();
    let text = refusal(with_file(
        dir.path(),
        "[mail]\ntransport = 'smtp'\n[mail.smtp]\nuser = 'panel'\n",
    ));
    for key in ["mail.smtp.host", "mail.from", "mail.smtp.user"] {
        assert!(text.contains(&format!("`{key}`")), "{key} in {text}");
    }
    let text = refusal(with_file(dir.path(), "[mail]\nfrom = 'nobody'\n"));
    assert!(text.contains("`mail.from`"), "{text}");
    let good = "[mail]\ntransport = 'smtp'\nfrom = 'Host <panel@example.com>'\n\
                [mail.smtp]\nhost = 'mail.example.com'\nuser = 'panel'\npassword = 'hunter2'\n";
    let config = with_file(dir.path(), good).unwrap();
    assert!(!format!("{config:?} {:?}", config.explain()).contains("hunter2"));
}
