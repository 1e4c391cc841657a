use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mpanel_config::{Config, Sources};
use mpanel_pg::Health;

use super::bundle::{gather, write};
use super::redact::Redaction;
use super::work::{Figures, issuers, judge};
use super::{database, folder, processes};
use crate::checks::{Check, Machine, State};

fn state(checks: &[Check], id: &str) -> State {
    checks
        .iter()
        .find(|check| check.id == id)
        .unwrap_or_else(|| panic!("no {id} in {checks:?}"))
        .state
}

/// A data folder as `up` makes it, in which nothing runs.
fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["keys", "logs", "run", "sites"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let key = folder.path().join("keys/master.key");
    std::fs::write(&key, "x").unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(folder.path().join("lock"), "4000000\n").unwrap();
    folder
}

fn config(data: &Path) -> Config {
    let data = data.to_string_lossy().into_owned();
    let mut sources = Sources::default();
    sources.overrides.push(("data", data));
    Config::load(&sources).unwrap()
}

#[test]
fn what_is_wrong_with_the_data_folder_is_said_with_what_to_do() {
    let folder = installation();
    let all = || folder::all(folder.path());
    assert!(all().iter().all(|check| check.state == State::Ok), "{:?}", all());

    std::fs::set_permissions(folder.path().join("sites"), PermissionsExt::from_mode(0o777)).unwrap();
    assert_eq!(state(&all(), "data.modes"), State::Failure);
    std::fs::remove_dir(folder.path().join("sites")).unwrap();
    std::os::unix::fs::symlink("/", folder.path().join("sites")).unwrap();
    assert_eq!(
        state(&all(), "data.modes"),
        State::Failure,
        "a link in the place of a folder"
    );

    let key = folder.path().join("keys/master.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(state(&all(), "keys.master"), State::Failure);
    std::fs::remove_file(&key).unwrap();
    assert_eq!(state(&all(), "keys.master"), State::Failure);
    assert!(
        all()
            .iter()
            .all(|check| check.state == State::Ok || check.fix.is_some())
    );
}

#[tokio::test]
async fn an_installation_that_does_not_run_fails_and_says_how_to_start_it() {
    let folder = installation();
    let checks = processes::all(folder.path()).await;
    for id in ["supervisor", "processes", "panel"] {
        assert_eq!(state(&checks, id), State::Failure);
    }
    assert!(checks[0].fix.as_deref().unwrap().contains("systemctl start mpanel"));
    let database = database::health(folder.path(), &config(folder.path())).await;
    assert_eq!(database.state, State::Failure);
    assert!(database.fix.unwrap().contains("postgres.log"));
}

#[test]
fn a_database_is_judged_by_its_figures() {
    let healthy = Health {
        version: "15.18 (Debian)".to_owned(),
        size: 30 << 20,
        connections: 10,
        most_connections: 60,
        oldest_transaction: 0.1,
        frozen_age: 1_000_000,
        read_only: false,
    };
    let judged = |change: fn(&mut Health)| {
        let mut health = healthy.clone();
        change(&mut health);
        database::judge(&health).state
    };
    assert_eq!(judged(|_| ()), State::Ok);
    assert_eq!(judged(|health| health.read_only = true), State::Failure);
    assert_eq!(judged(|health| health.connections = 58), State::Warning);
    assert_eq!(judged(|health| health.oldest_transaction = 3600.0), State::Warning);
    assert_eq!(judged(|health| health.frozen_age = 1_200_000_000), State::Warning);
    assert_eq!(judged(|health| health.frozen_age = 2_000_000_000), State::Failure);
}

#[test]
fn work_is_judged_by_the_servers_own_figures() {
    let text = "# HELP x y\n\
        mpanel_jobs_dead{name=\"identity.mail\"} 2\n\
        mpanel_feed_newest 5000\n\
        mpanel_feed_connected{process=\"node_1/edge\"} 1\n\
        mpanel_feed_connected{process=\"node_1/dns-1\"} 0\n\
        mpanel_feed_acknowledged{process=\"node_1/edge\"} 5000\n\
        mpanel_backup_last_timestamp_seconds 1000000\n";
    let now = 1_000_000.0 + 10.0 * 24.0 * 3600.0;
    let checks = judge(&Figures::read(text), now);
    assert_eq!(state(&checks, "jobs.dead"), State::Warning);
    assert_eq!(state(&checks, "feed"), State::Failure);
    assert!(
        checks
            .iter()
            .any(|check| check.detail.contains("node_1/dns-1") && !check.detail.contains("edge"))
    );
    assert_eq!(state(&checks, "backup"), State::Warning);
    let failed = format!("{text}mpanel_backup_failed_timestamp_seconds 1500000\n");
    let checks = judge(&Figures::read(&failed), 1_500_100.0);
    let backup = checks.iter().find(|check| check.id == "backup").unwrap();
    assert!(
        backup.detail.contains("failed; the newest is 5.8 days old"),
        "{backup:?}"
    );
    let without = format!("{text}mpanel_backup_last_missing_releases 2\n");
    let checks = judge(&Figures::read(&without), 1_000_100.0);
    let backup = checks.iter().find(|check| check.id == "backup").unwrap();
    assert_eq!(backup.state, State::Warning);
    assert!(backup.detail.contains("without 2 releases"), "{backup:?}");
    let well = text.replace("} 2", "} 0").replace("dns-1\"} 0", "dns-1\"} 1");
    let checks = judge(&Figures::read(&well), 1_000_100.0);
    assert!(checks.iter().all(|check| check.state == State::Ok), "{checks:?}");
}

#[test]
fn secrets_and_people_are_taken_out_and_what_helps_is_left() {
    let mut redaction = Redaction::default();
    let text = "login olga@provider.example from 203.0.113.7:4711 to [2001:db8::7]:443, token mpk_55zvb26gnkg4afabtaeow6miw\n\
        {\"email\":\"olga@provider.example\",\"password\": \"hunter2 hunter3\",\"path\":\"/api/v1/sites\"}\n\
        authorization: Bearer abc.def\n\
        address=127.0.0.1:7080 key 3q2+7w3q27w3q27w3q27w3q27w3q27w3q27w3q27w3q27w== \
        http://127.0.0.1:1/claim#claim_fuzr6yelq6gtk5fpo2wkts4nxcowsy4jb7vikfnmq67a74v5vqbqkb7cba \
        op_01m83s8hp1epwbw3vn8n6qxbq6 www.bakery.example\n";
    let clean = redaction.text(text);
    for gone in [
        "olga",
        "203.0.113",
        "2001:db8",
        "mpk_",
        "hunter2",
        "abc.def",
        "3q2",
        "claim_fuzr",
    ] {
        assert!(!clean.contains(gone), "{gone} is in {clean}");
    }
    for left in [
        "<email-1> from <address-1>:4711",
        "/api/v1/sites",
        "127.0.0.1:7080",
        "op_01m83s8hp1epwbw3vn8n6qxbq6",
        "www.bakery.example",
    ] {
        assert!(clean.contains(left), "{left} is not in {clean}");
    }
    assert_eq!(
        clean.matches("<email-1>").count(),
        2,
        "the same is marked the same: {clean}"
    );
}

#[test]
fn secrets_of_every_form_are_taken_out() {
    let secret = "p@ss!w0rd/x";
    let forms = [
        format!("database_url = postgres://panel:{secret}@db:5432/x  # file"),
        format!("postgres://panel:{secret}@10.0.0.7/x"),
        format!("password={secret} next"),
        format!("password=\"{secret} and {secret}\" next"),
        format!("{{\"password\":\"{secret}\\\"{secret}\",\"next\":1}}"),
        format!("smtp.password: {secret}, next"),
        format!("Authorization: Basic {secret} {secret}"),
        format!("cookie: a={secret}; b={secret}"),
        format!("PGPASSWORD='{secret}'"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\nnext"),
        "key MC4CAQAwBQYDK2VwBCIEIGr8/abc+defGHIJ/klmnopqrstuvwxyz0123456789==".to_owned(),
    ];
    for form in forms {
        let clean = Redaction::default().text(&form);
        for gone in ["ss!w0rd", "MC4C", "klmnop", "10.0.0.7"] {
            assert!(!clean.contains(gone), "{form}\nbecomes\n{clean}");
        }
        assert_eq!(
            clean.contains("next"),
            form.contains("next"),
            "{form}\nbecomes\n{clean}"
        );
    }
    let path =
        "/var/lib/mpanel/sites/site_01m83s8hhgechvs0zv4a5c0y7h/releases/rel_01m83s8hhgechvs0zv4a5c0y7h/index.html\n";
    assert_eq!(Redaction::default().text(path), path);
}

#[test]
fn a_bundle_holds_what_helps_and_nobodys_secrets() {
    let folder = installation();
    let lines = "{\"message\":\"signed in\",\"email\":\"olga@provider.example\",\"address\":\"203.0.113.7\"}\n";
    std::fs::write(folder.path().join("logs/serve.log"), lines.repeat(20_000)).unwrap();
    std::fs::write(folder.path().join("keys/other.key"), "the master key itself").unwrap();
    let members = gather(
        folder.path(),
        &config(folder.path()),
        &Machine::this(),
        &[],
        Some("mpanel_x 1\n"),
    );
    let file = folder.path().join("bundle.tar.gz");
    write(&file, &members).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(write(&file, &members).is_err(), "an older one is not written over");

    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&file).unwrap()));
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        for gone in ["olga", "203.0.113.7", "the master key itself"] {
            assert!(!text.contains(gone), "{gone} is in {names:?}");
        }
        assert!(text.len() < 1 << 20, "{names:?}");
    }
    for name in [
        "doctor.txt",
        "configuration.txt",
        "system.txt",
        "files.txt",
        "metrics.txt",
        "logs/serve.log",
    ] {
        assert!(names.contains(&format!("mpanel-support/{name}")), "{names:?}");
    }
}

#[test]
fn an_installation_with_a_name_is_told_to_set_a_public_authority_up() {
    let said = |text: &str, public| issuers(&Figures::read(text), public).state;
    assert_eq!(said("", false), State::Ok, "it is being tried out");
    assert_eq!(said("", true), State::Warning);
    let figures = |ready, paused| {
        format!(
            "mpanel_certificate_issuers{{state=\"registering\"}} 0\nmpanel_certificate_issuers{{state=\"ready\"}} {ready}\n\
             mpanel_certificate_issuers{{state=\"paused\"}} {paused}\n"
        )
    };
    assert_eq!(said(&figures(0, 0), true), State::Warning);
    assert_eq!(said(&figures(0, 1), true), State::Warning);
    assert_eq!(said(&figures(1, 1), true), State::Ok);
}
