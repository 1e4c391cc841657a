use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Folder;
use crate::server::binaries::{candidates, parse_version};
use crate::server::postmaster::{PidFile, living};
use crate::server::{Options, config, log};

#[test]
fn a_pid_file_is_read_with_its_state() {
    let text = "4242\n/data/postgres\n1700000000\n5432\n/run\n\n  5432001     65538\nready   \n";
    assert_eq!(
        PidFile::parse(text),
        Some(PidFile {
            pid: 4242,
            state: "ready".into()
        })
    );
    assert_eq!(
        PidFile::parse("4242\n/data\n"),
        Some(PidFile {
            pid: 4242,
            state: String::new()
        })
    );
    // A single-user backend, and a file cut by a full disk.
    assert_eq!(PidFile::parse("-4242\n/data\n"), None);
    assert_eq!(PidFile::parse(""), None);
}

#[test]
fn a_pid_file_naming_another_program_is_no_server() {
    let folder = Folder::new();
    let data = folder.options().data_dir;
    std::fs::create_dir(&data).unwrap();
    for pid in [std::process::id(), 4_000_000] {
        std::fs::write(data.join("postmaster.pid"), format!("{pid}\n")).unwrap();
        assert!(living(&data).unwrap().is_none());
    }
}

#[test]
fn versions_are_read_from_releases_and_betas() {
    assert_eq!(
        parse_version("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"),
        Some(15)
    );
    assert_eq!(parse_version("postgres (PostgreSQL) 19beta1\n"), Some(19));
    assert_eq!(parse_version("postgres (Other) 15\n"), None);
}

#[test]
fn installations_are_found_in_debians_folders_and_behind_links() {
    let folder = Folder::new();
    let real = folder.path().join("postgresql/16/bin");
    std::fs::create_dir_all(&real).unwrap();
    std::fs::write(real.join("postgres"), "").unwrap();
    std::fs::write(real.join("initdb"), "").unwrap();
    let links = folder.path().join("links");
    std::fs::create_dir(&links).unwrap();
    std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).unwrap();
    let found = candidates(&folder.path().join("postgresql"), Some(links.as_os_str()));
    assert_eq!(found, [real]);
}

#[test]
fn only_plain_names_reach_the_map() {
    let rows = [("root", "mpanel"), ("/.*", "mpanel_admin"), ("a\" b", "mpanel_admin")];
    let rows: BTreeSet<_> = rows
        .map(|(user, role)| (user.to_owned(), role.to_owned()))
        .into_iter()
        .collect();
    assert_eq!(config::ident(&rows), "mpanel \"root\" \"mpanel\"\n");
}

#[test]
fn settings_are_durable_unless_told_otherwise_and_paths_are_quoted() {
    let path = |name: &str| PathBuf::from(name);
    let mut options = Options::new(path("/d"), path("/it's"), path("/c"), path("/l"));
    let text = config::settings(&options, 15);
    assert!(text.contains("fsync = on\n") && text.contains("unix_socket_directories = '/it''s'\n"));
    assert!(text.contains("listen_addresses = ''\n") && !text.contains("io_method"));
    options.tuning.durable = false;
    assert!(config::settings(&options, 18).contains("fsync = off\n"));
    assert!(config::settings(&options, 18).contains("io_method = 'sync'\n"));
}

#[test]
fn the_url_names_the_socket() {
    let path = |name: &str| PathBuf::from(name);
    let options = Options::new(path("/d"), path("/var/lib/a b"), path("/c"), path("/l"));
    let url = options.panel_url();
    let parsed: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    assert_eq!(parsed.get_socket(), Some(&path("/var/lib/a b")));
    assert_eq!(
        (parsed.get_username(), parsed.get_database()),
        ("mpanel", Some("mpanel"))
    );
}

#[test]
fn a_full_disk_is_recognised_in_the_servers_words() {
    assert!(log::says_disk_full(
        "FATAL:  could not write lock file \"postmaster.pid\": No space left on device"
    ));
    assert!(!log::says_disk_full("FATAL:  invalid value"));
}
