//! Links for a backup, and the files of an archive on a disk that others have prepared.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use mpanel_archive::{Error, Kind, Member, MemberPath, Owner, Visitor as _};

use crate::recovery::farm::{Farm, clear};
use crate::recovery::unpack::Unpacker;

const SITE: &str = "site_01jd5m6k3ye7prv8w9x0abcdef";
const OTHER: &str = "site_01jd5m6k3ye7prv8w9x0abcdeg";
const RELEASE: &str = "rel_01jd5m6k3ye7prv8w9x0abcdef";
const UPLOAD: &str = "upl_01jd5m6k3ye7prv8w9x0abcdef";

/// A data folder with a site of one release.
fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("sites").join(SITE).join("releases").join(RELEASE);
    fs::create_dir_all(release.join("deep")).unwrap();
    fs::create_dir_all(folder.path().join("sites").join(SITE).join("manifests")).unwrap();
    fs::create_dir_all(folder.path().join("blobs/uploads")).unwrap();
    fs::write(release.join("index.html"), "hello").unwrap();
    fs::write(release.join("deep/page.html"), "deeper").unwrap();
    fs::set_permissions(&release, fs::Permissions::from_mode(0o2750)).unwrap();
    fs::write(folder.path().join("blobs/uploads").join(UPLOAD), "upload").unwrap();
    folder
}

/// Names in a folder.
fn tree(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    names
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn what_is_linked_stays_when_it_is_removed_and_what_comes_later_is_added() {
    let data = data();
    let releases = data.path().join("sites").join(SITE).join("releases");
    // What a tenant takes away is made of what is kept anyway.
    fs::create_dir_all(data.path().join("blobs/exports/tnt_1")).unwrap();
    fs::write(data.path().join("blobs/exports/tnt_1/op_1.tar.zst"), "archive").unwrap();
    let mut farm = Farm::new(data.path()).unwrap();
    farm.gather().unwrap();
    assert!(farm.has(SITE.parse().unwrap(), RELEASE.parse().unwrap()));
    assert_eq!(farm.bytes, 5 + 6 + 6);
    fs::remove_dir_all(releases.join(RELEASE)).unwrap();
    let later = RELEASE.replace("cdef", "cdeg");
    fs::create_dir(releases.join(&later)).unwrap();
    fs::write(releases.join(&later).join("index.html"), "later").unwrap();
    // Half of one, and what is no release.
    fs::create_dir(releases.join(format!(".{RELEASE}.partial"))).unwrap();
    fs::create_dir(releases.join("else")).unwrap();
    farm.gather().unwrap();
    let kept = farm.sites().join(SITE).join("releases");
    assert_eq!(
        fs::read_to_string(kept.join(RELEASE).join("deep/page.html")).unwrap(),
        "deeper"
    );
    assert_eq!(kept.join(RELEASE).metadata().unwrap().mode() & 0o7777, 0o2750);
    assert_eq!(
        fs::read_to_string(kept.join(&later).join("index.html")).unwrap(),
        "later"
    );
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 2);
    let mut linked = tree(&farm.uploads());
    linked.extend(tree(&farm.sites()));
    assert_eq!(linked, [UPLOAD, SITE]);
    drop(farm);
    assert!(!data.path().join("sites/.backup").exists() && !data.path().join("blobs/.backup").exists());
}

#[test]
fn links_in_a_site_are_not_followed() {
    let data = data();
    let release = data.path().join("sites").join(SITE).join("releases").join(RELEASE);
    symlink("/etc", release.join("etc")).unwrap();
    symlink("/etc", data.path().join("sites").join(OTHER)).unwrap();
    let mut farm = Farm::new(data.path()).unwrap();
    farm.gather().unwrap();
    let kept = farm.sites();
    assert!(fs::symlink_metadata(kept.join(OTHER)).is_err());
    assert!(fs::symlink_metadata(kept.join(SITE).join("releases").join(RELEASE).join("etc")).is_err());
}

#[test]
fn one_backup_at_a_time_and_what_a_killed_one_left_is_cleared() {
    let data = data();
    let mut farm = Farm::new(data.path()).unwrap();
    farm.gather().unwrap();
    assert!(Farm::new(data.path()).is_err());
    clear(data.path()).unwrap();
    assert!(farm.uploads().join(UPLOAD).exists(), "one at work is left alone");
    drop(farm);
    let left = ["sites/.backup/some", "blobs/.backup/some", "backup/links/some"].map(|path| data.path().join(path));
    for folder in &left {
        fs::create_dir_all(folder).unwrap();
    }
    clear(data.path()).unwrap();
    for folder in &left {
        assert!(!folder.parent().unwrap().exists(), "{}", folder.display());
    }
}

fn member(path: &str, kind: Kind, mode: u32) -> Member {
    Member {
        path: MemberPath::parse(path.as_bytes()).unwrap(),
        kind,
        owner: Owner { uid: 0, mode },
    }
}

fn empty() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("blobs/uploads")).unwrap();
    fs::create_dir(folder.path().join("sites")).unwrap();
    folder
}

/// Unpacks one file.
fn file(unpacker: &mut Unpacker, path: &str, mode: u32) -> Result<(), Error> {
    unpacker.file(&member(path, Kind::File(4), mode), &mut "evil".as_bytes().take(4))
}

fn folder(unpacker: &mut Unpacker, path: &str) -> Result<(), Error> {
    unpacker.folder(&member(path, Kind::Folder, 0o2750))
}

#[test]
fn files_and_folders_come_with_their_modes() {
    let data = empty();
    let mut unpacker = Unpacker::without_database(data.path()).unwrap();
    folder(&mut unpacker, &format!("sites/{SITE}")).unwrap();
    folder(&mut unpacker, &format!("sites/{SITE}/releases")).unwrap();
    file(&mut unpacker, &format!("sites/{SITE}/releases/page"), 0o2777).unwrap();
    file(&mut unpacker, &format!("blobs/uploads/{UPLOAD}"), 0o777).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
    let site = data.path().join("sites").join(SITE);
    assert_eq!(mode(&site), 0o2750);
    // Nothing for others, nothing to be executed.
    assert_eq!(mode(&site.join("releases/page")), 0o640);
    assert_eq!(mode(&data.path().join("blobs/uploads").join(UPLOAD)), 0o600);
}

#[test]
fn nothing_is_written_through_links_or_over_what_is_there() {
    let (data, outside) = (empty(), tempfile::tempdir().unwrap());
    let victim = outside.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let mut unpacker = Unpacker::without_database(data.path()).unwrap();
    folder(&mut unpacker, &format!("sites/{SITE}")).unwrap();
    // As whoever a site's folder was given to might.
    let site = data.path().join("sites").join(SITE);
    symlink(outside.path(), site.join("releases")).unwrap();
    symlink(&victim, site.join("page")).unwrap();
    symlink(&victim, data.path().join("blobs/uploads").join(UPLOAD)).unwrap();
    for path in [
        format!("sites/{SITE}/releases/victim"),
        format!("sites/{SITE}/releases/new"),
        format!("sites/{SITE}/page"),
        format!("blobs/uploads/{UPLOAD}"),
    ] {
        assert!(file(&mut unpacker, &path, 0o640).is_err(), "{path}");
    }
    assert!(folder(&mut unpacker, &format!("sites/{SITE}/releases")).is_err());
    assert!(folder(&mut unpacker, &format!("sites/{SITE}/releases/deeper")).is_err());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_comes_twice_and_one_without_its_folder_are_refused() {
    let data = empty();
    let mut unpacker = Unpacker::without_database(data.path()).unwrap();
    folder(&mut unpacker, &format!("sites/{SITE}")).unwrap();
    file(&mut unpacker, &format!("sites/{SITE}/page"), 0o640).unwrap();
    assert!(file(&mut unpacker, &format!("sites/{SITE}/page"), 0o640).is_err());
    assert!(file(&mut unpacker, &format!("sites/{OTHER}/page"), 0o640).is_err());
    assert!(file(&mut unpacker, "etc/passwd", 0o640).is_err());
    assert!(unpacker.folder(&member("blobs", Kind::Folder, 0o750)).is_err());
}
