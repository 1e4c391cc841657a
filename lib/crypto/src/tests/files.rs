use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use crate::{Error, MasterKey, NodeKeyPair, Place, Scope};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn reason(error: Error) -> String {
    match error {
        Error::KeyFile { reason, .. } => reason,
        other => panic!("expected a key file error, got {other:?}"),
    }
}

#[test]
fn asvs_13_3_1_master_key_file_is_created_once_and_private() {
    let dir = folder();
    let path = dir.path().join("master.key");
    let (first, created) = MasterKey::load_or_create(&path).unwrap();
    assert!(created);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let (second, created) = MasterKey::load_or_create(&path).unwrap();
    assert!(!created);
    assert_eq!(first.id(), second.id());
    assert_eq!(first.id(), MasterKey::load(&path).unwrap().id());
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no temporary file stays behind"
    );
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let dir = folder();
    let path = dir.path().join("master.key");
    MasterKey::load_or_create(&path).unwrap();
    for mode in [0o640, 0o604, 0o644, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let text = reason(MasterKey::load_or_create(&path).unwrap_err());
        assert!(text.contains(&format!("{mode:04o}")) && text.contains("0600"), "{text}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    MasterKey::load(&path).unwrap();
}

#[test]
fn symlinks_folders_and_other_content_are_no_key_files() {
    let dir = folder();
    let real = dir.path().join("real.key");
    MasterKey::load_or_create(&real).unwrap();
    let link = dir.path().join("link.key");
    symlink(&real, &link).unwrap();
    reason(MasterKey::load_or_create(&link).unwrap_err());

    let sub = dir.path().join("folder");
    fs::create_dir(&sub).unwrap();
    fs::set_permissions(&sub, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(reason(MasterKey::load(&sub).unwrap_err()), "not a regular file");

    for (content, expected) in [
        ("", "not a 32-byte key"),
        ("AAAA", "not a 32-byte key"),
        ("key: !", "not base64"),
    ] {
        fs::write(&real, content).unwrap();
        assert_eq!(reason(MasterKey::load_or_create(&real).unwrap_err()), expected);
    }
}

#[test]
fn what_root_makes_belongs_to_whoever_the_folder_belongs_to() {
    let dir = folder();
    // Nobody else may give files away.
    if chown(dir.path(), Some(54_321), Some(54_322)).is_err() {
        return;
    }
    let path = dir.path().join("master.key");
    MasterKey::load_or_create(&path).unwrap();
    let made = fs::metadata(&path).unwrap();
    assert_eq!((made.uid(), made.gid()), (54_321, 54_322));
}

#[test]
fn processes_that_race_to_create_agree_on_one_key() {
    let dir = folder();
    let path = dir.path().join("master.key");
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| MasterKey::load_or_create(&path).unwrap()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(results.iter().all(|(key, _)| key.id() == results[0].0.id()));
    assert_eq!(results.iter().filter(|(_, created)| *created).count(), 1);
}

#[test]
fn a_missing_folder_is_an_error_and_not_created() {
    let dir = folder();
    reason(MasterKey::load_or_create(&dir.path().join("none/master.key")).unwrap_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn values_open_after_a_restart() {
    let dir = folder();
    let path = dir.path().join("master.key");
    let place = Place::new("identity.users", "totp_secret", "user_1");
    let (wrapped, sealed) = {
        let (master, _) = MasterKey::load_or_create(&path).unwrap();
        let wrapped = master.new_wrapped_key(&Scope::Platform);
        let sealer = master.sealer(Scope::Platform, std::slice::from_ref(&wrapped)).unwrap();
        (wrapped, sealer.seal(&place, b"secret"))
    };
    let master = MasterKey::load(&path).unwrap();
    let sealer = master.sealer(Scope::Platform, &[wrapped]).unwrap();
    assert_eq!(sealer.open(&place, &sealed).unwrap().as_slice(), b"secret");
}

#[test]
fn node_keys_keep_their_public_half_across_restarts() {
    let dir = folder();
    let path = dir.path().join("node.key");
    let first = NodeKeyPair::load_or_create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(NodeKeyPair::load_or_create(&path).unwrap().public(), first.public());
}

#[test]
fn a_master_key_that_was_kept_elsewhere_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.key"), folder.path().join("new.key"));
    let (key, _) = MasterKey::load_or_create(&old).unwrap();
    let text = std::fs::read_to_string(&old).unwrap();
    assert_eq!(MasterKey::id_of(&text).unwrap(), key.id());
    for _ in 0..2 {
        assert_eq!(MasterKey::import(&new, &text).unwrap().id(), key.id());
    }
    assert_eq!(MasterKey::load(&new).unwrap().id(), key.id());
    // Another key that is there stays.
    let (other, _) = MasterKey::load_or_create(&folder.path().join("other.key")).unwrap();
    assert!(MasterKey::import(&folder.path().join("other.key"), &text).is_err());
    assert_eq!(
        MasterKey::load(&folder.path().join("other.key")).unwrap().id(),
        other.id()
    );
    assert!(MasterKey::import(&folder.path().join("x"), "not a key").is_err());
}
