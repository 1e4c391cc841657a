//! How large a zone may become: each change handles it as a whole.

use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::ZoneId;
use mpanel_pg::Tx as _;

use crate::domain::MOST_RECORDS;
use crate::tests::support::World;

impl World {
    /// Plants `count` records as if they had been written one by one.
    async fn fill(&self, zone: ZoneId, count: usize, (rtype, data): (&str, &str)) {
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        sqlx::query(
            "insert into dns.records (tenant_id, zone_id, id, name, type, ttl, data)
             select $1, $2, gen_random_uuid(), format('h%s.example.com', n), $3, 3600, $4
             from generate_series(1, $5) n",
        )
        .bind(self.tenant.uuid())
        .bind(zone.uuid())
        .bind(rtype)
        .bind(data)
        .bind(i32::try_from(count).unwrap())
        .execute(tx.conn())
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_zone_holds_so_many_records_and_no_more() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    // Beside the two that name our servers.
    world.fill(zone, MOST_RECORDS - 3, ("A", "192.0.2.1")).await;
    let last = world.add(zone, "last", "A", "192.0.2.1").await.unwrap();
    let published = world.published("example.com").await.pop().unwrap().1.unwrap();
    assert_eq!(published.records.len(), MOST_RECORDS);
    let error = world.add(zone, "more", "A", "192.0.2.1").await.err().unwrap();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.public_text().contains("at most 10000 records"), "{error}");
    let serial = world.dns.get_zone(&world.cx(), zone).await.unwrap().serial;
    assert_eq!(i64::from(published.serial), serial, "what is refused changes nothing");
    world.dns.delete_record(&world.cx(), zone, last.id).await.unwrap();
    world.add(zone, "more", "A", "192.0.2.1").await.unwrap();
}

#[tokio::test]
async fn a_zone_of_more_than_a_mebibyte_is_refused() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let part = format!("\"{}\"", "x".repeat(250));
    let text = vec![part; 15].join(" ");
    world.fill(zone, 260, ("TXT", &text)).await;
    world.add(zone, "fits", "TXT", &text).await.unwrap();
    let mut refused = None;
    for number in 0..20 {
        if let Err(error) = world.add(zone, &format!("t{number}"), "TXT", &text).await {
            refused = Some(error);
            break;
        }
    }
    let error = refused.expect("20 more are more than a mebibyte");
    assert_eq!(
        (error.kind(), error.fields()[0].pointer.as_ref()),
        (Kind::Invalid, "/data")
    );
    assert_eq!(error.fields()[0].code, "dns.zone_too_large");
    let serial = world.dns.get_zone(&world.cx(), zone).await.unwrap().serial;
    let published = world.published("example.com").await.pop().unwrap();
    assert_eq!(published.0, serial, "what is refused changes nothing");
}
