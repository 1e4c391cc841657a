//! What is decided before anything is written.

use std::path::PathBuf;

use jiff::Timestamp;
use mpanel_archive::{Error, FORMAT, Head, KeyNote, MemberPath, Origin};
use mpanel_server::recovery;

use crate::installation::Installation;
use crate::recovery::args::{Opener, Restore};
use crate::recovery::layout::{Part, part};
use crate::recovery::restore::{configuration, plan};

const SITE: &str = "site_01jd5m6k3ye7prv8w9x0abcdef";

pub(super) fn head() -> Head {
    Head {
        format: FORMAT,
        version: "0.1.0".into(),
        created_at: Timestamp::UNIX_EPOCH,
        origin: Origin {
            installation: "tnt_x".into(),
            data: "/d".into(),
            rootless: true,
            remote_database: false,
        },
        postgres: 15,
        migrations: recovery::migrations(),
        rows: Default::default(),
        keys: KeyNote {
            included: true,
            master: None,
        },
        sealed: Default::default(),
        settings: Default::default(),
        missing: Default::default(),
    }
}

fn args(set: &[&str]) -> Restore {
    Restore {
        file: Some(PathBuf::from("a")),
        installation: Installation {
            data: None,
            json: false,
        },
        database_url: None,
        set: set.iter().map(|set| (*set).to_owned()).collect(),
        key: None,
        keys_lost: false,
        revoke_tokens: false,
        abandon: false,
        yes: true,
        opener: Opener {
            passphrase_file: None,
            identity: None,
        },
    }
}

#[test]
fn an_archive_of_this_version_needs_no_migration_and_an_older_one_some() {
    let mut head = head();
    assert_eq!(plan::behind(&head).unwrap(), 0);
    let sites = head.migrations.remove("sites").unwrap();
    assert_eq!(plan::behind(&head).unwrap(), sites.len());
}

#[test]
fn an_archive_of_a_newer_version_is_refused_by_name() {
    let mut head = head();
    head.version = "9.0.0".into();
    head.migrations
        .entry("sites".into())
        .or_default()
        .push("0099_later".into());
    let error = plan::behind(&head).unwrap_err().to_string();
    assert!(
        error.contains("newer mPanel (9.0.0") && error.contains("sites/0099_later"),
        "{error}"
    );
    let mut head = self::head();
    head.migrations.insert("billing".into(), vec!["0001_billing".into()]);
    assert!(plan::behind(&head).is_err());
}

#[test]
fn members_have_their_places_and_no_others() {
    let path = |text: &str| MemberPath::parse(text.as_bytes()).unwrap();
    let site = format!("sites/{SITE}/releases/x/index.html");
    for (name, expected) in [
        ("database/000012", Part::Database(12)),
        ("keys/master.key", Part::Key),
        ("config.toml", Part::Config),
        (
            "blobs/uploads/upl_01jd5m6k3ye7prv8w9x0abcdef",
            Part::Upload("upl_01jd5m6k3ye7prv8w9x0abcdef"),
        ),
        (site.as_str(), Part::Site(site.strip_prefix("sites/").unwrap())),
    ] {
        assert_eq!(part(&path(name)).unwrap(), expected);
    }
    for name in [
        "postgres/PG_VERSION",
        "lock",
        "keys/master.key.next",
        "run/serve.sock",
        "state.json",
        "restore.json",
        "database/12",
        "blobs/uploads/upl_short",
        "blobs/uploads/upl_01jd5m6k3ye7prv8w9x0abcdef/x",
        "sites/elsewhere/index.html",
        "edge/node.key",
    ] {
        assert!(matches!(part(&path(name)), Err(Error::Refused { .. })), "{name}");
    }
}

#[test]
fn the_other_machines_folder_and_database_are_not_this_ones() {
    let archived = b"# ours\ndata = \"/old\"\ndatabase_url = \"postgres://old\"\npanel = \"127.0.0.1:7080\"\n[releases]\nkeep = 3\n";
    let text = configuration::restored(
        Some(archived),
        &args(&["panel=127.0.0.1:7099", "releases.keep=4", "hosts=[\"a.example\"]"]),
    )
    .unwrap()
    .unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert!(
        !table.contains_key("data") && !table.contains_key("database_url"),
        "{text}"
    );
    assert_eq!(table["panel"].as_str(), Some("127.0.0.1:7099"));
    assert_eq!(table["releases"]["keep"].as_integer(), Some(4));
    assert_eq!(table["hosts"][0].as_str(), Some("a.example"));
}

#[test]
fn a_configuration_that_needs_no_change_keeps_its_comments() {
    let text = "# why\npanel = \"127.0.0.1:7080\"\n";
    assert_eq!(
        configuration::restored(Some(text.as_bytes()), &args(&[]))
            .unwrap()
            .as_deref(),
        Some(text)
    );
    assert_eq!(configuration::restored(None, &args(&[])).unwrap(), None);
}

#[test]
fn a_setting_that_is_none_is_refused_before_anything_depends_on_it() {
    for wrong in ["panel=nowhere", "pannel=127.0.0.1:1", "no value"] {
        assert!(configuration::restored(None, &args(&[wrong])).is_err(), "{wrong}");
    }
}
