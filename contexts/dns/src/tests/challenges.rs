//! Records for a certificate authority, beside what customers have.

use mpanel_dns_contract::{ChallengeRecord, ChallengeRecords as _, HostDns};
use mpanel_kernel::error::PublicError as _;

use crate::service::RecordPatch;
use crate::tests::support::{World, pairs};

const PLACE: &str = "_acme-challenge.example.com";

impl World {
    async fn challenge(&self, name: &str, value: &str) -> Option<ChallengeRecord> {
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        let published = self.dns.show(&mut tx, &name.parse().unwrap(), value).await.unwrap();
        tx.commit().await.unwrap();
        published
    }

    async fn take_back(&self, name: &str, value: &str) {
        let mut tx = self.db().tenant(self.tenant).await.unwrap();
        self.dns
            .take_back(&mut tx, &name.parse().unwrap(), value)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_name_and_its_wildcard_are_looked_for_at_once() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let first = world.challenge("example.com", "one").await.unwrap();
    let second = world.challenge("example.com", "two").await.unwrap();
    assert_eq!(first.apex.as_str(), "example.com");
    assert!(second.serial > first.serial);
    assert_eq!(
        world.at(zone, PLACE).await,
        pairs(&[("TXT", "\"one\""), ("TXT", "\"two\"")])
    );
    world.assert_published(zone).await;
    let told = world.published("example.com").await;
    assert_eq!(told.last().unwrap().0, second.serial);
    // Again is no change.
    assert_eq!(
        world.challenge("example.com", "one").await.unwrap().serial,
        second.serial
    );
    assert_eq!(world.published("example.com").await.len(), told.len());

    world.take_back("example.com", "one").await;
    world.take_back("example.com", "one").await;
    assert_eq!(world.at(zone, PLACE).await, pairs(&[("TXT", "\"two\"")]));
    world.assert_published(zone).await;
    assert_eq!(world.published("example.com").await.len(), told.len() + 1);
}

#[tokio::test]
async fn only_a_zone_of_the_tenants_own_answers() {
    let world = World::new().await;
    world.zone("example.com").await;
    assert_eq!(world.challenge("example.org", "one").await, None);
    let mut tx = world.db().tenant(world.other).await.unwrap();
    let of_other = world.dns.show(&mut tx, &"example.com".parse().unwrap(), "one").await;
    assert_eq!(of_other.unwrap(), None);
}

#[tokio::test]
async fn customers_neither_edit_it_nor_lose_their_own() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let own = world.add(zone, PLACE, "TXT", "own").await.unwrap();
    world.challenge("example.com", "one").await.unwrap();
    let records = world.records(zone).await;
    let kept = records.iter().find(|record| record.data == "\"one\"").unwrap();
    assert_eq!(kept.ttl, own.ttl, "one set, one TTL");
    let patch = RecordPatch {
        name: None,
        rtype: None,
        ttl: Some(300),
        data: None,
        seen: None,
    };
    let refused = world.dns.update_record(&world.cx(), zone, kept.id, patch).await;
    assert_eq!(refused.unwrap_err().code(), "dns.record.challenge");
    let refused = world.dns.delete_record(&world.cx(), zone, kept.id).await;
    assert_eq!(refused.unwrap_err().code(), "dns.record.challenge");
    world.challenge("example.com", "own").await.unwrap();
    world.take_back("example.com", "own").await;
    world.take_back("example.com", "one").await;
    assert_eq!(world.at(zone, PLACE).await, pairs(&[("TXT", "\"own\"")]));
}

#[tokio::test]
async fn addresses_of_hosts_come_and_go_beside_it() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    world.point("example.com", &["192.0.2.1"], true).await.unwrap();
    world.challenge("example.com", "one").await.unwrap();
    world.withdraw("example.com").await;
    assert_eq!(world.at(zone, PLACE).await, pairs(&[("TXT", "\"one\"")]));
    let apex = "example.com".parse().unwrap();
    assert_eq!(world.status("example.com").await, HostDns::OwnRecords { apex });
    // A zone of the name's own that comes between leaves it where it is.
    world.challenge("a.example.com", "two").await.unwrap();
    world.zone("a.example.com").await;
    world.take_back("a.example.com", "two").await;
    assert!(world.at(zone, "_acme-challenge.a.example.com").await.is_empty());
}
