//! A real website: the HTML of Debian's postgresql-doc-15.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use mpanel_agent_protocol::ArchiveFormat;
use zip::write::SimpleFileOptions;

use crate::archives::gzip;
use crate::node::{Node, listing, request};

fn handbook() -> PathBuf {
    let dir = PathBuf::from("/usr/share/doc/postgresql-doc-15/html");
    assert!(
        dir.join("index.html").exists(),
        "needs the HTML of PostgreSQL's manual: apt-get install postgresql-doc-15"
    );
    dir
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = listing(dir).into_iter().filter(|path| dir.join(path).is_file());
    files
        .map(|path| (path.clone(), fs::read(dir.join(path)).unwrap()))
        .collect()
}

async fn round_trip(format: ArchiveFormat, archive: &[u8]) {
    let node = Node::start();
    let unpack = request(format);
    let original = contents(&handbook());
    let unpacked = node.unpack(unpack, archive).await.unwrap();
    assert!(original.len() > 1000);
    assert_eq!(unpacked.files, original.len() as u64);
    assert_eq!(
        unpacked.bytes,
        original.values().map(|content| content.len() as u64).sum::<u64>()
    );
    assert!(unpacked.has_index);
    let found = contents(&node.release_dir(&unpack));
    assert_eq!(found.keys().collect::<Vec<_>>(), original.keys().collect::<Vec<_>>());
    for (path, content) in &original {
        assert!(found[path] == *content, "{path} differs");
    }
}

#[tokio::test]
async fn the_postgresql_manual_survives_a_zip_file_by_file() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .unix_permissions(0o777);
    for (path, content) in contents(&handbook()) {
        // As a download from a forge has it: one folder around everything.
        writer.start_file(format!("manual-15/{path}"), options).unwrap();
        writer.write_all(&content).unwrap();
    }
    round_trip(ArchiveFormat::Zip, &writer.finish().unwrap().into_inner()).await;
}

#[tokio::test]
async fn a_zip64_written_as_a_stream_is_read() {
    // Sizes behind the data and 64-bit fields, as writers to a pipe make them.
    let mut writer = zip::ZipWriter::new_stream(Vec::new());
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .large_file(true);
    for (path, content) in contents(&handbook()) {
        writer.start_file(path, options).unwrap();
        writer.write_all(&content).unwrap();
    }
    round_trip(ArchiveFormat::Zip, &writer.finish().unwrap().into_inner()).await;
}

#[tokio::test]
async fn the_postgresql_manual_survives_a_tar_file_by_file() {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all("manual-15", handbook()).unwrap();
    round_trip(ArchiveFormat::TarGz, &gzip(&builder.into_inner().unwrap())).await;
}
