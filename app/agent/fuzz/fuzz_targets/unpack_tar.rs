//! The bytes are the tar; gzip is put around them, so that its checksum does not hide the tar reader.
#![no_main]
#[path = "common/check.rs"]
mod check;

use libfuzzer_sys::fuzz_target;
use mpanel_client_agent::protocol::ArchiveFormat;

fuzz_target!(|bytes: &[u8]| check::stays_inside(ArchiveFormat::TarGz, &check::gzip_stored(bytes)));
