//! Archives whose parts contradict each other or the truth, after published attacks on unpackers. Each is refused for
//! its reason by the agent and the fake alike; beside them stand the honest ones that look similar.

use std::os::unix::fs::PermissionsExt as _;

use mpanel_agent_protocol::{ArchiveFault as Fault, ArchiveFormat};

use crate::archives::{
    ZipEntry, deflated, gzip, pax, stored, streamed, tar_entry, tar_file, tar_gz, with_end64, with_mode, zip,
};
use crate::attacks::{Attack, bad, corrupt, mismatch, refused_by_agent_and_fake};
use crate::node::{Node, listing, request};

/// Zip64's extra field with these values.
fn zip64(values: &[u64]) -> Vec<u8> {
    let mut field = vec![1, 0, 8 * values.len() as u8, 0];
    field.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    field
}

/// The local header and data of an entry alone.
fn local(entry: ZipEntry) -> Vec<u8> {
    let name = entry.name.len();
    let data = entry.packed.len();
    zip(&[entry])[..30 + name + data].to_vec()
}

fn zip_forgeries() -> Vec<Attack> {
    let page = || stored("index.html", b"<h1>hello</h1>");
    let one = |entry: ZipEntry| zip(&[page(), entry]);
    let full = |extra: Vec<u8>| ZipEntry {
        size: u32::MAX,
        extra,
        ..deflated("big", &[b'x'; 500])
    };
    // D. Fifield, "A better zip bomb": one kernel of data, quoted by all headers before it.
    let kernel = stored("b", &[7; 100]);
    let quoting = stored("a", &local(kernel.clone()));
    let quoted = ZipEntry {
        inside: Some(30 + 1),
        ..kernel
    };
    let whole = zip(&[page(), stored("a", b"x")]);
    let end = whole.len() - 22;
    let mut long_comment = whole.clone();
    // The last entry's comment reaches beyond the directory.
    long_comment[end - 47 + 32] = 9;
    let mut elsewhere = whole.clone();
    elsewhere[end + 16] ^= 1;
    let with_descriptor = |at: usize| {
        let mut entry = streamed("a", b"hello");
        entry.descriptor[at] ^= 1;
        one(entry)
    };
    vec![
        (
            "symlink, then a file through it",
            zip(&[page(), with_mode("d", 0o120_777), stored("d/cron", b"x")]),
            Fault::Symlink {},
        ),
        (
            "file through a symlink that comes later",
            zip(&[page(), stored("d/cron", b"x"), with_mode("d", 0o120_777)]),
            Fault::Symlink {},
        ),
        (
            "quoted overlap",
            zip(&[
                page(),
                stored("z", b"z"),
                quoting.clone(),
                ZipEntry {
                    inside: quoted.inside.map(|at| at + 14 + 40 + 32),
                    ..quoted.clone()
                },
            ]),
            Fault::Overlap {},
        ),
        (
            "zip64 size lies",
            one(full(zip64(&[1 << 40]))),
            Fault::TooManyBytes { limit: 60 << 20 },
        ),
        (
            "zip64 size overflows",
            one(full(zip64(&[u64::MAX]))),
            Fault::TooManyBytes { limit: 60 << 20 },
        ),
        ("zip64 size is missing", one(full(Vec::new())), corrupt("zip64 field")),
        (
            "zip64 field is short",
            one(full(vec![1, 0, 4, 0, 0, 0, 0, 0])),
            corrupt("zip64 field"),
        ),
        (
            "zip64 field twice",
            one(full([zip64(&[500]), zip64(&[9])].concat())),
            corrupt("extra field"),
        ),
        (
            "extra field is cut off",
            one(full(vec![1, 0, 80, 0])),
            corrupt("extra field"),
        ),
        (
            "zip64 counts more entries",
            with_end64(&whole, |record| record[24..40].copy_from_slice(&[0xee; 16])),
            Fault::TooManyEntries { limit: 50 },
        ),
        (
            "zip64 counts fewer entries",
            with_end64(&whole, |record| (record[24], record[32]) = (1, 1)),
            corrupt("number of entries"),
        ),
        (
            "zip64 directory is elsewhere",
            with_end64(&whole, |record| record[48] ^= 1),
            corrupt("place of the directory"),
        ),
        (
            "zip64 directory overflows",
            with_end64(&whole, |record| record[48..56].copy_from_slice(&[0xff; 8])),
            corrupt("place of the directory"),
        ),
        (
            "zip64 record is none",
            with_end64(&whole, |record| record[0] = 0),
            corrupt("zip64 record"),
        ),
        ("directory is elsewhere", elsewhere, corrupt("place of the directory")),
        (
            "comment beyond the directory",
            long_comment,
            corrupt("length of the directory"),
        ),
        (
            "strongly encrypted",
            one(ZipEntry {
                flags: 1 << 6,
                ..stored("a", b"x")
            }),
            Fault::Encrypted {},
        ),
        (
            "encrypted by AES",
            one(ZipEntry {
                extra: vec![0x01, 0x99, 7, 0, 2, 0, b'A', b'E', 3, 8, 0],
                ..stored("a", b"x")
            }),
            Fault::Encrypted {},
        ),
        (
            "descriptor with another checksum",
            with_descriptor(4),
            mismatch("data descriptor"),
        ),
        (
            "descriptor with another size",
            with_descriptor(12),
            mismatch("data descriptor"),
        ),
        (
            "no descriptor where one is due",
            one(ZipEntry {
                descriptor: Vec::new(),
                ..streamed("a", b"hello")
            }),
            mismatch("data descriptor"),
        ),
        (
            "bomb that says it is small",
            one(ZipEntry {
                size: 1000,
                ..deflated("zeros", &vec![0; 20 << 20])
            }),
            corrupt("more data than stated"),
        ),
    ]
    .into_iter()
    .map(|(title, archive, fault)| Attack {
        title,
        format: ArchiveFormat::Zip,
        archive,
        fault,
    })
    .collect()
}

/// A header with this in its size field.
fn sized(field: &[u8; 12]) -> Vec<u8> {
    let mut entry = tar_entry(b'0', b"a", b"");
    entry[124..136].copy_from_slice(field);
    sum(entry)
}

/// Sets the checksum anew.
fn sum(mut entry: Vec<u8>) -> Vec<u8> {
    entry[148..156].fill(b' ');
    let sum: u32 = entry[..512].iter().map(|byte| u32::from(*byte)).sum();
    entry[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    entry
}

fn tar_forgeries() -> Vec<Attack> {
    let page = || tar_file("index.html", b"<h1>hello</h1>");
    let one = |entry: Vec<u8>| tar_gz(&[page(), entry]);
    let by_pax = |key: &str, value: &str| tar_gz(&[page(), pax(b'x', key, value), tar_file("a", b"x")]);
    let records = |text: &[u8]| tar_gz(&[page(), tar_entry(b'x', b"pax", text), tar_file("a", b"x")]);
    let long = |name: Vec<u8>| tar_gz(&[page(), tar_entry(b'L', b"././@LongLink", &name), tar_file("a", b"x")]);
    let mut prefixed = tar_file("x", b"x");
    prefixed[257..265].copy_from_slice(b"ustar\x0000");
    prefixed[345..350].copy_from_slice(b"../..");
    let mut second = gzip(&page());
    second.extend(gzip(&[tar_file("zeros", &vec![0; 30 << 20]), vec![0; 1024]].concat()));
    let mut huge = [0; 12];
    (huge[0], huge[4]) = (0x80, 0x7f);
    vec![
        (
            "symlink, then a file through it by another spelling",
            tar_gz(&[page(), tar_entry(b'2', b"d", b""), tar_file("./d//x", b"x")]),
            Fault::Symlink {},
        ),
        (
            "hard link, then a file of its name",
            tar_gz(&[page(), tar_entry(b'1', b"l", b""), tar_file("l", b"x")]),
            Fault::Hardlink {},
        ),
        (
            "setuid device",
            tar_gz(&[page(), tar_entry(b'3', b"kmem", b"")]),
            Fault::Device {},
        ),
        (
            "absolute path by pax",
            by_pax("path", "/etc/cron.d/x"),
            Fault::AbsolutePath {},
        ),
        ("nul by pax", by_pax("path", "a\0b"), bad("control character")),
        ("line feed by pax", by_pax("path", "a\nb"), bad("control character")),
        (
            "size by pax lies",
            by_pax("size", "99999999999"),
            Fault::TooManyBytes { limit: 60 << 20 },
        ),
        (
            "size by pax overflows",
            by_pax("size", "99999999999999999999"),
            corrupt("pax record"),
        ),
        ("negative size by pax", by_pax("size", "-1"), corrupt("pax record")),
        (
            "size by pax swallows the next header",
            by_pax("size", "1025"),
            Fault::Truncated {},
        ),
        (
            "record longer than the header says",
            records(b"999 path=x\n"),
            corrupt("pax record"),
        ),
        ("record of no length", records(b"0 path=x\n"), corrupt("pax record")),
        (
            "record without a line feed",
            records(b"9 path=xy"),
            corrupt("pax record"),
        ),
        (
            "record of a length in words",
            records(b"ten path=x\n"),
            corrupt("pax record"),
        ),
        (
            "sparse by pax 1.0",
            by_pax("GNU.sparse.name", "a"),
            corrupt("sparse file"),
        ),
        (
            "sparse by pax 0.1",
            by_pax("GNU.sparse.map", "0,1"),
            corrupt("sparse file"),
        ),
        ("huge path", long(vec![b'a'; 70_000]), corrupt("extension is too long")),
        (
            "long path",
            long([b"a/".repeat(20), b"b".repeat(280)].concat()),
            Fault::NameTooLong { limit: 255 },
        ),
        (
            "path of many parts",
            long([b"abcdefgh/".repeat(60), b"x".to_vec()].concat()),
            Fault::PathTooLong { limit: 300 },
        ),
        (
            "two long names",
            tar_gz(&[
                page(),
                tar_entry(b'L', b"l", b"a\0"),
                tar_entry(b'L', b"l", b"b\0"),
                tar_file("c", b"x"),
            ]),
            corrupt("two long names"),
        ),
        (
            "extensions without end",
            tar_gz(&[vec![page()], vec![pax(b'x', "comment", "x"); 9]].concat()),
            corrupt("too many extensions"),
        ),
        ("path outside by prefix", one(sum(prefixed)), Fault::ParentPath {}),
        (
            "no utf-8",
            one(tar_entry(b'0', b"caf\xe9.html", b"x")),
            bad("not UTF-8"),
        ),
        (
            "binary size is huge",
            one(sized(&huge)),
            Fault::TooManyBytes { limit: 60 << 20 },
        ),
        ("binary size is negative", one(sized(&[0xff; 12])), corrupt("size")),
        ("size is no number", one(sized(b"12345678x01\0")), corrupt("size")),
        (
            "bomb in a second gzip member",
            second,
            Fault::CompressionBomb { limit: 100 },
        ),
        (
            "bytes after the archive",
            [one(tar_file("a", b"x")), b"PK\x03\x04 and so on".to_vec()].concat(),
            corrupt("invalid gzip header"),
        ),
    ]
    .into_iter()
    .map(|(title, archive, fault)| Attack {
        title,
        format: ArchiveFormat::TarGz,
        archive,
        fault,
    })
    .collect()
}

#[tokio::test]
async fn forged_zips_are_refused_and_leave_nothing() {
    refused_by_agent_and_fake(zip_forgeries()).await;
}

#[tokio::test]
async fn forged_tars_are_refused_and_leave_nothing() {
    refused_by_agent_and_fake(tar_forgeries()).await;
}

#[tokio::test]
async fn honest_archives_that_look_like_forgeries_are_taken() {
    let node = Node::start();
    let plain = zip(&[stored("index.html", b"i"), stored("a", b"hello")]);
    // A bomb of bombs harms nobody who does not open it.
    let nested = zip(&[deflated("zeros", &vec![0; 1 << 20])]);
    let unsigned = {
        let mut entry = streamed("a", b"hello");
        entry.descriptor.drain(..4);
        entry
    };
    for (title, archive) in [
        ("zip64's end record", with_end64(&plain, |_| {})),
        (
            "data descriptors",
            zip(&[streamed("index.html", b"i"), streamed("a", b"hello")]),
        ),
        (
            "a descriptor without a signature",
            zip(&[stored("index.html", b"i"), unsigned]),
        ),
        (
            "a zip in a zip",
            zip(&[stored("index.html", b"i"), stored("a", &nested)]),
        ),
    ] {
        let unpack = request(ArchiveFormat::Zip);
        let unpacked = node.unpack(unpack, &archive).await;
        assert_eq!(
            unpacked.unwrap_or_else(|error| panic!("{title}: {error}")).files,
            2,
            "{title}"
        );
        let found = std::fs::read(node.release_dir(&unpack).join("a")).unwrap();
        assert!(found == b"hello" || found == nested, "{title}");
    }
    let unpack = request(ArchiveFormat::TarGz);
    let members = [
        gzip(&tar_file("index.html", b"i")),
        gzip(&[tar_file("bin/tool", b"x"), vec![0; 1024]].concat()),
    ];
    node.unpack(unpack, &members.concat()).await.unwrap();
    let dir = node.release_dir(&unpack);
    assert_eq!(listing(&dir), ["bin", "bin/tool", "index.html"]);
    // The header says 04755 and root.
    let mode = std::fs::metadata(dir.join("bin/tool")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
}
