//! The corpus of hostile archives: each is refused for its reason, by the agent and by the fake alike, and
//! leaves nothing on disk.

use mpanel_agent_protocol::fake::FakeAgent;
use mpanel_agent_protocol::{
    Agent, ArchiveFault as Fault, ArchiveFormat, Failure, Rejection, UnpackLimits, no_progress,
};

use crate::archives::{ZipEntry, deflated, gzip, pax, stored, tar_entry, tar_file, tar_gz, with_mode, zip};
use crate::node::{Node, blob, failure, listing, request};

pub struct Attack {
    pub title: &'static str,
    pub format: ArchiveFormat,
    pub archive: Vec<u8>,
    pub fault: Fault,
}

pub fn limits() -> UnpackLimits {
    UnpackLimits {
        max_bytes: 60 << 20,
        max_files: 50,
        max_path: 300,
        max_ratio: 100,
    }
}

pub fn bad(detail: &str) -> Fault {
    Fault::BadName {
        detail: detail.to_owned(),
    }
}

pub fn corrupt(detail: &str) -> Fault {
    Fault::Corrupt {
        detail: detail.to_owned(),
    }
}

pub fn mismatch(detail: &str) -> Fault {
    Fault::HeaderMismatch {
        detail: detail.to_owned(),
    }
}

fn unsupported(detail: &str) -> Fault {
    Fault::UnsupportedEntry {
        detail: detail.to_owned(),
    }
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{i}.html")).collect()
}

fn zip_attacks() -> Vec<Attack> {
    let page = || stored("index.html", b"<h1>hello</h1>");
    let one = |entry: ZipEntry| zip(&[page(), entry]);
    let deep = vec!["d"; 66].join("/");
    let long_path = vec!["x".repeat(100); 4].join("/");
    let mut lying = deflated("big.html", &[b'x'; 9000]);
    lying.size = 10;
    let mut bad_crc = stored("a.html", b"a");
    bad_crc.crc ^= 1;
    let mut unicode = stored("a.html", b"a");
    let mut crc = flate2::Crc::new();
    crc.update(b"a.html");
    unicode.extra = [&b"\x75\x70\x0b\x00\x01"[..], &crc.sum().to_le_bytes(), b"b.html"].concat();
    let whole = zip(&[page()]);
    let mut two_ends = whole.clone();
    let end = two_ends.len() - 22;
    two_ends[end + 20] = 22;
    two_ends.extend_from_slice(&whole[end..]);
    let mut miscounted = zip(&[page(), stored("a.html", b"a")]);
    let end = miscounted.len() - 22;
    miscounted[end + 8] = 1;
    miscounted[end + 10] = 1;
    vec![
        (
            "absolute path",
            one(stored("/etc/cron.d/x", b"x")),
            Fault::AbsolutePath {},
        ),
        ("drive letter", one(stored("C:/x.html", b"x")), Fault::AbsolutePath {}),
        ("parent path", one(stored("../../x.html", b"x")), Fault::ParentPath {}),
        (
            "parent path inside",
            one(stored("a/../../../x.html", b"x")),
            Fault::ParentPath {},
        ),
        ("backslashes", one(stored("..\\..\\x.html", b"x")), bad("backslash")),
        ("nul", one(stored(b"a.html\0.png", b"x")), bad("control character")),
        ("line feed", one(stored("a\nb.html", b"x")), bad("control character")),
        ("no utf-8", one(stored(b"caf\xe9.html", b"x")), bad("not UTF-8")),
        ("no name", one(stored("", b"x")), bad("empty")),
        ("file named as root", one(stored("./.", b"x")), Fault::TypeConflict {}),
        ("symlink", one(with_mode("link.html", 0o120_777)), Fault::Symlink {}),
        (
            "symlink among clutter",
            one(with_mode("__MACOSX/link", 0o120_777)),
            Fault::Symlink {},
        ),
        ("character device", one(with_mode("null", 0o020_666)), Fault::Device {}),
        ("block device", one(with_mode("sda", 0o060_666)), Fault::Device {}),
        ("fifo", one(with_mode("pipe", 0o010_644)), Fault::Fifo {}),
        ("socket", one(with_mode("sock", 0o140_755)), Fault::Socket {}),
        (
            "duplicate",
            zip(&[page(), stored("a", b"1"), stored("a", b"2")]),
            Fault::Duplicate {},
        ),
        (
            "duplicate by spelling",
            zip(&[page(), stored("a/b", b"1"), stored("a/./b", b"2")]),
            Fault::Duplicate {},
        ),
        (
            "file then folder",
            zip(&[page(), stored("a", b"1"), stored("a/b", b"2")]),
            Fault::TypeConflict {},
        ),
        (
            "folder then file",
            zip(&[page(), stored("a/b", b"1"), stored("a", b"2")]),
            Fault::TypeConflict {},
        ),
        (
            "folder by name, file by mode",
            one(ZipEntry {
                mode: 0o100_644,
                ..stored("a/", b"")
            }),
            Fault::TypeConflict {},
        ),
        (
            "long name",
            one(stored("n".repeat(256), b"x")),
            Fault::NameTooLong { limit: 255 },
        ),
        (
            "long path",
            one(stored(long_path, b"x")),
            Fault::PathTooLong { limit: 300 },
        ),
        ("deep path", one(stored(deep, b"x")), Fault::TooDeep { limit: 64 }),
        (
            "many entries",
            zip(&many(51).iter().map(|n| stored(n, b"x")).collect::<Vec<_>>()),
            Fault::TooManyEntries { limit: 50 },
        ),
        (
            "many folders",
            one(stored(vec!["d"; 60].join("/"), b"x")),
            Fault::TooManyEntries { limit: 50 },
        ),
        (
            "bomb",
            one(deflated("zeros", &vec![0; 20 << 20])),
            Fault::CompressionBomb { limit: 100 },
        ),
        (
            "large",
            one(deflated("zeros", &vec![0; 70 << 20])),
            Fault::TooManyBytes { limit: 60 << 20 },
        ),
        ("size lies", one(lying), corrupt("more data than stated")),
        (
            "overlap",
            zip(&[
                deflated("a", &[0; 5000]),
                ZipEntry {
                    shares: Some(0),
                    ..deflated("b", &[0; 5000])
                },
            ]),
            Fault::Overlap {},
        ),
        (
            "encrypted",
            one(ZipEntry {
                flags: 1,
                ..stored("a", b"x")
            }),
            Fault::Encrypted {},
        ),
        (
            "lzma",
            one(ZipEntry {
                method: 14,
                ..stored("a", b"x")
            }),
            Fault::UnsupportedCompression { method: 14 },
        ),
        ("checksum", one(bad_crc), corrupt("checksum")),
        (
            "other local name",
            one(ZipEntry {
                local_name: Some(b"evil.php".to_vec()),
                ..stored("good.htm", b"x")
            }),
            mismatch("name"),
        ),
        (
            "other local size",
            one(ZipEntry {
                local_size: Some(7),
                ..stored("a", b"x")
            }),
            mismatch("size"),
        ),
        (
            "other local checksum",
            one(ZipEntry {
                local_crc: Some(7),
                ..stored("a", b"x")
            }),
            mismatch("checksum"),
        ),
        ("other unicode name", one(unicode), mismatch("unicode path")),
        (
            "garbage deflate",
            one(ZipEntry {
                method: 8,
                size: 99,
                ..stored("a", b"\xff\xff\xff\xff")
            }),
            corrupt("compressed data"),
        ),
        ("two end records", two_ends, corrupt("two end records")),
        ("miscounted", miscounted, corrupt("number of entries")),
        (
            "bytes before",
            [b"PK\x03\x04", &whole[..]].concat(),
            corrupt("place of the directory"),
        ),
        ("cut off", whole[..whole.len() - 5].to_vec(), Fault::Truncated {}),
        ("no entries", zip(&[]), Fault::Empty {}),
        ("only folders", zip(&[stored("a/", b"")]), Fault::Empty {}),
        (
            "a tar.gz",
            tar_gz(&[tar_file("index.html", b"x")]),
            Fault::WrongFormat {},
        ),
        (
            "text",
            b"<html>this is no archive at all</html>".to_vec(),
            Fault::WrongFormat {},
        ),
        ("nothing", Vec::new(), Fault::WrongFormat {}),
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

fn tar_attacks() -> Vec<Attack> {
    let page = || tar_file("index.html", b"<h1>hello</h1>");
    let one = |entry: Vec<u8>| tar_gz(&[page(), entry]);
    let mut long_name = tar_entry(b'L', b"././@LongLink", b"../../../x.html\0");
    long_name.extend(tar_file("x", b"x"));
    let good = one(tar_file("a", &[7; 3000]));
    let mut flipped = good.clone();
    let crc = flipped.len() - 8;
    flipped[crc] ^= 1;
    let mut bad_header = tar_file("a", b"x");
    bad_header[0] = b'b';
    let trailing = gzip(&[page(), vec![0; 1024], page()].concat());
    vec![
        (
            "absolute path",
            one(tar_file("/etc/cron.d/x", b"x")),
            Fault::AbsolutePath {},
        ),
        ("parent path", one(tar_file("../x.html", b"x")), Fault::ParentPath {}),
        ("parent path by long name", one(long_name), Fault::ParentPath {}),
        (
            "parent path by pax",
            tar_gz(&[page(), pax(b'x', "path", "../x"), tar_file("x", b"x")]),
            Fault::ParentPath {},
        ),
        (
            "path for all by pax",
            tar_gz(&[pax(b'g', "path", "x"), page()]),
            corrupt("global path or size"),
        ),
        (
            "two paths by pax",
            tar_gz(&[pax(b'x', "path", "a"), pax(b'x', "path", "b"), page()]),
            corrupt("two paths or sizes"),
        ),
        ("backslashes", one(tar_file("..\\x.html", b"x")), bad("backslash")),
        (
            "escape sequence",
            one(tar_file("\x1b[2Jx", b"x")),
            bad("control character"),
        ),
        ("symlink", one(tar_entry(b'2', b"link", b"")), Fault::Symlink {}),
        (
            "symlink then file below",
            tar_gz(&[tar_entry(b'2', b"d", b""), tar_file("d/x", b"x")]),
            Fault::Symlink {},
        ),
        ("hard link", one(tar_entry(b'1', b"link", b"")), Fault::Hardlink {}),
        ("character device", one(tar_entry(b'3', b"null", b"")), Fault::Device {}),
        ("block device", one(tar_entry(b'4', b"sda", b"")), Fault::Device {}),
        ("fifo", one(tar_entry(b'6', b"pipe", b"")), Fault::Fifo {}),
        (
            "sparse",
            one(tar_entry(b'S', b"sparse", b"")),
            unsupported("sparse file"),
        ),
        (
            "sparse by pax",
            tar_gz(&[pax(b'x', "GNU.sparse.major", "1"), page()]),
            corrupt("sparse file"),
        ),
        (
            "unknown type",
            one(tar_entry(b'Z', b"what", b"")),
            unsupported("tar type 0x5a"),
        ),
        ("duplicate", tar_gz(&[page(), page()]), Fault::Duplicate {}),
        (
            "file then folder",
            tar_gz(&[page(), tar_file("a", b"1"), tar_file("a/b", b"2")]),
            Fault::TypeConflict {},
        ),
        (
            "folder then file",
            tar_gz(&[page(), tar_file("a/b", b"1"), tar_file("a", b"2")]),
            Fault::TypeConflict {},
        ),
        (
            "many entries",
            tar_gz(&many(51).iter().map(|n| tar_file(n, b"x")).collect::<Vec<_>>()),
            Fault::TooManyEntries { limit: 50 },
        ),
        (
            "bomb",
            one(tar_file("zeros", &vec![0; 30 << 20])),
            Fault::CompressionBomb { limit: 100 },
        ),
        (
            "large",
            one(tar_file("zeros", &vec![0; 61 << 20])),
            Fault::TooManyBytes { limit: 60 << 20 },
        ),
        (
            "folder with content",
            one(tar_entry(b'5', b"d", b"x")),
            corrupt("folder with content"),
        ),
        ("bad header", one(bad_header), corrupt("header")),
        (
            "extension at the end",
            one(pax(b'x', "path", "a")),
            corrupt("extension without an entry"),
        ),
        ("cut off", good[..good.len() / 2].to_vec(), Fault::Truncated {}),
        ("without its end", gzip(&page()), Fault::Truncated {}),
        ("data after the end", trailing, corrupt("data after the end")),
        ("no entries", tar_gz(&[]), Fault::Empty {}),
        ("a zip", zip(&[stored("a", b"x")]), Fault::WrongFormat {}),
        ("gzipped text", gzip(&[b'x'; 2000]), Fault::WrongFormat {}),
        ("nothing", Vec::new(), Fault::WrongFormat {}),
        (
            "checksum",
            flipped,
            corrupt("corrupt gzip stream does not have a matching checksum"),
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

pub async fn refused_by_agent_and_fake(attacks: Vec<Attack>) {
    let node = Node::start();
    let fake = FakeAgent::new();
    for attack in attacks {
        let mut unpack = request(attack.format);
        unpack.limits = limits();
        let real = failure(node.unpack(unpack, &attack.archive).await);
        let Failure::Archive(Rejection { fault, .. }) = &real else {
            panic!("{}: {real:?}", attack.title)
        };
        assert_eq!(*fault, attack.fault, "{}", attack.title);
        let pretended = failure(fake.unpack_release(unpack, blob(&attack.archive), &no_progress).await);
        assert_eq!(pretended, real, "{}: the fake differs", attack.title);
        let site = node.sites().join(unpack.site.to_string());
        assert_eq!(
            listing(&site),
            ["manifests", "releases"],
            "{} left something",
            attack.title
        );
    }
    let sites: Vec<String> = std::fs::read_dir(node.sites())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(sites.iter().all(|name| name.starts_with("site_")), "{sites:?}");
    let mut top: Vec<_> = std::fs::read_dir(node.data.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    top.sort();
    assert_eq!(top, ["agent.sock", "sites"], "something escaped");
}

#[tokio::test]
async fn hostile_zips_are_refused_and_leave_nothing() {
    refused_by_agent_and_fake(zip_attacks()).await;
}

#[tokio::test]
async fn hostile_tars_are_refused_and_leave_nothing() {
    refused_by_agent_and_fake(tar_attacks()).await;
}

#[tokio::test]
async fn a_refusal_names_the_entry_and_makes_it_printable() {
    let node = Node::start();
    let archive = zip(&[
        stored("index.html", b"x"),
        stored("a\u{1b}]0;owned\u{7}\u{202e}gnp.html", b"x"),
    ]);
    let Failure::Archive(rejection) = failure(node.unpack(request(ArchiveFormat::Zip), &archive).await) else {
        panic!()
    };
    assert_eq!(
        rejection.entry.as_deref(),
        Some("a\\u{1b}]0;owned\\u{7}\\u{202e}gnp.html")
    );
}
