use mpanel_pg::{Db, FOUNDATION, Migrations, Reason, Tx};

use super::migrated;

const NOTES: Migrations = Migrations {
    schema: "notes",
    files: &[(
        "0001_notes",
        "create table notes.notes (id int primary key);
         grant usage on schema notes to mpanel_platform;
         grant select, insert on notes.notes to mpanel_platform;",
    )],
};

#[tokio::test]
async fn every_test_has_a_migrated_database_of_its_own() {
    let modules = [FOUNDATION, NOTES];
    let (one, two) = tokio::join!(migrated(&modules), migrated(&modules));
    assert_ne!(one.name, two.name);
    let (one, two) = (
        Db::connect(one.panel, 1).await.unwrap(),
        Db::connect(two.panel, 1).await.unwrap(),
    );
    let mut tx = one.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::raw_sql("insert into notes.notes values (1)")
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut tx = two.platform(Reason::Lifecycle("test")).await.unwrap();
    let count: i64 = sqlx::query_scalar("select count(*) from notes.notes")
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(count, 0, "a test sees what another wrote");
    // Another list is another template.
    let other = migrated(&[FOUNDATION]).await;
    assert!(Db::connect(other.panel, 1).await.unwrap().is_up().await);
}
