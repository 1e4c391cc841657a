use age::secrecy::ExposeSecret as _;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::support::{OWNER, a_head, read, refusal, write};
use crate::{Error, Kind, MemberPath, Opening, Owner, PIECE, Protection, Writer, head, is_sealed};

#[test]
fn what_was_written_is_read_back() {
    let mut writer = Writer::new(Vec::new(), &Protection::None, &a_head()).unwrap();
    let folder = Owner {
        uid: 4_000_000_000,
        mode: 0o2750,
    };
    writer.folder("sites/a", folder).unwrap();
    writer.bytes("sites/a/index.html", OWNER, b"<h1>hello</h1>").unwrap();
    writer.bytes("sites/a/empty", OWNER, b"").unwrap();
    let archive = writer.finish().unwrap();
    let (summary, seen) = read(&archive, &Opening::default()).unwrap();
    assert_eq!(summary.head, a_head());
    assert_eq!((summary.files, summary.folders), (3, 1));
    let [(a, _), (page, text), (empty, nothing)] = &seen.0[..] else {
        panic!("{seen:?}")
    };
    assert_eq!((a.kind, a.owner, a.path.as_str()), (Kind::Folder, folder, "sites/a"));
    assert_eq!((page.owner, text.as_slice()), (OWNER, b"<h1>hello</h1>".as_slice()));
    assert_eq!((empty.kind, nothing.len()), (Kind::File(0), 0));
}

#[test]
fn the_head_is_known_without_the_rest() {
    let archive = write(&Protection::None, &[("a", &[7; 3_000_000])]);
    assert_eq!(head(&archive[..], &Opening::default()).unwrap(), a_head());
}

#[test]
fn a_stream_of_unknown_length_comes_in_pieces() {
    let content: Vec<u8> = (0..PIECE + 9).map(|at| at as u8).collect();
    let mut writer = Writer::new(Vec::new(), &Protection::None, &a_head()).unwrap();
    assert_eq!(
        writer.stream("database", &mut &content[..]).unwrap(),
        content.len() as u64
    );
    writer.stream("nothing", &mut std::io::empty()).unwrap();
    let (_, seen) = read(&writer.finish().unwrap(), &Opening::default()).unwrap();
    let names: Vec<&str> = seen.0.iter().map(|(member, _)| member.path.as_str()).collect();
    assert_eq!(names, ["database/000000", "database/000001", "nothing/000000"]);
    assert_eq!([&seen.0[0].1[..], &seen.0[1].1[..]].concat(), content);
}

#[test]
fn other_tools_open_it() {
    // What `tar` makes of it: long names come by pax, and padding is where it belongs.
    let long = "d/".repeat(70) + "é.html";
    let archive = write(&Protection::None, &[("short", b"1"), (&long, b"22")]);
    let tar = super::support::unpacked(&archive);
    assert_eq!(tar.len() % 512, 0);
    assert_eq!(&tar[257..263], b"ustar\0");
    let record = format!("{} path={long}\n", long.len() + " path=\n".len() + 3);
    assert!(tar.windows(record.len()).any(|window| window == record.as_bytes()));
}

#[test]
fn a_sealed_archive_opens_with_its_passphrase_alone() {
    let phrase = |text: &str| Some(Zeroizing::new(text.to_owned()));
    let archive = write(
        &Protection::Passphrase(phrase("one two").unwrap()),
        &[("key", b"secret words")],
    );
    assert!(is_sealed(&archive));
    assert!(!archive.windows(12).any(|window| window == b"secret words"));
    assert!(matches!(refusal(&archive), Error::Sealed));
    let wrong = Opening {
        passphrase: phrase("one three"),
        identities: None,
    };
    assert!(matches!(read(&archive, &wrong), Err(Error::WrongKey)));
    let right = Opening {
        passphrase: phrase("one two"),
        identities: None,
    };
    assert_eq!(read(&archive, &right).unwrap().1.0[0].1, b"secret words");
}

#[test]
fn a_sealed_archive_opens_for_each_recipient() {
    let keys = [age::x25519::Identity::generate(), age::x25519::Identity::generate()];
    let recipients = keys.iter().map(|key| key.to_public().to_string()).collect();
    let archive = write(&Protection::Recipients(recipients), &[("a", &[1; 200_000])]);
    for key in &keys {
        let opening = Opening {
            passphrase: None,
            identities: Some(Zeroizing::new(format!("# mine\n{}\n", key.to_string().expose_secret()))),
        };
        assert_eq!(read(&archive, &opening).unwrap().1.0[0].1, [1; 200_000]);
    }
    let stranger = Opening {
        passphrase: None,
        identities: Some(Zeroizing::new(
            age::x25519::Identity::generate().to_string().expose_secret().to_owned(),
        )),
    };
    assert!(matches!(read(&archive, &stranger), Err(Error::WrongKey)));
}

#[test]
fn a_recipient_that_is_none_is_named() {
    let made = Writer::new(
        Vec::new(),
        &Protection::Recipients(vec!["age1nobody".into()]),
        &a_head(),
    );
    let Err(error) = made else {
        panic!("it must not be written")
    };
    assert!(error.to_string().contains("age1nobody"), "{error}");
}

#[test]
fn a_file_that_shrank_while_it_was_read_is_an_error() {
    let mut writer = Writer::new(Vec::new(), &Protection::None, &a_head()).unwrap();
    let error = writer.file("a", OWNER, 10, &mut &b"nine byte"[..]).unwrap_err();
    assert!(error.to_string().contains("reading a"), "{error}");
}

proptest! {
    #[test]
    fn any_names_and_contents_come_back(files in proptest::collection::btree_map(
        "[a-zé ]{1,60}(/[a-z.]{2,70}x){0,4}", proptest::collection::vec(any::<u8>(), 0..2000), 0..8)) {
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let (_, seen) = read(&write(&Protection::None, &files), &Opening::default()).unwrap();
        let back: Vec<(&str, &[u8])> = seen.0.iter().map(|(member, bytes)| (member.path.as_str(), bytes.as_slice())).collect();
        prop_assert_eq!(back, files);
    }

    #[test]
    fn a_name_that_is_taken_stays_below_its_folder(name in "(\\.\\.|\\.|/|a|b|\\x00|\\\\|\n){0,12}") {
        if let Ok(path) = MemberPath::parse(name.as_bytes()) {
            let joined = std::path::Path::new("/data").join(path.as_str());
            let plain = joined.components().all(|part| !matches!(part, std::path::Component::ParentDir));
            prop_assert!(plain && joined.starts_with("/data") && joined != std::path::Path::new("/data"));
        }
    }
}
