//! The internal authority and what it signs.

use std::sync::Arc;

use jiff::SignedDuration;
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Vault};
use mpanel_pg::Reason;

use crate::authority::Authority;
use crate::error::Error;
use crate::tests::support::{World, belongs, verify};
use crate::{CertificateStore, store};

impl World {
    async fn reopen(&self, spine: &Spine) -> Result<CertificateStore, Error> {
        CertificateStore::open(
            spine.clone(),
            self.clock.clone(),
            self.store.ports.clone(),
            self.platform,
        )
        .await
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn it_is_made_once_and_opened_ever_after() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.reopen(&world.spine), world.reopen(&world.spine));
    for again in [one.unwrap(), two.unwrap()] {
        assert_eq!(again.authority_pem(), world.store.authority_pem());
        assert_eq!(again.authority_fingerprint(), world.store.authority_fingerprint());
        // What the one signs, those who trust the other accept.
        let leaf = again.authority.issue(&names(&["a.example.com"]), world.now()).unwrap();
        world.verify(&leaf.chain_pem, "a.example.com", world.now()).unwrap();
    }
    assert_eq!(world.count("select count(*) from certificates.authorities").await, 1);
    let fingerprint = world.store.authority_fingerprint();
    assert_eq!((fingerprint.len(), fingerprint.split(':').count()), (95, 32));
}

#[tokio::test]
async fn two_first_starts_at_once_make_one() {
    let world = World::new().await;
    sqlx::query("delete from certificates.authorities")
        .execute(world.spine.db().pool())
        .await
        .unwrap();
    let (one, two) = tokio::join!(world.reopen(&world.spine), world.reopen(&world.spine));
    assert_eq!(one.unwrap().authority_pem(), two.unwrap().authority_pem());
    assert_eq!(world.count("select count(*) from certificates.authorities").await, 1);
}

#[tokio::test]
async fn its_key_is_sealed_and_opens_under_no_other_master_key() {
    let world = World::new().await;
    let mut tx = world.spine.db().platform(Reason::Administer("test")).await.unwrap();
    let stored = store::authorities::newest_locked(&mut tx).await.unwrap().unwrap();
    let sealer = world.spine.vault().platform(&mut tx).await.unwrap();
    assert!(!String::from_utf8_lossy(&stored.sealed_key).contains("PRIVATE KEY"));
    assert!(Authority::open(stored.clone(), &sealer).is_ok());
    // Moved to another row it does not open.
    let mut moved = stored;
    moved.id = mpanel_kernel::ids::CertificateId::generate();
    assert!(matches!(Authority::open(moved, &sealer), Err(Error::Key(_))));
    drop(tx);
    let (other, _) = MasterKey::load_or_create(&world.folder.path().join("other.key")).unwrap();
    let stranger = Spine::new(world.spine.db().clone(), Arc::new(Vault::new(other)));
    assert!(world.reopen(&stranger).await.is_err());
    assert_eq!(
        world.count("select count(*) from certificates.authorities").await,
        1,
        "no second one in its place"
    );
}

#[tokio::test]
async fn a_leaf_carries_exactly_its_names_and_addresses() {
    let world = World::new().await;
    let given = names(&["panel.example.com", "localhost", "127.0.0.1", "::1"]);
    let leaf = world.store.authority.issue(&given, world.now()).unwrap();
    for name in &given {
        world
            .verify(&leaf.chain_pem, name, world.now())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for other in [
        "example.com",
        "a.panel.example.com",
        "panel.example.net",
        "127.0.0.2",
        "::2",
    ] {
        assert!(world.verify(&leaf.chain_pem, other, world.now()).is_err(), "{other}");
    }
    assert!(belongs(&leaf.key_pem, &leaf.chain_pem));
    let second = world.store.authority.issue(&given, world.now()).unwrap();
    assert!(
        !belongs(&second.key_pem, &leaf.chain_pem),
        "every certificate has a key of its own"
    );
    assert_eq!(leaf.fingerprint.len(), 64);
    assert_ne!(leaf.fingerprint, second.fingerprint);
}

#[tokio::test]
async fn a_leaf_is_good_for_its_time_only() {
    let world = World::new().await;
    let leaf = world
        .store
        .authority
        .issue(&names(&["a.example.com"]), world.now())
        .unwrap();
    assert!(leaf.not_before < world.now() && world.now() < leaf.not_after);
    let day = SignedDuration::from_hours(24);
    let valid = |at| world.verify(&leaf.chain_pem, "a.example.com", at);
    valid(leaf.not_after - SignedDuration::from_secs(1)).unwrap();
    assert!(valid(leaf.not_after + day).is_err());
    assert!(valid(leaf.not_before - day).is_err());
    assert!(leaf.not_after.duration_since(leaf.not_before) < SignedDuration::from_hours(398 * 24));
}

#[tokio::test]
async fn no_leaf_outlives_the_authority() {
    let world = World::new().await;
    let mut tx = world.spine.db().platform(Reason::Administer("test")).await.unwrap();
    let sealer = world.spine.vault().platform(&mut tx).await.unwrap();
    let (authority, stored) = Authority::create(world.now(), &sealer).unwrap();
    let late = stored.not_after - SignedDuration::from_hours(24);
    let leaf = authority.issue(&names(&["a.example.com"]), late).unwrap();
    assert_eq!(leaf.not_after, stored.not_after);
    verify(&stored.certificate_pem, &leaf.chain_pem, "a.example.com", late).unwrap();
}
