//! Archives in memory.

use std::io::Read;

use jiff::Timestamp;

use crate::{Error, FORMAT, Head, KeyNote, Kind, Member, Opening, Origin, Owner, Protection, Summary, Visitor, Writer};

pub const OWNER: Owner = Owner {
    uid: 200_001,
    mode: 0o640,
};

pub fn a_head() -> Head {
    Head {
        format: FORMAT,
        version: "0.1.0".into(),
        created_at: Timestamp::UNIX_EPOCH,
        origin: Origin {
            installation: "tnt_x".into(),
            data: "/var/lib/mpanel".into(),
            rootless: false,
            remote_database: false,
        },
        postgres: 15,
        migrations: [("sites".to_owned(), vec!["0001_sites".to_owned()])].into(),
        rows: [("sites.sites".to_owned(), 2)].into(),
        keys: KeyNote {
            included: true,
            master: Some("00".into()),
        },
        sealed: [("identity.users.totp_secret".to_owned(), 1)].into(),
        settings: Default::default(),
        missing: Default::default(),
    }
}

/// Everything that was read, in order.
#[derive(Debug, Default)]
pub struct Seen(pub Vec<(Member, Vec<u8>)>);

impl Visitor for Seen {
    fn head(&mut self, _: &Head) -> Result<(), Error> {
        Ok(())
    }

    fn folder(&mut self, member: &Member) -> Result<(), Error> {
        self.0.push((member.clone(), Vec::new()));
        Ok(())
    }

    fn file(&mut self, member: &Member, content: &mut dyn Read) -> Result<(), Error> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|error| Error::Damaged {
            member: member.path.to_string(),
            detail: error.to_string(),
        })?;
        assert_eq!(member.kind, Kind::File(bytes.len() as u64));
        self.0.push((member.clone(), bytes));
        Ok(())
    }
}

pub fn write(protection: &Protection, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), protection, &a_head()).unwrap();
    for (path, content) in files {
        writer.bytes(path, OWNER, content).unwrap();
    }
    writer.finish().unwrap()
}

pub fn read(archive: &[u8], opening: &Opening) -> Result<(Summary, Seen), Error> {
    let mut seen = Seen::default();
    let summary = crate::read(archive, opening, &mut seen)?;
    Ok((summary, seen))
}

pub fn refusal(archive: &[u8]) -> Error {
    read(archive, &Opening::default()).expect_err("it must not be read")
}

/// The tar file in an archive that is not sealed.
pub fn unpacked(archive: &[u8]) -> Vec<u8> {
    zstd::decode_all(archive).unwrap()
}

pub fn packed(tar: &[u8]) -> Vec<u8> {
    zstd::encode_all(tar, 1).unwrap()
}

/// Where `needle` first stands.
pub fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}
