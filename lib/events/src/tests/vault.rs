use std::sync::Arc;

use mpanel_crypto::Place;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Reason, Tx};

use super::support::{Fixture, master_key};
use crate::Vault;

fn place() -> Place {
    Place::new("test.things", "secret", "thing_1")
}

#[tokio::test]
async fn what_a_tenant_seals_it_opens_and_nobody_else() {
    let fixture = Fixture::new().await;
    let vault = fixture.spine.vault();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let sealed = vault.tenant(&mut tx).await.unwrap().seal(&place(), b"secret");
    tx.commit().await.unwrap();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    assert_eq!(
        vault
            .tenant(&mut tx)
            .await
            .unwrap()
            .open(&place(), &sealed)
            .unwrap()
            .as_slice(),
        b"secret"
    );
    let mut other = fixture.db().tenant(TenantId::generate()).await.unwrap();
    assert!(vault.tenant(&mut other).await.unwrap().open(&place(), &sealed).is_err());
    let mut platform = fixture.db().platform(Reason::Reconcile("test")).await.unwrap();
    assert!(
        vault
            .platform(&mut platform)
            .await
            .unwrap()
            .open(&place(), &sealed)
            .is_err()
    );
    let as_platform = vault.tenant_as_platform(&mut platform, fixture.tenant).await.unwrap();
    assert_eq!(as_platform.open(&place(), &sealed).unwrap().as_slice(), b"secret");
}

#[tokio::test]
async fn a_key_whose_transaction_rolls_back_is_never_used_again() {
    let fixture = Fixture::new().await;
    let vault = fixture.spine.vault();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let lost = vault.tenant(&mut tx).await.unwrap().seal(&place(), b"lost");
    drop(tx);
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let sealer = vault.tenant(&mut tx).await.unwrap();
    assert!(sealer.open(&place(), &lost).is_err());
    let sealed = sealer.seal(&place(), b"kept");
    tx.commit().await.unwrap();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    assert_eq!(
        vault
            .tenant(&mut tx)
            .await
            .unwrap()
            .open(&place(), &sealed)
            .unwrap()
            .as_slice(),
        b"kept"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_need_a_first_key_at_once_make_one() {
    let fixture = Arc::new(Fixture::new().await);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let fixture = fixture.clone();
            mpanel_telemetry::spawn_named("sealer", async move {
                let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
                let sealed = fixture
                    .spine
                    .vault()
                    .tenant(&mut tx)
                    .await
                    .unwrap()
                    .seal(&place(), b"x");
                tx.commit().await.unwrap();
                sealed
            })
        })
        .collect();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    for task in tasks {
        let sealed = task.await.unwrap();
        assert!(
            fixture
                .spine
                .vault()
                .tenant(&mut tx)
                .await
                .unwrap()
                .open(&place(), &sealed)
                .is_ok()
        );
    }
    let keys: i64 = sqlx::query_scalar("select count(*) from spine.data_keys")
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn another_master_key_opens_nothing() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    fixture.spine.vault().tenant(&mut tx).await.unwrap();
    assert!(Vault::new(master_key()).tenant(&mut tx).await.is_err());
}

#[tokio::test]
async fn a_tenant_sees_no_others_data_keys() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    fixture.spine.vault().tenant(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = fixture.db().tenant(TenantId::generate()).await.unwrap();
    let seen: i64 = sqlx::query_scalar("select count(*) from spine.data_keys")
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(seen, 0);
}
