use std::path::Path;

use mpanel_crypto::{MasterKey, Place};
use mpanel_pg::Reason;

use super::support::Fixture;
use crate::keys::next_path;
use crate::{KeyError, Vault, forget_keys, masters, open_master, rewrap_keys};

fn place() -> Place {
    Place::new("test.things", "secret", "thing_1")
}

/// Seals something, by a key of its own file.
async fn sealed(fixture: &Fixture, key: &Path) -> Vec<u8> {
    let (master, _) = open_master(fixture.db(), key).await.unwrap();
    let vault = Vault::new(master);
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let sealed = vault.tenant(&mut tx).await.unwrap().seal(&place(), b"secret");
    tx.commit().await.unwrap();
    sealed
}

async fn opened(fixture: &Fixture, key: &Path, sealed: &[u8]) -> Vec<u8> {
    let vault = Vault::new(open_master(fixture.db(), key).await.unwrap().0);
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    vault
        .tenant(&mut tx)
        .await
        .unwrap()
        .open(&place(), sealed)
        .unwrap()
        .to_vec()
}

/// Rewraps everything for the key in the file beside.
async fn rotate(fixture: &Fixture, key: &Path) {
    let (old, (new, _)) = (
        MasterKey::load(key).unwrap(),
        MasterKey::load_or_create(&next_path(key)).unwrap(),
    );
    let mut tx = fixture.db().platform(Reason::Lifecycle("test")).await.unwrap();
    assert_eq!(rewrap_keys(&mut tx, &old, &new).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_key_is_made_only_while_nothing_is_sealed() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key");
    assert!(open_master(fixture.db(), &key).await.unwrap().1);
    assert!(!open_master(fixture.db(), &key).await.unwrap().1);
    sealed(&fixture, &key).await;
    let id = MasterKey::load(&key).unwrap().id();
    assert_eq!(masters(fixture.db()).await.unwrap(), [id]);

    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let error = open_master(fixture.db(), &key).await.unwrap_err();
    for part in [
        "there is no",
        &id.to_string(),
        "mpanel keys import",
        "mpanel restore --keys-lost",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(!key.exists());
    // Another key is no help, and stays what it is.
    let (other, _) = MasterKey::load_or_create(&key).unwrap();
    match open_master(fixture.db(), &key).await.unwrap_err() {
        KeyError::Lost { wanted, found, .. } => assert_eq!((wanted, found), (vec![id], Some(other.id()))),
        error => panic!("{error}"),
    }
    std::fs::remove_file(&key).unwrap();
    MasterKey::import(&key, &text).unwrap();
    assert_eq!(open_master(fixture.db(), &key).await.unwrap().0.id(), id);
}

#[tokio::test]
async fn a_rotation_leaves_what_is_sealed_and_survives_being_cut_short() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key");
    let value = sealed(&fixture, &key).await;
    let old = MasterKey::load(&key).unwrap().id();

    // Cut short before the database has it: the old key is the one.
    MasterKey::load_or_create(&next_path(&key)).unwrap();
    assert_eq!(open_master(fixture.db(), &key).await.unwrap().0.id(), old);
    // And after: the new one is.
    rotate(&fixture, &key).await;
    assert_eq!(opened(&fixture, &key, &value).await, b"secret");
    let new = MasterKey::load(&key).unwrap().id();
    assert_ne!(new, old);
    assert_eq!(masters(fixture.db()).await.unwrap(), [new]);
    assert!(!next_path(&key).exists());
}

#[tokio::test]
async fn after_the_keys_are_given_up_a_new_one_may_be_made() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key");
    sealed(&fixture, &key).await;
    std::fs::remove_file(&key).unwrap();
    let mut tx = fixture.db().platform(Reason::Lifecycle("test")).await.unwrap();
    forget_keys(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(open_master(fixture.db(), &key).await.unwrap().1);
    sealed(&fixture, &key).await;
}
