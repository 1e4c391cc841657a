//! The master key is gone, and with it every key that was sealed under it.

use std::sync::Arc;

use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Vault, forget_keys};
use mpanel_pg::Reason;

use crate::tests::support::{World, belongs, verify};
use crate::{CertificateStore, give_up_sealed};

const HOST: &str = "shop.example.com";

#[tokio::test]
async fn after_its_keys_were_given_up_a_new_authority_certifies_every_host() {
    let mut world = World::new().await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    let old_authority = world.store.authority_pem().to_owned();
    let [(old, _)] = &world.held().await[..] else {
        panic!("one certificate")
    };
    let old = old.clone();

    let mut tx = world.spine.db().platform(Reason::Lifecycle("test")).await.unwrap();
    give_up_sealed(&mut tx, &*world.clock).await.unwrap();
    forget_keys(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(world.held().await.is_empty(), "the edges keep the old certificate");
    assert!(world.status(HOST).await.is_some(), "nobody wants the host any more");

    let (master, _) = MasterKey::load_or_create(&world.folder.path().join("another.key")).unwrap();
    let spine = Spine::new(world.spine.db().clone(), Arc::new(Vault::new(master)));
    world.store = CertificateStore::open(spine, world.clock.clone(), world.store.ports.clone(), world.platform)
        .await
        .unwrap();
    assert_ne!(world.store.authority_pem(), old_authority);
    world.pass().await.unwrap();
    let [(id, certificate)] = &world.held().await[..] else {
        panic!("one certificate")
    };
    assert_ne!(*id, old);
    world.verify(&certificate.chain_pem, HOST, world.now()).unwrap();
    assert!(verify(&old_authority, &certificate.chain_pem, HOST, world.now()).is_err());
    let key = world.edge.open(id, certificate).unwrap();
    assert!(belongs(&key, &certificate.chain_pem));
}
