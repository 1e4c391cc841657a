use std::os::unix::fs::lchown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mpanel_process::account::Account;
use mpanel_testkit::root;

use super::{Folder, connect, stop};
use crate::server::{self, Error, cluster};

#[tokio::test]
async fn a_folder_of_another_version_is_named_and_left_alone() {
    let folder = Folder::new();
    let options = folder.options();
    std::fs::create_dir(&options.data_dir).unwrap();
    let version = options.data_dir.join("PG_VERSION");
    std::fs::write(&version, "12\n").unwrap();
    if let Some(account) = &options.account {
        lchown(&options.data_dir, Some(account.uid), None).unwrap();
    }
    let error = server::start(&options).await.unwrap_err();
    assert!(matches!(error, Error::WrongVersion { data: 12, .. }), "{error}");
    assert!(error.to_string().contains("PostgreSQL 12"), "{error}");
    assert_eq!(std::fs::read_to_string(version).unwrap(), "12\n");
}

#[tokio::test]
async fn a_folder_with_other_files_is_not_overwritten() {
    let folder = Folder::new();
    let options = folder.options();
    std::fs::create_dir(&options.data_dir).unwrap();
    std::fs::write(options.data_dir.join("thesis.txt"), "years of work").unwrap();
    let error = server::start(&options).await.unwrap_err();
    assert!(matches!(error, Error::NotACluster { .. }), "{error}");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_refused_before_anything_is_made() {
    let folder = Folder::new();
    let mut options = folder.options();
    options.socket_dir = folder.path().join("x".repeat(100));
    assert!(matches!(
        server::start(&options).await.unwrap_err(),
        Error::BadPath { .. }
    ));
    options.socket_dir = PathBuf::from("relative");
    assert!(matches!(
        server::start(&options).await.unwrap_err(),
        Error::BadPath { .. }
    ));
    assert!(!options.data_dir.exists());
}

#[tokio::test]
async fn a_missing_installation_says_what_to_install() {
    let folder = Folder::new();
    let mut options = folder.options();
    options.bin_dir = Some(folder.path().join("nothing"));
    let error = server::start(&options).await.unwrap_err().to_string();
    assert!(
        error.contains("apt-get install postgresql") && error.contains("MPANEL_PG_BIN"),
        "{error}"
    );
}

#[tokio::test]
async fn a_broken_start_quotes_the_server() {
    let folder = Folder::new();
    let options = folder.options();
    stop(server::start(&options).await.unwrap()).await;
    std::fs::write(
        options.data_dir.join("postgresql.auto.conf"),
        "shared_buffers = 'plenty'\n",
    )
    .unwrap();
    let error = server::start(&options).await.unwrap_err();
    assert!(error.to_string().contains("shared_buffers"), "{error}");
}

#[test]
fn too_little_space_is_told_in_mebibytes() {
    let error = cluster::check_space(Path::new("/"), u64::MAX).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }));
    assert!(error.to_string().contains("MiB"), "{error}");
}

#[tokio::test]
async fn other_accounts_do_not_reach_the_server() {
    if !root::here_or_excused("only root can try on another account's behalf") {
        return;
    }
    let folder = Folder::new();
    let mut options = folder.options();
    let member = Account::by_name("daemon").unwrap().unwrap();
    options.socket_group = Some(member.gid);
    options.access.push(server::Access {
        os_user: member.name.clone(),
        role: server::PANEL.into(),
    });
    let server = server::start(&options).await.unwrap();
    let bin = &server::installed(None).unwrap()[0].bin;
    let psql = |uid: u32, gid: u32, role: &str| {
        let output = Command::new(bin.join("psql"))
            .args(["-X", "-At", "-d", "postgres", "-U", role, "-h"])
            .arg(&options.socket_dir)
            .args(["--command", "select 1"])
            .env_clear()
            .uid(uid)
            .gid(gid)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let allowed = psql(member.uid, member.gid, server::PANEL);
    assert!(allowed.0, "{}", allowed.1);
    let (superuser, message) = psql(member.uid, member.gid, server::ADMIN);
    assert!(
        !superuser && message.contains("Peer authentication failed"),
        "{message}"
    );
    // A site's uid: no account, no group.
    let (stranger, message) = psql(200_000, 200_000, server::PANEL);
    assert!(!stranger && message.contains("Permission denied"), "{message}");
    // An account of the group that the map does not know.
    let (unmapped, message) = psql(Account::by_name("bin").unwrap().unwrap().uid, member.gid, server::PANEL);
    assert!(!unmapped && message.contains("Peer authentication failed"), "{message}");
    stop(server).await;
}

#[tokio::test]
async fn a_cluster_of_another_owner_is_refused_with_the_remedy() {
    if !root::here_or_excused("only root can give files to another owner") {
        return;
    }
    let folder = Folder::new();
    let options = folder.options();
    stop(server::start(&options).await.unwrap()).await;
    lchown(&options.data_dir, Some(200_000), None).unwrap();
    let error = server::start(&options).await.unwrap_err();
    assert!(matches!(error, Error::ForeignOwner { owner: 200_000, .. }), "{error}");
    assert!(error.to_string().contains("chown -R"), "{error}");
}

#[tokio::test]
async fn a_database_does_not_say_what_names_mean_to_the_superuser_of_the_next_start() {
    let folder = Folder::new();
    let options = folder.options();
    let server = server::start(&options).await.unwrap();
    let mut panel = connect(&server).await;
    // As somebody who has the panel's role leaves it, or a dump that they made.
    sqlx::raw_sql(
        "create schema evil;
         create function evil.pg_has_role(name, text, text) returns boolean language plpgsql as $$
             begin execute 'alter role mpanel superuser'; return true; end $$;
         alter database mpanel set search_path = evil, pg_catalog",
    )
    .execute(&mut panel)
    .await
    .unwrap();
    stop(server).await;
    let server = server::start(&options).await.unwrap();
    let superuser: bool = sqlx::query_scalar("select rolsuper from pg_catalog.pg_roles where rolname = 'mpanel'")
        .fetch_one(&mut connect(&server).await)
        .await
        .unwrap();
    assert!(!superuser);
    stop(server).await;
}
