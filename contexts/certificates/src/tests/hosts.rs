//! Who wants a certificate, and how it stands.

use mpanel_certificates_contract::HostCertificate;
use mpanel_pg::Tx as _;

use crate::tests::support::World;

const WANTED: &str = "select count(*) from spine.outbox where topic = 'certificates.host.wanted_changed.v1'";

#[tokio::test]
async fn asking_again_is_no_change_and_wakes_nobody() {
    let world = World::new().await;
    world.want("a.example.com").await;
    world.want("a.example.com").await;
    assert_eq!(world.outbox(WANTED).await, 1);
    world.unwant("a.example.com").await;
    world.unwant("a.example.com").await;
    world.unwant("never.example.com").await;
    assert_eq!(world.outbox(WANTED).await, 2);
    world.want("a.example.com").await;
    assert_eq!(world.outbox(WANTED).await, 3, "wanted again");
    assert_eq!(world.count("select count(*) from certificates.hosts").await, 1);
}

#[tokio::test]
async fn the_status_comes_in_the_order_asked_and_to_its_tenant_only() {
    let world = World::new().await;
    world.want("a.example.com").await;
    world.pass().await.unwrap();
    world.want("b.example.com").await;
    let asked = ["b.example.com", "unknown.example.com", "a.example.com"];
    let status = world.status_for(world.tenant, &asked).await;
    assert!(
        matches!(
            &status[..],
            [
                Some(HostCertificate::Pending { .. }),
                None,
                Some(HostCertificate::Valid { .. })
            ]
        ),
        "{status:?}"
    );
    assert_eq!(world.status_for(world.platform, &asked).await, [None, None, None]);
}

#[tokio::test]
async fn what_is_rolled_back_was_not_wanted() {
    let world = World::new().await;
    let mut tx = world.spine.db().tenant(world.tenant).await.unwrap();
    mpanel_certificates_contract::Certificates::want(&world.store, &mut tx, &"a.example.com".parse().unwrap())
        .await
        .unwrap();
    drop(tx);
    assert_eq!(world.outbox(WANTED).await, 0);
    assert_eq!(world.pass().await.unwrap().changed, 0);
}

#[tokio::test]
async fn no_table_shows_another_tenants_rows() {
    let world = World::new().await;
    world.want("a.example.com").await;
    world.pass().await.unwrap();
    let mut tx = world.spine.db().tenant(world.platform).await.unwrap();
    for query in [
        "select 1 from certificates.hosts",
        "select 1 from certificates.certificates",
    ] {
        assert!(
            sqlx::query(query).fetch_all(tx.conn()).await.unwrap().is_empty(),
            "{query}"
        );
    }
    // The authorities' keys are not for a tenant's transaction at all.
    assert!(
        sqlx::query("select 1 from certificates.authorities")
            .fetch_all(tx.conn())
            .await
            .is_err()
    );
}
