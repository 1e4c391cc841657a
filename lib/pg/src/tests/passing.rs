//! What the database did not do this time, and may do the next.

use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::TenantId;

use super::{db, insert};
use crate::{Error, TenantTx, Tx};

async fn run(tx: &mut TenantTx, statement: &'static str) -> Result<(), Error> {
    sqlx::query(statement).execute(tx.conn()).await?;
    Ok(())
}

#[track_caller]
fn may_be_tried_again(error: &Error, sqlstate: &str) {
    let Error::Sql(sqlx::Error::Database(found)) = error else {
        panic!("{error}");
    };
    assert_eq!(found.code().as_deref(), Some(sqlstate), "{error}");
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Unavailable, "spine.database.unavailable")
    );
    assert_eq!(error.retry_after(), Some(2));
    assert!(error.public_text().contains("nothing was changed"));
}

#[tokio::test]
async fn of_two_that_wait_for_each_other_one_is_told_to_try_again() {
    let db = db(2).await;
    let tenant = TenantId::generate();
    let mut tx = db.tenant(tenant).await.unwrap();
    for id in [1, 2] {
        insert(&mut tx, tenant, id).await.unwrap();
    }
    tx.commit().await.unwrap();
    let (mut one, mut other) = (db.tenant(tenant).await.unwrap(), db.tenant(tenant).await.unwrap());
    run(&mut one, "select from things.things where id = 1 for update")
        .await
        .unwrap();
    run(&mut other, "select from things.things where id = 2 for update")
        .await
        .unwrap();
    // Whoever loses lets go at once, or the other one waits on.
    let one = async move {
        let crossed = run(&mut one, "select from things.things where id = 2 for update").await;
        drop(one);
        crossed
    };
    let other = async move {
        let crossed = run(&mut other, "select from things.things where id = 1 for update").await;
        drop(other);
        crossed
    };
    let (one, other) = tokio::join!(one, other);
    let (lost, won) = match one {
        Err(error) => (error, other),
        Ok(()) => (other.unwrap_err(), Ok(())),
    };
    may_be_tried_again(&lost, "40P01");
    won.unwrap();
}

#[tokio::test]
async fn what_somebody_else_has_changed_meanwhile_may_be_tried_again() {
    let db = db(2).await;
    let tenant = TenantId::generate();
    let mut tx = db.tenant(tenant).await.unwrap();
    insert(&mut tx, tenant, 1).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.tenant(tenant).await.unwrap();
    run(&mut tx, "set transaction isolation level repeatable read")
        .await
        .unwrap();
    run(&mut tx, "select from things.things").await.unwrap();
    let mut meanwhile = db.tenant(tenant).await.unwrap();
    run(&mut meanwhile, "update things.things set id = 3").await.unwrap();
    meanwhile.commit().await.unwrap();
    let error = run(&mut tx, "update things.things set id = 4").await.unwrap_err();
    may_be_tried_again(&error, "40001");
}

#[tokio::test]
async fn what_is_not_done_in_time_may_be_tried_again() {
    let db = db(1).await;
    let mut tx = db.tenant(TenantId::generate()).await.unwrap();
    run(&mut tx, "set local statement_timeout = 50").await.unwrap();
    let error = run(&mut tx, "select pg_sleep(30)").await.unwrap_err();
    may_be_tried_again(&error, "57014");
}

#[tokio::test]
async fn what_a_rule_of_the_database_forbids_is_our_fault() {
    let db = db(1).await;
    let tenant = TenantId::generate();
    let mut tx = db.tenant(tenant).await.unwrap();
    insert(&mut tx, tenant, 1).await.unwrap();
    let error = insert(&mut tx, tenant, 1).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (Kind::Internal, None), "{error}");
}
