//! What somebody else's archive may try.

use super::support::{a_head, packed, refusal, unpacked, write};
use crate::{Error, Kind, Member, MemberPath, Owner, Protection, Writer, header};

/// An archive that begins well and goes on with this.
fn with(rest: &[u8]) -> Vec<u8> {
    let good = unpacked(&write(&Protection::None, &[]));
    let head = super::support::find(&good, b"SHA256SUMS");
    packed(&[&good[..head], rest].concat())
}

/// A header block of a plain file, changed and summed up again.
fn block(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let member = Member {
        path: MemberPath::parse(b"victim").unwrap(),
        kind: Kind::File(0),
        owner: Owner { uid: 0, mode: 0o644 },
    };
    let mut block = header::write(&member);
    change(&mut block);
    block[148..156].copy_from_slice(b"        ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn named(name: &[u8]) -> Vec<u8> {
    block(|block| {
        block[..100].fill(0);
        block[..name.len()].copy_from_slice(name);
    })
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        &b"../escape"[..],
        b"a/../../escape",
        b"/etc/passwd",
        b"a//b",
        b"a/./b",
        b"./a",
        b"a/",
        b"..",
        b"a\\b",
        b"line\nfeed",
        b"\xff\xfe",
    ] {
        let error = refusal(&with(&named(name)));
        assert!(matches!(error, Error::Refused { .. }), "{name:?}: {error}");
    }
}

#[test]
fn links_devices_and_pipes_are_refused() {
    for kind in *b"123467LKgSVM" {
        let error = refusal(&with(&block(|block| block[156] = kind)));
        assert!(matches!(error, Error::Refused { .. }), "{}: {error}", char::from(kind));
    }
}

#[test]
fn modes_beyond_permissions_are_refused() {
    for mode in ["0004755", "0001777", "0100644"] {
        let error = refusal(&with(&block(|block| block[100..107].copy_from_slice(mode.as_bytes()))));
        assert!(matches!(error, Error::Refused { .. }), "{mode}: {error}");
    }
}

#[test]
fn a_pax_header_says_a_path_and_nothing_else() {
    let pax = |record: &[u8]| {
        let mut bytes = block(|block| {
            block[156] = b'x';
            block[124..135].copy_from_slice(format!("{:011o}", record.len()).as_bytes());
        });
        bytes.extend_from_slice(record);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    };
    for record in [
        &b"19 linkpath=../../x\n"[..],
        b"14 path=../xy\n",
        b"12 path=/xx\n",
        b"99 path=ab\n",
        b"10 size=5\n",
        b"",
    ] {
        let archive = with(&[pax(record), named(b"fine")].concat());
        assert!(matches!(refusal(&archive), Error::Refused { .. }), "{record:?}");
    }
    // Two of them, and one too long to be kept.
    let good = pax(b"11 path=ab\n");
    assert!(matches!(
        refusal(&with(&[good.clone(), good].concat())),
        Error::Refused { .. }
    ));
    assert!(matches!(refusal(&with(&pax(&[b'a'; 9000]))), Error::Refused { .. }));
}

#[test]
fn a_length_that_is_a_lie_ends_in_an_error() {
    for size in [
        b"77777777777\0",
        b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let error = refusal(&with(&block(|block| block[124..136].copy_from_slice(size))));
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_head_that_fills_memory_is_refused() {
    let mut head = a_head();
    head.version = "9".repeat(5 << 20);
    let archive = Writer::new(Vec::new(), &Protection::None, &head)
        .unwrap()
        .finish()
        .unwrap();
    assert!(matches!(refusal(&archive), Error::Refused { .. }));
}

#[test]
fn a_bomb_takes_no_memory_to_be_counted() {
    let mut writer = Writer::new(Vec::new(), &Protection::None, &a_head()).unwrap();
    let size = 64 << 20;
    writer
        .file("bomb", Owner { uid: 0, mode: 0o644 }, size, &mut std::io::repeat(0))
        .unwrap();
    let archive = writer.finish().unwrap();
    assert!(archive.len() < 1 << 20);
    let mut counter = Counter(0);
    let summary = crate::read(&archive[..], &crate::Opening::default(), &mut counter).unwrap();
    assert!(summary.bytes > size && counter.0 == 1);
}

/// Looks at nothing.
struct Counter(u32);

impl crate::Visitor for Counter {
    fn head(&mut self, _: &crate::Head) -> Result<(), Error> {
        Ok(())
    }

    fn folder(&mut self, _: &Member) -> Result<(), Error> {
        Ok(())
    }

    fn file(&mut self, _: &Member, _: &mut dyn std::io::Read) -> Result<(), Error> {
        self.0 += 1;
        Ok(())
    }
}
