//! Archives good and bad, built byte by byte where writers would not make them.

use std::io::Write as _;

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use tar::{EntryType, Header};

#[derive(Clone)]
pub struct ZipEntry {
    pub name: Vec<u8>,
    /// In the local header, when it is to differ.
    pub local_name: Option<Vec<u8>>,
    pub local_crc: Option<u32>,
    pub local_size: Option<u32>,
    pub local_packed: Option<u32>,
    pub mode: u32,
    pub flags: u16,
    pub method: u16,
    pub packed: Vec<u8>,
    pub crc: u32,
    pub size: u32,
    pub extra: Vec<u8>,
    /// Index of the entry whose local header this one shares.
    pub shares: Option<usize>,
    /// Where its local header is, when it is inside of something else.
    pub inside: Option<u32>,
    /// Data descriptor after the data.
    pub descriptor: Vec<u8>,
}

pub fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> ZipEntry {
    let mut crc = Crc::new();
    crc.update(content);
    ZipEntry {
        name: name.as_ref().to_vec(),
        local_name: None,
        local_crc: None,
        local_size: None,
        local_packed: None,
        mode: 0,
        flags: 0,
        method: 0,
        packed: content.to_vec(),
        crc: crc.sum(),
        size: content.len() as u32,
        extra: Vec::new(),
        shares: None,
        inside: None,
        descriptor: Vec::new(),
    }
}

pub fn deflated(name: impl AsRef<[u8]>, content: &[u8]) -> ZipEntry {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    ZipEntry {
        method: 8,
        packed: encoder.finish().unwrap(),
        ..stored(name, content)
    }
}

pub fn with_mode(name: &str, mode: u32) -> ZipEntry {
    ZipEntry {
        mode,
        ..stored(name, b"/etc/shadow")
    }
}

/// As a writer makes it that cannot go back: sizes and checksum stand behind the data.
pub fn streamed(name: &str, content: &[u8]) -> ZipEntry {
    let entry = stored(name, content);
    let size = (content.len() as u32).to_le_bytes();
    ZipEntry {
        flags: 1 << 3,
        local_crc: Some(0),
        local_size: Some(0),
        local_packed: Some(0),
        descriptor: [&b"PK\x07\x08"[..], &entry.crc.to_le_bytes(), &size, &size].concat(),
        ..entry
    }
}

/// The same archive with zip64's end record and locator, which `change` may forge.
pub fn with_end64(archive: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let end = archive.len() - 22;
    let u16_at = |at: usize| u64::from(u16::from_le_bytes([archive[at], archive[at + 1]]));
    let u32_at = |at: usize| u64::from(u32::from_le_bytes(archive[at..at + 4].try_into().unwrap()));
    let mut record = b"PK\x06\x06".to_vec();
    record.extend_from_slice(&44_u64.to_le_bytes());
    record.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [u16_at(end + 8), u16_at(end + 10), u32_at(end + 12), u32_at(end + 16)] {
        record.extend_from_slice(&value.to_le_bytes());
    }
    change(&mut record);
    let mut out = archive[..end].to_vec();
    out.extend_from_slice(&record);
    out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    out.extend_from_slice(&(end as u64).to_le_bytes());
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    out
}

pub fn zip(entries: &[ZipEntry]) -> Vec<u8> {
    let (mut out, mut directory, mut offsets) = (Vec::new(), Vec::new(), Vec::<u32>::new());
    for entry in entries {
        let elsewhere = entry.inside.or(entry.shares.map(|index| offsets[index]));
        let offset = elsewhere.unwrap_or(out.len() as u32);
        offsets.push(offset);
        if elsewhere.is_none() {
            let name = entry.local_name.as_ref().unwrap_or(&entry.name);
            out.extend_from_slice(b"PK\x03\x04\x14\x00");
            out.extend_from_slice(&entry.flags.to_le_bytes());
            out.extend_from_slice(&entry.method.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&entry.local_crc.unwrap_or(entry.crc).to_le_bytes());
            out.extend_from_slice(&entry.local_packed.unwrap_or(entry.packed.len() as u32).to_le_bytes());
            out.extend_from_slice(&entry.local_size.unwrap_or(entry.size).to_le_bytes());
            out.extend_from_slice(&(name.len() as u16).to_le_bytes());
            out.extend_from_slice(&(entry.extra.len() as u16).to_le_bytes());
            out.extend_from_slice(name);
            out.extend_from_slice(&entry.extra);
            out.extend_from_slice(&entry.packed);
            out.extend_from_slice(&entry.descriptor);
        }
        directory.extend_from_slice(b"PK\x01\x02\x14\x03\x14\x00");
        directory.extend_from_slice(&entry.flags.to_le_bytes());
        directory.extend_from_slice(&entry.method.to_le_bytes());
        directory.extend_from_slice(&[0; 4]);
        directory.extend_from_slice(&entry.crc.to_le_bytes());
        directory.extend_from_slice(&(entry.packed.len() as u32).to_le_bytes());
        directory.extend_from_slice(&entry.size.to_le_bytes());
        directory.extend_from_slice(&(entry.name.len() as u16).to_le_bytes());
        directory.extend_from_slice(&(entry.extra.len() as u16).to_le_bytes());
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(entry.mode << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(&entry.name);
        directory.extend_from_slice(&entry.extra);
    }
    let start = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    out.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// A header with the name as given, whatever it is.
pub fn tar_entry(kind: u8, name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header.set_entry_type(EntryType::new(kind));
    header.set_mode(0o4755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(content.len() as u64);
    if matches!(kind, b'1' | b'2') {
        header.set_link_name("/etc/shadow").unwrap();
    }
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

pub fn pax(kind: u8, key: &str, value: &str) -> Vec<u8> {
    let tail = format!(" {key}={value}\n");
    let mut len = tail.len();
    while len != tail.len() + len.to_string().len() {
        len = tail.len() + len.to_string().len();
    }
    tar_entry(kind, b"pax", format!("{len}{tail}").as_bytes())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    gzip_at(Compression::default(), bytes)
}

pub fn gzip_at(level: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn tar_gz(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut all = entries.concat();
    all.resize(all.len() + 1024, 0);
    gzip(&all)
}

pub fn tar_file(name: &str, content: &[u8]) -> Vec<u8> {
    tar_entry(b'0', name.as_bytes(), content)
}
