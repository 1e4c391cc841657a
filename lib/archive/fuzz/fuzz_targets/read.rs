//! Whatever is in an archive, reading it ends, and every name that comes out of it stays below a folder.
#![no_main]

use std::io::Read;
use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use mpanel_archive::{Error, Head, Kind, Member, Opening, Visitor};

struct Checked;

impl Visitor for Checked {
    fn head(&mut self, _: &Head) -> Result<(), Error> {
        Ok(())
    }

    fn folder(&mut self, member: &Member) -> Result<(), Error> {
        check(member);
        Ok(())
    }

    fn file(&mut self, member: &Member, content: &mut dyn Read) -> Result<(), Error> {
        check(member);
        let Kind::File(size) = member.kind else {
            panic!("a folder came as a file")
        };
        let mut some = [0; 64];
        let n = content.read(&mut some).unwrap_or(0);
        assert!(n as u64 <= size);
        Ok(())
    }
}

fn check(member: &Member) {
    let plain = |part| matches!(part, Component::Normal(_));
    assert!(Path::new(member.path.as_str()).components().all(plain));
    assert_eq!(member.owner.mode & !0o2777, 0);
}

fuzz_target!(|data: &[u8]| {
    // As it comes, and as the inside of a compression that is in order: few random bytes are one.
    let _refused = mpanel_archive::read(data, &Opening::default(), &mut Checked);
    if let Ok(packed) = zstd::encode_all(data, 1) {
        let _refused = mpanel_archive::read(&packed[..], &Opening::default(), &mut Checked);
    }
});
