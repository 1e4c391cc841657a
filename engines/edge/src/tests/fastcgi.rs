use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::fastcgi::head;
use crate::fastcgi::record::{Decoder, Piece, put_begin, put_param, put_stdin, put_stdin_end};

/// A record as a program sends it.
pub(super) fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut out = vec![1, kind, 0, 1, length[0], length[1], padding, 0];
    out.extend_from_slice(content);
    out.resize(out.len() + usize::from(padding), 0xaa);
    out
}

fn decode(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, bool), ()> {
    let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
    let (mut out, mut log, mut ended) = (Vec::new(), Vec::new(), false);
    for bytes in bytes.chunks(piece.max(1)) {
        input.extend_from_slice(bytes);
        while let Some(piece) = decoder.next(&mut input).map_err(|_| ())? {
            match piece {
                Piece::Stdout(bytes) => out.extend_from_slice(&bytes),
                Piece::Stderr(bytes) => log.extend_from_slice(&bytes),
                Piece::End { application, protocol } => {
                    assert_eq!((application, protocol), (7, 0));
                    ended = true;
                }
            }
        }
    }
    Ok((out, log, ended))
}

fn end() -> Vec<u8> {
    record(3, &[0, 0, 0, 7, 0, 0, 0, 0], 0)
}

#[test]
fn a_request_is_written_as_the_specification_shows_it() {
    let mut params = Vec::new();
    put_param(&mut params, b"A", b"b");
    put_param(&mut params, b"LONG", &[b'x'; 200]);
    assert_eq!(&params[..4], b"\x01\x01Ab");
    assert_eq!(&params[4..13], b"\x04\x80\x00\x00\xc8LONG");
    let mut out = BytesMut::new();
    put_begin(&mut out, b"\x01\x01Ab", true);
    put_stdin(&mut out, b"body");
    put_stdin_end(&mut out);
    let expected: [&[u8]; 6] = [
        b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00",
        b"\x01\x04\x00\x01\x00\x04\x04\x00\x01\x01Ab\x00\x00\x00\x00",
        b"\x01\x04\x00\x01\x00\x00\x00\x00",
        b"\x01\x05\x00\x01\x00\x04\x04\x00",
        b"body\x00\x00\x00\x00",
        b"\x01\x05\x00\x01\x00\x00\x00\x00",
    ];
    assert_eq!(out, expected.concat()[..]);
}

#[test]
fn records_that_no_program_may_send_are_refused() {
    for bytes in [
        vec![2, 6, 0, 1, 0, 0, 0, 0],
        vec![1, 6, 0, 2, 0, 0, 0, 0],
        vec![1, 3, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0],
        record(1, b"12345678", 0),
        record(4, b"", 0),
        record(5, b"x", 0),
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
    ] {
        assert!(decode(&bytes, 100).is_err(), "{bytes:?}");
    }
    // What later versions may add is skipped.
    let mut skipped = vec![1, 11, 0, 0, 0, 8, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0];
    skipped.extend(end());
    assert_eq!(decode(&skipped, 100), Ok((Vec::new(), Vec::new(), true)));
}

fn status(text: &str) -> Option<(u16, Option<u64>, String)> {
    let head = head::parse(text.as_bytes(), 0).ok()??;
    Some((head.status.as_u16(), head.length, text[head.end..].to_owned()))
}

#[test]
fn heads_of_programs_are_read() {
    let same = |text: &str, code, length, body: &str| {
        assert_eq!(status(text), Some((code, length, body.to_owned())), "{text:?}")
    };
    same("Content-Type: a\r\n\r\nbody", 200, None, "body");
    same("Content-Type: a\n\nbody", 200, None, "body");
    same("Content-Type: a\r\n\nbody", 200, None, "body");
    same("Status: 404 Not Found\r\n\r\n", 404, None, "");
    same("status:503\n\n", 503, None, "");
    same("Location: /x\r\n\r\n", 302, None, "");
    same("Location: /x\r\nStatus: 201\r\n\r\n", 201, None, "");
    same(
        "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
        200,
        Some(4),
        "body",
    );
    let head = head::parse(b"A: 1\nConnection: close\nTransfer-Encoding: chunked\nA: 2\n\n", 0)
        .unwrap()
        .unwrap();
    assert_eq!(head.fields.len(), 2);
}

#[test]
fn heads_that_are_none_are_refused() {
    for text in [
        "\r\n\r\n",
        "\n",
        "no field\r\n\r\n",
        "A b: c\r\n\r\n",
        "A : c\r\n\r\n",
        ": c\r\n\r\n",
        "A: 1\r\n folded\r\n\r\n",
        "A: x\ry\r\n\r\n",
        "A: x\0\r\n\r\n",
        "Status: 100 Continue\r\n\r\n",
        "Status: 999\r\n\r\n",
        "Status: x\r\n\r\n",
        "Status: 200\r\nStatus: 404\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "Content-Length: +1\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
    ] {
        assert!(head::parse(text.as_bytes(), 0).is_err(), "{text:?}");
    }
    assert!(head::parse("A: 1\r\n".repeat(600).as_bytes(), 0).is_ok());
    assert!(head::parse(format!("{}\r\n", "A: 1\r\n".repeat(600)).as_bytes(), 0).is_err());
    assert!(head::parse(&vec![b'a'; 70_000], 0).is_err());
}

proptest! {
    #[test]
    fn what_a_program_writes_is_read_however_it_is_cut(
        pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300), 0u8..9), 0..12),
        cut in 1usize..64,
    ) {
        let (mut bytes, mut out, mut log) = (Vec::new(), Vec::new(), Vec::new());
        for (is_log, content, padding) in &pieces {
            bytes.extend(record(if *is_log { 7 } else { 6 }, content, *padding));
            if *is_log { log.extend_from_slice(content) } else { out.extend_from_slice(content) }
        }
        bytes.extend(end());
        prop_assert_eq!(decode(&bytes, cut), Ok((out, log, true)));
    }

    #[test]
    fn whatever_bytes_come_reading_them_ends(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 1usize..64) {
        let _ = decode(&bytes, cut);
    }

    #[test]
    fn a_head_is_the_same_however_it_comes(text in "([A-Za-z-]{1,8}: ?[ -~]{0,12}\r?\n){0,6}\r?\n[a-z\r\n]{0,8}") {
        let whole = head::parse(text.as_bytes(), 0).map(|head| head.map(|head| head.end));
        let mut seen = 0;
        let mut found = Ok(None);
        for end in 1..=text.len() {
            found = head::parse(&text.as_bytes()[..end], seen).map(|head| head.map(|head| head.end));
            if found != Ok(None) {
                break;
            }
            seen = end;
        }
        // `\n\r` may yet become the end.
        prop_assert_eq!(found.is_err(), whole.is_err());
        if let (Ok(Some(one)), Ok(Some(other))) = (&found, &whole) {
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn bodies_are_cut_into_records_that_hold_them(size in 0usize..200_000) {
        let body = Bytes::from(vec![b'x'; size]);
        let mut out = BytesMut::new();
        put_stdin(&mut out, &body);
        let (mut at, mut held) = (0, 0);
        while at < out.len() {
            let length = usize::from(u16::from_be_bytes([out[at + 4], out[at + 5]]));
            let padding = usize::from(out[at + 6]);
            prop_assert_eq!((length + padding) % 8, 0);
            prop_assert!(length > 0);
            held += length;
            at += 8 + length + padding;
        }
        prop_assert_eq!(held, size);
    }
}
