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
        assert!(head.is_clear("POST"));
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
        assert_eq!(head.next, head.bytes.len());
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
fn a_head_that_may_have_ended_before_hides_whatever_is_behind_it() {
    let mut known = head(&[b"GET / HTTP/1.1\nHost: a\n\n", BOTH, CLEAN]);
    for _ in 0..2 {
        known.opened(true);
        assert!(!known.is_clear("POST"));
    }
}

#[test]
fn behind_chunks_the_next_head_is_known_to_the_byte() {
    let bodies: [&[u8]; 5] = [
        b"3\r\nabc\r\n0\r\n\r\n",
        b"0\r\n\r\n",
        b"5 ;name=\"0\"\r\n0\r\n\r\n\r\n000 \r\n\r\n",
        b"0003\r\nabc\r\n0\r\nDigest: x\r\nMore: y\r\n\r\n",
        b"19\r\nPOST /x HTTP/1.1\r\nA: b\n\r\n\r\n0\r\n\r\n",
    ];
    for body in bodies {
        for (with, clear) in [(CLEAN, true), (BARE, false), (BOTH, false)] {
            let all = [CHUNKED, body, with].concat();
            // Wherever it is cut in two.
            for cut in 0..all.len() {
                let mut known = RawHead::default();
                known.read(&all[..cut]);
                if cut < CHUNKED.len() {
                    known.read(&all[cut..]);
                    known.opened(true);
                } else {
                    known.opened(true);
                    known.read(&all[cut..]);
                }
                assert!(known.is_clear("POST"), "{cut}");
                known.opened(true);
                assert_eq!(known.is_clear("POST"), clear, "{cut}");
            }
        }
    }
    // What is no chunk hides whatever is behind it.
    for body in [
        &b"x\r\n"[..],
        b"\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"11111111111111111\r\n",
        b"0\r\nA: b\n\r\n",
    ] {
        let mut wrong = head(&[CHUNKED, body, CLEAN]);
        wrong.opened(true);
        assert!(!wrong.is_clear("POST"));
    }
}

#[test]
fn what_comes_without_end_is_not_kept_without_end() {
    let mut endless = RawHead::default();
    for _ in 0..100 {
        endless.read(&[b'x'; 64 * 1024]);
        assert!(endless.bytes.len() <= super::KEPT);
    }
    endless.read(CLEAN);
    endless.opened(true);
    assert!(!endless.is_clear("POST"));

    let long = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 64 * 1024], b"\r\n\r\n"].concat();
    let mut idle = RawHead::default();
    idle.read(&long);
    idle.opened(false);
    assert!(idle.is_clear("GET"));
    idle.rest();
    assert!(idle.bytes.capacity() <= super::KEPT_IDLE);
    idle.read(CLEAN);
    idle.opened(true);
    assert!(idle.is_clear("POST"));
}
