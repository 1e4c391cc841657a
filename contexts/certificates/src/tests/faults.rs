//! Everything that can go wrong with issuing.

mod public;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mpanel_certificates_contract::HostCertificate;
use mpanel_faultkit::{ReconcilerWorld, try_reconciler};
use mpanel_jobs::Reconciler;

use crate::reconcile::Issue;
use crate::tests::support::{Edge, World, belongs};

/// `certificates.issue`: each time a host is wanted, the one before no longer, the one that stays has lived for two months,
/// and an edge comes with a new key.
struct Issuing {
    world: World,
    edges: Mutex<Vec<Arc<Edge>>>,
    wanted: Mutex<usize>,
}

const STAYS: &str = "stays.example.com";

fn host(n: usize) -> String {
    format!("h{n}.example.com")
}

#[async_trait]
impl ReconcilerWorld for Issuing {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(Issue::new(self.world.store.clone()))
    }

    async fn disturb(&self) {
        let world = &self.world;
        let n = {
            let mut wanted = self.wanted.lock().unwrap();
            *wanted += 1;
            *wanted
        };
        world.unwant(&host(n - 1)).await;
        world.want(&host(n)).await;
        // A third of the lives of three, so that one in some of the passes is renewed.
        world.clock.advance(jiff::SignedDuration::from_hours(24 * 25));
        let edges = {
            let mut edges = self.edges.lock().unwrap();
            edges.push(Arc::new(Edge::new()));
            let from = edges.len().saturating_sub(2);
            edges[from..].to_vec()
        };
        world.nodes.set(&edges.iter().map(|edge| &**edge).collect::<Vec<_>>());
    }

    async fn check(&self) -> Result<(), String> {
        let world = &self.world;
        let wanted = BTreeSet::from([STAYS.to_owned(), host(*self.wanted.lock().unwrap())]);
        let held = world.held().await;
        let names: Vec<String> = held.iter().flat_map(|(_, held)| held.names.clone()).collect();
        if names.len() != wanted.len() || wanted != BTreeSet::from_iter(names.clone()) {
            return Err(format!("the edges hold {names:?}, wanted are {wanted:?}"));
        }
        for host in &wanted {
            let status = world.status(host).await;
            if !matches!(status, Some(HostCertificate::Valid { .. })) {
                return Err(format!("{host} is {status:?}"));
            }
        }
        let edges = self.edges.lock().unwrap().clone();
        let from = edges.len().saturating_sub(2);
        for (id, certificate) in &held {
            let name = &certificate.names[0];
            world
                .verify(&certificate.chain_pem, name, world.now())
                .map_err(|error| format!("{name}: {error}"))?;
            if certificate.sealed_key.len() != edges[from..].len() {
                return Err(format!("{name} is sealed to others as well"));
            }
            for edge in &edges[from..] {
                let key = edge
                    .open(id, certificate)
                    .ok_or(format!("an edge cannot open {name}"))?;
                if !belongs(&key, &certificate.chain_pem) {
                    return Err(format!("the key of {name} is another's"));
                }
            }
        }
        let rows = world
            .count("select (select count(*) from certificates.hosts) * 100 + count(*) from certificates.certificates")
            .await;
        match rows {
            202 => Ok(()),
            other => Err(format!("hosts and certificates are {other}, not 2 and 2")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn issuing_stands_being_broken_off_anywhere() {
    let world = World::new().await;
    world.want(STAYS).await;
    let issuing = Issuing {
        world,
        edges: Mutex::default(),
        wanted: Mutex::default(),
    };
    try_reconciler("certificates.issue", &issuing).await;
}
