use super::rig::{Reply, Rig, site};

struct Fixture {
    rig: Rig,
    tag: String,
    time: String,
}

fn fixture() -> Fixture {
    let rig = Rig::new();
    rig.write("a/f.bin", "0123456789");
    rig.host("a.example", site("a"));
    let reply = rig.get("a.example", "/f.bin");
    let field = |name| reply.field(name).unwrap().to_owned();
    Fixture {
        tag: field("etag"),
        time: field("last-modified"),
        rig,
    }
}

impl Fixture {
    fn get(&self, fields: &str) -> Reply {
        let fields = fields.replace("TAG", &self.tag).replace("TIME", &self.time);
        self.rig.request("GET", "a.example", "/f.bin", &fields)
    }
}

const OLD: &str = "Mon, 01 Jan 2001 00:00:00 GMT";
const NEW: &str = "Fri, 01 Jan 2100 00:00:00 GMT";

#[test]
fn preconditions_follow_the_order_of_the_standard() {
    let fixture = fixture();
    let table = [
        ("If-None-Match: TAG\r\n".to_owned(), 304),
        ("If-None-Match: W/TAG\r\n".to_owned(), 304),
        ("If-None-Match: \"other\", TAG\r\n".to_owned(), 304),
        ("If-None-Match: \"a,b\" , W/\"c\",TAG\r\n".to_owned(), 304),
        ("If-None-Match: \"other\"\r\nIf-None-Match: TAG\r\n".to_owned(), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"other\"\r\n".to_owned(), 200),
        ("If-None-Match: garbage\r\n".to_owned(), 200),
        ("If-Modified-Since: TIME\r\n".to_owned(), 304),
        (format!("If-Modified-Since: {NEW}\r\n"), 304),
        (format!("If-Modified-Since: {OLD}\r\n"), 200),
        ("If-Modified-Since: yesterday\r\n".to_owned(), 200),
        // A tag decides, whatever the date says.
        (format!("If-None-Match: \"other\"\r\nIf-Modified-Since: {NEW}\r\n"), 200),
        (format!("If-None-Match: TAG\r\nIf-Modified-Since: {OLD}\r\n"), 304),
        ("If-Match: TAG\r\n".to_owned(), 200),
        ("If-Match: *\r\n".to_owned(), 200),
        ("If-Match: \"other\", TAG\r\n".to_owned(), 200),
        ("If-Match: W/TAG\r\n".to_owned(), 412),
        ("If-Match: \"other\"\r\n".to_owned(), 412),
        (format!("If-Unmodified-Since: {OLD}\r\n"), 412),
        (format!("If-Unmodified-Since: {NEW}\r\n"), 200),
        (format!("If-Match: TAG\r\nIf-Unmodified-Since: {OLD}\r\n"), 200),
        ("If-Match: \"other\"\r\nIf-None-Match: TAG\r\n".to_owned(), 412),
        ("If-Match: TAG\r\nIf-None-Match: TAG\r\n".to_owned(), 304),
        ("If-None-Match: TAG\r\nRange: bytes=0-1\r\n".to_owned(), 304),
        ("If-None-Match: \"other\"\r\nRange: bytes=0-1\r\n".to_owned(), 206),
    ];
    for (fields, status) in table {
        let reply = fixture.get(&fields);
        assert_eq!(reply.status, status, "{fields:?}");
        if status == 304 {
            assert!(reply.body.is_empty() && reply.field("etag").is_some(), "{fields:?}");
        }
    }
}

#[test]
fn ranges_select_bytes() {
    let fixture = fixture();
    let table = [
        ("bytes=0-0", 206, "0", "bytes 0-0/10"),
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=5-99999999999999999999999", 206, "56789", "bytes 5-9/10"),
        ("Bytes= 1-2 ", 206, "12", "bytes 1-2/10"),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=99999999999999999999999-", 416, "", "bytes */10"),
        ("bytes=-0", 416, "", "bytes */10"),
    ];
    for (range, status, body, content_range) in table {
        let reply = fixture.get(&format!("Range: {range}\r\n"));
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{range}");
        assert_eq!(reply.field("content-range"), Some(content_range), "{range}");
    }
    for range in [
        "bytes=4-2",
        "bytes=a-b",
        "bytes=1",
        "bytes",
        "lines=0-1",
        "bytes=0-1,3-4",
        "bytes=--1",
        "bytes=-",
        "bytes=1-2-3",
        "bytes=+1-2",
    ] {
        let reply = fixture.get(&format!("Range: {range}\r\n"));
        assert_eq!((reply.status, reply.text().as_str()), (200, "0123456789"), "{range}");
    }
    let head = fixture
        .rig
        .request("HEAD", "a.example", "/f.bin", "Range: bytes=0-1\r\n");
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
}

#[test]
fn a_range_holds_only_for_the_copy_it_belongs_to() {
    let fixture = fixture();
    for (validator, status) in [("TAG", 206), ("W/TAG", 200), ("\"other\"", 200), (OLD, 200), (NEW, 200)] {
        let reply = fixture.get(&format!("Range: bytes=1-2\r\nIf-Range: {validator}\r\n"));
        assert_eq!(reply.status, status, "{validator}");
    }
}

#[test]
fn large_files_follow_the_same_rules() {
    let fixture = fixture();
    let content: Vec<u8> = (0..1_500_000_u32).flat_map(u32::to_le_bytes).collect();
    fixture.rig.write("a/large.bin", &content);
    let get = |fields: &str| fixture.rig.request("GET", "a.example", "/large.bin", fields);
    let whole = get("");
    assert_eq!((whole.status, whole.body == content), (200, true));
    let part = get("Range: bytes=3000001-5999990\r\n");
    assert_eq!((part.status, part.body == content[3_000_001..=5_999_990]), (206, true));
    let tag = whole.field("etag").unwrap();
    assert_eq!(get(&format!("If-None-Match: {tag}\r\n")).status, 304);
    assert_eq!(
        get(&format!("If-Range: {tag}\r\nRange: bytes=-4\r\n")).body,
        content[5_999_996..]
    );
    assert_eq!(get("Range: bytes=6000000-\r\n").status, 416);
}
