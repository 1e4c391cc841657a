use super::support::{a_head, find, packed, refusal, unpacked, write};
use crate::{Error, Opening, Protection};

fn archive() -> Vec<u8> {
    write(
        &Protection::None,
        &[("one", b"first content"), ("two/three", b"other content")],
    )
}

#[test]
fn changed_content_is_refused_by_name() {
    let mut tar = unpacked(&archive());
    let at = find(&tar, b"other content");
    tar[at] ^= 1;
    match refusal(&packed(&tar)) {
        Error::Sum { member } => assert_eq!(member, "two/three"),
        other => panic!("{other}"),
    }
}

#[test]
fn a_byte_changed_anywhere_is_noticed() {
    let good = archive();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let outcome = crate::read(&bad[..], &Opening::default(), &mut super::support::Seen::default());
        // A bit of a frame's header that says nothing may change; what was archived may not.
        if let Ok(summary) = outcome {
            assert_eq!(summary.head, a_head(), "byte {at}");
        }
    }
}

#[test]
fn an_archive_cut_short_anywhere_is_refused() {
    let good = archive();
    for length in 0..good.len() {
        let cut = &good[..length];
        assert!(
            crate::read(cut, &Opening::default(), &mut super::support::Seen::default()).is_err(),
            "{length} of {} bytes were enough",
            good.len()
        );
    }
}

#[test]
fn one_without_its_end_says_so() {
    let tar = unpacked(&archive());
    let end = find(&tar, b"end.json");
    match refusal(&packed(&tar[..end])) {
        Error::Incomplete { member } => assert_eq!(member, "SHA256SUMS"),
        other => panic!("{other}"),
    }
}

#[test]
fn a_member_left_out_is_noticed() {
    let tar = unpacked(&archive());
    let (one, two) = (find(&tar, b"one\0"), find(&tar, b"two/three\0"));
    let without = [&tar[..one], &tar[two..]].concat();
    let refusal = refusal(&packed(&without));
    assert!(matches!(&refusal, Error::Damaged { .. }), "{refusal}");
}

#[test]
fn what_stands_behind_the_end_is_refused() {
    let mut tar = unpacked(&archive());
    tar.extend([0; 512]);
    assert!(matches!(refusal(&packed(&tar)), Error::Damaged { .. }));
}

#[test]
fn a_newer_format_is_refused_as_such() {
    let mut head = a_head();
    head.format = 2;
    let archive = crate::Writer::new(Vec::new(), &Protection::None, &head)
        .unwrap()
        .finish()
        .unwrap();
    assert!(matches!(refusal(&archive), Error::Newer(2)));
}

#[test]
fn other_files_are_no_archives() {
    for foreign in [
        &b""[..],
        b"PK\x03\x04",
        b"age-encryption.org/v1\nnonsense",
        &packed(b"no tar"),
        &packed(&[0; 1024]),
    ] {
        let error = refusal(foreign);
        assert!(matches!(error, Error::Foreign(_)), "{error}");
    }
}
