use super::RawHead;

const CLEAN: &[u8] = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
const BARE: &[u8] = b"POST /b HTTP/1.1\r\nHost: a\nContent-Length: 3\r\n\r\n";
const BOTH: &[u8] = b"POST /c HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What is known of a head with a body that came so.
fn head(pieces: &[&[u8]]) -> RawHead {
    let mut head = RawHead::default();
    for piece in pieces {
        head.read(piece);
    }
    head.opened(true);
    head
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED: &[u8] = b"POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_head_is_clear_whatever_its_body_looks_like() {
    for body in [&b"abc"[..], BARE, BOTH, b"POST / HTTP/1.1\nX: y\n\n"] {
        assert!(head(&[CLEAN, body]).is_clear("POST"));
        assert!(head(&[b"\r\n\r\n", CLEAN, body]).is_clear("POST"));
    }
    assert!(!head(&[BARE]).is_clear("POST"));
    assert!(!head(&[BOTH]).is_clear("POST"));
    assert!(!head(&[b"POST /a HTTP/1.1\nContent-Length: 3\r\n\r\n"]).is_clear("POST"));
}

#[test]
fn behind_a_body_with_a_length_the_next_head_is_known_to_the_byte() {
    // However it comes, and whether anybody has read the body or not.
    for pieces in [
        &[&b"abc"[..], CLEAN][..],
        &[b"a", b"bcPOST /a HTTP/1.1\r\nHost: a\r\nContent-Le", b"ngth: 3\r\n\r\n"],
    ] {
        let mut head = head(&[CLEAN]);
        for piece in pieces {
            head.read(piece);
        }
        head.opened(true);
        assert!(head.is_clear("POST") && !head.behind);
    }
    // What looks like a head in a body takes nobody's place.
    let mut known = head(&[
        b"POST /a HTTP/1.1\r\nContent-Length: 41\r\n\r\n",
        b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nX",
        BARE,
    ]);
    assert!(known.is_clear("POST"));
    known.opened(true);
    assert!(!known.is_clear("POST"));
}

#[test]
fn behind_a_long_body_the_head_is_still_known_and_the_body_is_not_kept() {
    let mut head = head(&[b"POST /a HTTP/1.1\r\nContent-Length: 2621440\r\n\r\n"]);
    for _ in 0..40 {
        head.read(&[b'x'; 64 * 1024]);
        assert!(head.next.is_empty());
    }
    head.read(CLEAN);
    head.opened(true);
    assert!(head.is_clear("POST"));
}

#[test]
fn heads_that_come_before_they_are_asked_for_are_known() {
    let mut head = head(&[CLEAN, b"abc", GET, GET, CLEAN]);
    for method in ["GET", "GET"] {
        head.opened(false);
        assert!(head.is_clear(method) && !head.is_all());
    }
    head.opened(true);
    assert!(head.is_clear("POST"));
    head.read(b"ab");
    head.read(b"cPOST /b HTTP/1.1\r\nHost: a\nContent-Length: 3\r\n\r\n");
    head.opened(true);
    assert!(!head.is_clear("POST"));
}

#[test]
fn behind_chunks_everything_that_could_be_the_head_is_asked() {
    // Chunks end alone: the next head is known.
    let mut alone = head(&[CHUNKED, b"3\r\nabc\r\n", b"0\r\n\r\n"]);
    alone.body_ended();
    alone.read(CLEAN);
    alone.opened(true);
    assert!(alone.is_clear("POST") && !alone.behind);
    for (with, clear) in [(CLEAN, true), (BARE, false), (BOTH, false)] {
        let mut together = head(&[CHUNKED, &[b"3\r\nabc\r\n0\r\n\r\n", with].concat()]);
        together.body_ended();
        together.opened(true);
        assert_eq!(together.is_clear("POST"), clear);
        // An unclear one cannot hide behind a clear one.
        let mut hidden = head(&[CHUNKED, &[with, b"\r\n0\r\n\r\n", CLEAN].concat()]);
        hidden.body_ended();
        hidden.opened(true);
        assert_eq!(hidden.is_clear("POST"), clear);
    }
    let mut nothing = head(&[CHUNKED, b"0\r\n\r\n\n\n"]);
    nothing.opened(true);
    assert!(!nothing.is_clear("POST"));
}

#[test]
fn what_comes_without_end_is_not_kept_without_end() {
    let mut head = RawHead::default();
    for _ in 0..100 {
        head.read(&[b'x'; 64 * 1024]);
        assert!(head.next.len() <= 2 * super::KEPT);
    }
    head.read(CLEAN);
    head.opened(true);
    assert!(head.is_clear("POST"));
    head.rest();
    assert!(head.bytes.capacity() <= super::KEPT_IDLE);
}
