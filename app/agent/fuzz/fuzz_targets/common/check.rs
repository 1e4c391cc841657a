//! Unpacks into a folder of its own and looks whether anything left it.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::OwnedFd;

use mpanel_agent::helper::unpack::unpack;
use mpanel_client_agent::protocol::{ArchiveFormat, Failure, UnpackLimits};
use mpanel_kernel::ids::ReleaseId;

pub fn stays_inside(format: ArchiveFormat, archive: &[u8]) {
    let data = tempfile::tempdir().expect("a folder for temporary files");
    let folder = data.path().join("site");
    fs::create_dir(&folder).expect("a new folder takes another");
    let site = OwnedFd::from(File::open(&folder).expect("it was just made"));
    let mut blob = tempfile::tempfile().expect("a temporary file");
    blob.write_all(archive).expect("room for the input");
    let limits = UnpackLimits { max_bytes: 1 << 20, max_files: 200, max_path: 300, max_ratio: 200 };
    let release = ReleaseId::generate();
    match unpack(&site, release, format, &limits, &blob, &mut |_| Ok(())) {
        Ok(unpacked) => assert!(unpacked.files > 0 && folder.join(format!("releases/{release}")).is_dir()),
        Err(Failure::Archive(_)) => assert_eq!(fs::read_dir(folder.join("releases")).expect("made first").count(), 0),
        Err(other) => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(data.path()).expect("still there").count(), 1);
}

/// gzip with stored blocks (RFC 1951, 3.2.4).
#[allow(dead_code, reason = "one of the targets uses it")]
pub fn gzip_stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    for block in bytes.chunks(0xffff) {
        let len = block.len() as u16;
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    let crc = bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    out.extend_from_slice(&(!crc).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}
