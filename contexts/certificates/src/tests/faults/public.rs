//! Everything that can go wrong on the way to a public certificate, with a real authority at the other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use mpanel_certificates_contract::HostCertificate;
use mpanel_client_acme::pebble::Running;
use mpanel_faultkit::{ReconcilerWorld, try_reconciler};
use mpanel_jobs::Reconciler;

use super::super::public::{STANDING, issuer_at, pebble};
use crate::obtain::Obtain;
use crate::tests::support::World;

/// `certificates.order`: each time another host is wanted, by turns in a zone that is here and elsewhere.
struct Obtaining {
    world: World,
    pebble: Running,
    wanted: AtomicUsize,
}

fn host(n: usize) -> String {
    match n % 2 {
        0 => format!("h{n}.example.com"),
        _ => format!("h{n}.example.org"),
    }
}

#[async_trait]
impl ReconcilerWorld for Obtaining {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(Obtain::new(self.world.store.clone()))
    }

    async fn disturb(&self) {
        let n = self.wanted.fetch_add(1, Ordering::SeqCst);
        self.world.want(&host(n)).await;
        self.world.pass().await.unwrap();
        // Beyond what an order that was broken off may have been told to wait.
        self.world.clock.advance(jiff::SignedDuration::from_mins(2));
    }

    async fn check(&self) -> Result<(), String> {
        let (world, wanted) = (&self.world, self.wanted.load(Ordering::SeqCst));
        for n in 0..wanted {
            match world.status(&host(n)).await {
                Some(HostCertificate::Valid {
                    public: true,
                    waits: None,
                    ..
                }) => {}
                other => return Err(format!("{} is {other:?}", host(n))),
            }
        }
        if world.held().await.len() != wanted {
            return Err(format!("the edges hold {}, not {wanted}", world.held().await.len()));
        }
        let left = world.count("select count(*) from certificates.orders").await;
        let standing = world.outbox(STANDING).await;
        if (left, standing) != (0, 0) {
            return Err(format!("left are {left} orders and {standing} challenges"));
        }
        // Two passes at once, as after a lease that ran out, may ask twice for the one host; nobody else may.
        match self.pebble.orders() {
            orders if orders <= wanted + 1 => Ok(()),
            orders => Err(format!("the authority has {orders} orders for {wanted} hosts")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ordering_stands_being_broken_off_anywhere_and_orders_nothing_twice() {
    let (world, pebble) = (World::new().await, pebble());
    world.records.apexes.lock().unwrap().push("example.com".to_owned());
    let mut issuer = issuer_at("pebble", &pebble);
    issuer.contact.clear();
    world.issuer(&issuer).await;
    let ordering = Obtaining {
        world,
        pebble,
        wanted: AtomicUsize::default(),
    };
    try_reconciler("certificates.order", &ordering).await;
}
