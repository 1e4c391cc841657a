use std::net::SocketAddr;

use super::{sources, with_environment, with_file};
use crate::{Config, LogFormat, Sources};

#[test]
fn the_defaults_listen_on_loopback_only() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::load(&sources(dir.path())).unwrap();
    for address in [config.panel, config.edge_http, config.edge_https, config.dns] {
        assert!(address.ip().is_loopback());
    }
    assert_eq!(config.public_https_port(), 8443);
    assert_eq!(config.preview_domain, "localhost");
    assert_eq!(config.log.format, LogFormat::Auto);
    assert!(config.uploads.max_bytes >= 1 << 30);
    assert!(config.database_url.is_none() && config.traces.endpoint.is_none() && config.outbound.allow.is_empty());
}

#[test]
fn the_command_line_beats_the_environment_beats_the_file_beats_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let file = "panel = '127.0.0.1:1'\nedge_http = '127.0.0.1:2'\nedge_https = '127.0.0.1:3'\n[log]\nfilter = 'warn'\n";
    std::fs::write(dir.path().join("config.toml"), file).unwrap();
    let mut sources = sources(dir.path());
    for (name, value) in [
        ("MPANEL_PANEL", "127.0.0.1:10"),
        ("MPANEL_EDGE_HTTP", "[::1]:20"),
        ("HOME", "/x"),
    ] {
        sources.environment.insert(name.into(), value.into());
    }
    sources.overrides.push(("panel", "127.0.0.1:100".into()));
    let config = Config::load(&sources).unwrap();
    let ports = [config.panel, config.edge_http, config.edge_https, config.dns].map(|address| address.port());
    assert_eq!(ports, [100, 20, 3, 8053]);
    assert_eq!(config.log.filter, "warn");
    assert_eq!(
        config.log.format,
        LogFormat::Auto,
        "a table in the file replaces only what it names"
    );
}

#[test]
fn the_environment_holds_lists_numbers_and_odd_texts() {
    let dir = tempfile::tempdir().unwrap();
    let config = with_environment(
        dir.path(),
        &[
            ("MPANEL_HOSTS", "panel.example.net, admin.example.net"),
            ("MPANEL_PUBLIC_ADDRESSES", "192.0.2.1,2001:db8::1"),
            ("MPANEL_PUBLIC_HTTPS_PORT", "443"),
            ("MPANEL_DATABASE_URL", "postgres://u:{p[1]}@h/d?a=b,c"),
            ("MPANEL_OUTBOUND_ALLOW", "10.1.0.0/16"),
            ("MPANEL_LOG_FORMAT", "json"),
            ("MPANEL_UPLOADS_MAX_BYTES", "1073741824"),
            ("MPANEL_TRACES_ENDPOINT", ""),
        ],
    )
    .unwrap();
    assert_eq!(config.hosts, ["panel.example.net", "admin.example.net"]);
    assert_eq!(config.public_addresses.len(), 2);
    assert_eq!(config.public_https_port(), 443);
    assert_eq!(config.database_url.unwrap().expose(), "postgres://u:{p[1]}@h/d?a=b,c");
    assert_eq!(config.outbound.allow[0].to_string(), "10.1.0.0/16");
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.uploads.max_bytes, 1 << 30);
    assert!(config.traces.endpoint.is_none(), "empty means not set");
}

#[test]
fn a_named_file_may_move_the_data_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("elsewhere.toml");
    std::fs::write(&path, "data = '/srv/mpanel'\n").unwrap();
    let by_flag = Sources {
        file: Some(path.clone()),
        ..Sources::default()
    };
    assert_eq!(Config::load(&by_flag).unwrap().data.to_str(), Some("/srv/mpanel"));
    let environment = [("MPANEL_CONFIG".to_owned(), path.display().to_string())].into();
    let by_variable = Sources {
        environment,
        ..Sources::default()
    };
    assert_eq!(Config::load(&by_variable).unwrap().data.to_str(), Some("/srv/mpanel"));
}

#[test]
fn variables_of_the_client_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    with_environment(dir.path(), &[("MPANEL_URL", "https://x"), ("MPANEL_TOKEN", "mpk_x")]).unwrap();
}

#[test]
fn the_file_in_the_data_folder_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let config = with_file(dir.path(), "dns = '0.0.0.0:53'").unwrap();
    assert_eq!(config.dns, SocketAddr::from(([0, 0, 0, 0], 53)));
}
