//! Another tenant's zones and records are not there.

use mpanel_authz::Role;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::Tx as _;

use crate::error::Error;
use crate::service::RecordPatch;
use crate::tests::support::{World, record};

#[tokio::test]
async fn anothers_ids_answer_not_found_and_lists_do_not_leak() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let www = world.add(zone, "www", "A", "192.0.2.1").await.unwrap();
    let cx = world.cx_of(world.other, Role::Owner, None);
    let patch = RecordPatch {
        name: None,
        rtype: None,
        ttl: Some(60),
        data: None,
        seen: None,
    };
    let errors = [
        world.dns.get_zone(&cx, zone).await.err(),
        world.dns.delete_zone(&cx, zone).await.err(),
        world.dns.list_records(&cx, zone, PageRequest::default()).await.err(),
        world
            .dns
            .create_record(&cx, zone, &record("x", "A", "192.0.2.1"))
            .await
            .err(),
        world.dns.get_record(&cx, zone, www.id).await.err(),
        world.dns.update_record(&cx, zone, www.id, patch).await.err(),
        world.dns.delete_record(&cx, zone, www.id).await.err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(Error::NotFound)), "{error:?}");
    }
    assert!(
        world
            .dns
            .list_zones(&cx, PageRequest::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    world.assert_published(zone).await;
}

#[tokio::test]
async fn a_record_is_found_in_its_own_zone_only() {
    let world = World::new().await;
    let (one, two) = (world.zone("one.com").await.id, world.zone("two.com").await.id);
    let www = world.add(one, "www", "A", "192.0.2.1").await.unwrap();
    assert!(matches!(
        world.dns.get_record(&world.cx(), two, www.id).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        world.dns.delete_record(&world.cx(), two, www.id).await,
        Err(Error::NotFound)
    ));
    assert_eq!(world.records(one).await.len(), 3);
}

#[tokio::test]
async fn no_table_shows_or_takes_another_tenants_rows() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    for query in ["select 1 from dns.zones", "select 1 from dns.records"] {
        let mut tx = world.db().tenant(world.other).await.unwrap();
        assert!(
            sqlx::query(query).fetch_all(tx.conn()).await.unwrap().is_empty(),
            "{query}"
        );
    }
    // Neither under one's own id in another's zone, nor under the other's id.
    for tenant in [world.other, world.tenant] {
        let mut tx = world.db().tenant(world.other).await.unwrap();
        let insert = "insert into dns.records (tenant_id, zone_id, id, name, type, ttl, data)
                      values ($1, $2, gen_random_uuid(), 'x.example.com', 'A', 60, '192.0.2.1')";
        let done = sqlx::query(insert)
            .bind(tenant.uuid())
            .bind(zone.uuid())
            .execute(tx.conn())
            .await;
        assert!(done.is_err());
    }
}
