use std::io::Read;

use super::rig::{Reply, Rig, site};

fn text() -> String {
    "It was a bright cold day in April. ".repeat(400)
}

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("a/page.html", text());
    rig.host("a.example", site("a"));
    rig
}

fn get(rig: &Rig, path: &str, accept: &str) -> Reply {
    rig.request("GET", "a.example", path, &format!("Accept-Encoding: {accept}\r\n"))
}

fn decoded(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    match reply.field("content-encoding") {
        Some("br") => brotli::Decompressor::new(&*reply.body, 4096)
            .read_to_end(&mut out)
            .unwrap(),
        Some("gzip") => flate2::read::GzDecoder::new(&*reply.body)
            .read_to_end(&mut out)
            .unwrap(),
        None => return reply.body.clone(),
        Some(other) => panic!("{other}"),
    };
    out
}

#[test]
fn text_is_compressed_as_the_client_prefers() {
    let rig = rig();
    let table = [
        ("gzip, deflate, br", Some("br")),
        ("gzip, deflate", Some("gzip")),
        ("br;q=0.1, gzip;q=0.9", Some("gzip")),
        ("br;q=0, gzip;q=0", None),
        ("br;q=0, *", Some("gzip")),
        ("*", Some("br")),
        ("*;q=0", None),
        ("identity", None),
        ("zstd", None),
        ("GZIP", Some("gzip")),
        ("gzip;q=nonsense", None),
        ("", None),
    ];
    for (accept, coding) in table {
        let reply = get(&rig, "/page.html", accept);
        assert_eq!(
            (reply.status, reply.field("content-encoding")),
            (200, coding),
            "{accept}"
        );
        assert_eq!(reply.field("vary"), Some("accept-encoding"), "{accept}");
        assert!(decoded(&reply) == text().as_bytes(), "{accept}");
        assert!(coding.is_none() || reply.body.len() < 2000, "{accept}");
    }
}

#[test]
fn each_coding_has_its_own_tag() {
    let rig = rig();
    let tags: Vec<String> = ["", "gzip", "br"]
        .map(|accept| get(&rig, "/page.html", accept).field("etag").unwrap().to_owned())
        .into();
    assert!(
        tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2],
        "{tags:?}"
    );
    for (accept, tag) in ["identity", "gzip", "br"].iter().zip(&tags) {
        let fields = format!("Accept-Encoding: {accept}\r\nIf-None-Match: {tag}\r\n");
        assert_eq!(
            rig.request("GET", "a.example", "/page.html", &fields).status,
            304,
            "{accept}"
        );
    }
    // Resuming a compressed copy gives the whole file, never bytes of another representation.
    let fields = format!(
        "Accept-Encoding: gzip\r\nRange: bytes=10-20\r\nIf-Range: {}\r\n",
        tags[1]
    );
    let reply = rig.request("GET", "a.example", "/page.html", &fields);
    assert_eq!((reply.status, reply.field("content-encoding")), (200, None));
}

#[test]
fn precompressed_siblings_are_preferred() {
    let rig = rig();
    rig.write("a/page.html.br", "ready-made br");
    rig.write("a/page.html.gz", "ready-made gz");
    assert_eq!(get(&rig, "/page.html", "br, gzip").text(), "ready-made br");
    let reply = get(&rig, "/page.html", "gzip");
    assert_eq!(
        (reply.text().as_str(), reply.field("content-encoding")),
        ("ready-made gz", Some("gzip"))
    );
    assert_eq!(reply.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(get(&rig, "/page.html", "identity").text(), text());
}

#[test]
fn a_changed_file_is_compressed_anew() {
    let rig = rig();
    get(&rig, "/page.html", "br");
    let changed = text().replace("bright", "dark");
    rig.write("a/page.html", &changed);
    assert!(decoded(&get(&rig, "/page.html", "br")) == changed.as_bytes());
}

#[test]
fn what_gains_nothing_is_sent_as_it_is() {
    let rig = rig();
    let noise: Vec<u8> = (0..4000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes())
        .collect();
    rig.write("a/small.html", "tiny");
    rig.write("a/photo.jpg", text());
    rig.write("a/noise.txt", &noise);
    rig.write("a/huge.txt", vec![b'x'; 3 * 1024 * 1024]);
    for path in ["/small.html", "/photo.jpg", "/huge.txt"] {
        let reply = get(&rig, path, "br, gzip");
        assert_eq!(
            (reply.status, reply.field("content-encoding"), reply.field("vary")),
            (200, None, None),
            "{path}"
        );
    }
    let reply = get(&rig, "/noise.txt", "br, gzip");
    assert!(decoded(&reply) == noise);
}

#[test]
fn medium_text_that_is_not_kept_in_memory_is_compressed_too() {
    let rig = rig();
    let long = text().repeat(40);
    assert!(long.len() > 256 * 1024 && long.len() < 1024 * 1024);
    rig.write("a/long.txt", &long);
    let reply = get(&rig, "/long.txt", "gzip");
    assert_eq!(reply.field("content-encoding"), Some("gzip"));
    assert!(decoded(&reply) == long.as_bytes());
}
