use sqlx::Connection;

use super::{Folder, connect, stop};
use crate::server::{self, PANEL};

#[tokio::test]
async fn a_first_start_makes_cluster_roles_and_database_and_a_second_keeps_them() {
    let folder = Folder::new();
    let options = folder.options();
    // What a set-up killed half-way leaves behind.
    std::fs::create_dir(folder.path().join("postgres.init-1")).unwrap();
    let server = server::start(&options).await.unwrap();
    assert!(!server.is_adopted());
    assert!(!folder.path().join("postgres.init-1").exists());

    let mut connection = connect(&server).await;
    let facts: (String, String, String, String, String) = sqlx::query_as(
        "select current_user::text, current_setting('server_encoding'), datcollate, current_setting('data_checksums'), \
         current_setting('listen_addresses') from pg_database where datname = current_database()",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(
        facts,
        (PANEL.into(), "UTF8".into(), "C".into(), "on".into(), String::new())
    );
    let superuser: (bool,) =
        sqlx::query_as("select rolsuper or rolbypassrls from pg_roles where rolname = current_user")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(!superuser.0);
    sqlx::raw_sql("create schema s; create table s.kept (n int); insert into s.kept values (7)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    stop(server).await;
    assert!(!folder.path().join("postgres/postmaster.pid").exists());

    let server = server::start(&options).await.unwrap();
    let url = options.panel_url();
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let kept: (i32,) = sqlx::query_as("select n from s.kept")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept.0, 7);
    stop(server).await;
}

#[tokio::test]
async fn databases_are_created_cloned_and_dropped() {
    let folder = Folder::new();
    let server = server::start(&folder.options()).await.unwrap();
    let admin = server.admin_options();
    server::create_database(&admin, "from \"here\"", PANEL).await.unwrap();
    let mut connection = sqlx::PgConnection::connect_with(&admin.clone().database("from \"here\""))
        .await
        .unwrap();
    sqlx::raw_sql("create table t (n int)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    server::clone_database(&admin, "from \"here\"", "copy", PANEL)
        .await
        .unwrap();
    let mut connection = sqlx::PgConnection::connect_with(&admin.clone().database("copy"))
        .await
        .unwrap();
    sqlx::query("select n from t").execute(&mut connection).await.unwrap();
    // A session in the way is cut.
    server::drop_database(&admin, "copy").await.unwrap();
    server::drop_database(&admin, "copy").await.unwrap();
    assert!(server::clone_database(&admin, "missing", "copy", PANEL).await.is_err());
    stop(server).await;
}
