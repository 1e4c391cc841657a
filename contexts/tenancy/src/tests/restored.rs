//! What does not come back from a backup.

use mpanel_kernel::clock::SystemClock;
use mpanel_pg::{Reason, Tx as _};

use super::support::World;
use crate::end_all_assumptions;

#[tokio::test]
async fn no_leave_to_act_below_is_left_after_a_restore() {
    let world = World::new().await;
    let customer = world.customer("Customer").await;
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    // One that waits for leave, and one that is open.
    sqlx::query(
        "insert into tenancy.assumptions
             (tenant_id, id, user_id, from_tenant, from_name, reason, minutes, asked_at, opened_at, expires_at)
         select $1, gen_random_uuid(), gen_random_uuid(), $1, 'Host', 'help', 60, now(), opened, now() + interval '1 hour'
         from unnest(array[null, now()]) opened",
    )
    .bind(customer.id.uuid())
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let mut tx = world.db().platform(Reason::Lifecycle("test")).await.unwrap();
    let ended = end_all_assumptions(&mut tx, &SystemClock).await.unwrap();
    let again = end_all_assumptions(&mut tx, &SystemClock).await.unwrap();
    assert_eq!((ended, again), (2, 0));
    tx.commit().await.unwrap();
}
