use super::hex;
use crate::xaes::Xaes;
use crate::{Error, MasterKey, Place, Scope, Sealer, WrappedKey};

fn master() -> MasterKey {
    let dir = tempfile::tempdir().unwrap();
    MasterKey::load_or_create(&dir.path().join("master.key")).unwrap().0
}

fn sealer(master: &MasterKey, scope: &Scope) -> Sealer {
    master.sealer(scope.clone(), &[master.new_wrapped_key(scope)]).unwrap()
}

fn place() -> Place {
    Place::new("certificates.keys", "private_key", "cert_1")
}

#[test]
fn xaes_matches_the_published_vectors() {
    let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
    let vectors = [
        (
            [1u8; 32],
            "",
            "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271",
        ),
        (
            [3u8; 32],
            "c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ];
    for (key, aad, expected) in vectors {
        let xaes = Xaes::new(&key);
        let mut sealed = Vec::new();
        xaes.seal(nonce, aad.as_bytes(), b"XAES-256-GCM", &mut sealed);
        assert_eq!(sealed, hex(expected));
        assert_eq!(
            xaes.open(nonce, aad.as_bytes(), &sealed).unwrap().as_slice(),
            b"XAES-256-GCM"
        );
    }
}

#[test]
fn a_sealed_value_opens_in_its_place_and_shows_nothing() {
    let master = master();
    let sealer = sealer(&master, &Scope::tenant("tnt_a"));
    for plaintext in [&b""[..], b"x", &[7u8; 10_000]] {
        let sealed = sealer.seal(&place(), plaintext);
        assert_eq!(sealed.len(), plaintext.len() + 49);
        assert_eq!(sealer.open(&place(), &sealed).unwrap().as_slice(), plaintext);
        assert_ne!(sealed, sealer.seal(&place(), plaintext), "nonces are fresh");
    }
    let shown = format!("{master:?} {sealer:?}");
    assert_eq!(shown.matches("Key(").count(), 1, "{shown}");
}

#[test]
fn a_value_moved_to_another_place_does_not_open() {
    let master = master();
    let sealer = sealer(&master, &Scope::tenant("tnt_a"));
    let sealed = sealer.seal(&place(), b"key");
    for (table, column, row) in [
        ("certificates.key", "private_key", "cert_1"),
        ("certificates.keys", "private_key", "cert_2"),
        ("certificates.keys", "chain", "cert_1"),
        ("certificates.keysprivate_key", "", "cert_1"),
        ("certificates.keys", "private_keycert_1", ""),
    ] {
        let opened = sealer.open(&Place::new(table, column, row), &sealed);
        assert!(matches!(opened, Err(Error::DoesNotOpen)), "{table} {column} {row}");
    }
}

#[test]
fn asvs_8_4_1_one_tenants_values_and_keys_are_useless_to_another() {
    let master = master();
    let (a, b) = (Scope::tenant("tnt_a"), Scope::tenant("tnt_b"));
    let key_of_a = master.new_wrapped_key(&a);
    let sealer_a = master.sealer(a, std::slice::from_ref(&key_of_a)).unwrap();
    let sealed = sealer_a.seal(&place(), b"of a");
    assert!(matches!(
        sealer(&master, &b).open(&place(), &sealed),
        Err(Error::UnknownKey(_))
    ));
    // A's wrapped key copied into B's row does not unwrap there, nor for the platform.
    for scope in [b, Scope::Platform] {
        assert!(matches!(
            master.sealer(scope, std::slice::from_ref(&key_of_a)),
            Err(Error::DoesNotOpen)
        ));
    }
}

#[test]
fn every_altered_byte_is_noticed() {
    let sealer = sealer(&master(), &Scope::Platform);
    let sealed = sealer.seal(&place(), b"four");
    for index in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[index] ^= 1;
        assert!(sealer.open(&place(), &altered).is_err(), "byte {index}");
        assert!(sealer.open(&place(), &sealed[..index]).is_err(), "cut at {index}");
    }
    let longer = [sealed.as_slice(), b"x"].concat();
    assert!(sealer.open(&place(), &longer).is_err());
}

#[test]
fn asvs_11_2_2_rotating_the_master_rewraps_keys_and_leaves_values() {
    let (old, new) = (master(), master());
    let scope = Scope::tenant("tnt_a");
    let wrapped = old.new_wrapped_key(&scope);
    let sealed = old
        .sealer(scope.clone(), std::slice::from_ref(&wrapped))
        .unwrap()
        .seal(&place(), b"kept");

    assert!(old.wrapped(&wrapped) && !new.wrapped(&wrapped));
    assert!(
        matches!(new.sealer(scope.clone(), std::slice::from_ref(&wrapped)), Err(Error::UnknownKey(id)) if id == old.id())
    );
    let rewrapped = new.rewrap(&old, &scope, &wrapped).unwrap();
    assert!(new.wrapped(&rewrapped));
    let stored = WrappedKey::from(rewrapped.as_bytes().to_vec());
    assert_eq!(
        new.sealer(scope, &[stored])
            .unwrap()
            .open(&place(), &sealed)
            .unwrap()
            .as_slice(),
        b"kept"
    );
}

#[test]
fn rotating_a_tenants_key_seals_with_the_newest_and_opens_older_values() {
    let master = master();
    let scope = Scope::tenant("tnt_a");
    let (first, second) = (master.new_wrapped_key(&scope), master.new_wrapped_key(&scope));
    let before = master.sealer(scope.clone(), std::slice::from_ref(&first)).unwrap();
    let old_value = before.seal(&place(), b"old");
    let after = master.sealer(scope, &[second, first]).unwrap();
    assert_eq!(after.open(&place(), &old_value).unwrap().as_slice(), b"old");
    let new_value = after.seal(&place(), b"new");
    assert!(matches!(before.open(&place(), &new_value), Err(Error::UnknownKey(_))));
}

#[test]
fn a_sealer_without_keys_is_refused() {
    assert!(matches!(
        master().sealer(Scope::Platform, &[]),
        Err(Error::Malformed(_))
    ));
}
