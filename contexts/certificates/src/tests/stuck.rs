//! Hosts that cannot get what they want: who is told what, and when they are tried again.

use std::time::Duration;

use jiff::SignedDuration;
use mpanel_certificates_contract::HostCertificate;
use mpanel_jobs::{Reconciler as _, Stuck};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Tx as _;

use crate::reconcile::Issue;
use crate::store::hosts;
use crate::tests::support::{Edge, World};

const HOST: &str = "a.example.com";

impl World {
    async fn wants(&self, host: &str, name: &str) {
        let mut tx = self.spine.db().tenant(self.tenant).await.unwrap();
        hosts::want(&mut tx, host, &[name.to_owned()]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn stuck(&self, of: Option<TenantId>) -> Vec<Stuck> {
        Issue::new(self.store.clone()).stuck(of, 10).await.unwrap()
    }

    async fn try_now(&self, tenant: TenantId, host: &str) -> bool {
        Issue::new(self.store.clone()).try_now(tenant, host).await.unwrap()
    }

    /// Spoils or mends the stored key of the only certificate.
    async fn turn_key_over(&self) {
        let mut tx = self.spine.db().tenant(self.tenant).await.unwrap();
        sqlx::query(
            "update certificates.certificates set sealed_key = set_byte(sealed_key, 5, 255 - get_byte(sealed_key, 5))",
        )
        .execute(tx.conn())
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

#[tokio::test]
async fn a_host_that_waits_says_why_since_when_and_when_it_is_tried_again() {
    let world = World::new().await;
    world.wants(HOST, "n\u{f6}t-ascii").await;
    let since = world.now();
    let report = world.pass().await.unwrap();
    assert_eq!(
        (report.changed, report.again),
        (0, Some(Duration::from_secs(10))),
        "one that fails is no failure of the pass"
    );
    assert!(world.stuck(None).await.is_empty(), "once may be chance");
    world.pass().await.unwrap();
    world.clock.advance(seconds(10));
    world.pass().await.unwrap();

    let stuck = world.stuck(Some(world.tenant)).await;
    let expected = Stuck {
        tenant: world.tenant,
        subject: HOST.to_owned(),
        name: HOST.to_owned(),
        problem: "no certificate can be made for these names at the moment".to_owned(),
        failures: 2,
        since,
        next_at: world.now() + seconds(20),
    };
    assert_eq!(stuck, std::slice::from_ref(&expected));
    assert_eq!(world.stuck(None).await, [expected]);
    assert!(world.stuck(Some(world.platform)).await.is_empty(), "another's");
}

#[tokio::test]
async fn pauses_grow_to_an_hour_and_end_when_it_works() {
    let world = World::new().await;
    world.wants(HOST, "n\u{f6}t-ascii").await;
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let pause = world.pass().await.unwrap().again.unwrap();
        pauses.push(pause.as_secs());
        world.clock.advance(SignedDuration::try_from(pause).unwrap());
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
    world.wants(HOST, HOST).await;
    assert!(
        world.stuck(None).await.is_empty(),
        "what is wanted now was not tried yet"
    );
    let report = world.pass().await.unwrap();
    assert_eq!((report.changed, report.again), (1, None));
    assert!(matches!(world.status(HOST).await, Some(HostCertificate::Valid { .. })));
}

#[tokio::test]
async fn whoever_does_not_want_to_wait_has_it_tried_now() {
    let world = World::new().await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    assert!(!world.try_now(world.tenant, HOST).await, "it is not stuck");
    // Another edge wants a copy of a key that does not open.
    world.turn_key_over().await;
    let second = Edge::new();
    world.nodes.set(&[&world.edge, &second]);
    world.want("b.example.com").await;
    for _ in 0..3 {
        let report = world.pass().await.unwrap();
        world
            .clock
            .advance(SignedDuration::try_from(report.again.unwrap()).unwrap());
    }
    assert!(matches!(
        world.status("b.example.com").await,
        Some(HostCertificate::Valid { .. })
    ));
    let [stuck] = &world.stuck(None).await[..] else {
        panic!("one host")
    };
    assert_eq!(
        (stuck.subject.as_str(), stuck.problem.as_str(), stuck.failures),
        (HOST, "the key of its certificate cannot be opened at the moment", 3)
    );
    world.pass().await.unwrap();

    world.turn_key_over().await;
    assert_eq!(world.pass().await.unwrap().changed, 0, "it waits");
    assert!(!world.try_now(world.platform, HOST).await, "another's");
    assert!(world.try_now(world.tenant, HOST).await);
    assert_eq!(world.pass().await.unwrap().changed, 1);
    assert!(world.stuck(None).await.is_empty());
    let held = world.held().await;
    assert!(
        held.iter()
            .all(|(id, certificate)| second.open(id, certificate).is_some())
    );
}
