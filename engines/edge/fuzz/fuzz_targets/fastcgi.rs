//! Whatever a FastCGI server sends, however it is cut: its records are refused or read, what is read is what was sent,
//! and the head of its answer is found in the same place.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mpanel_engine_edge::fastcgi::head;
use mpanel_engine_edge::fastcgi::record::{Decoder, Piece};

fn read(bytes: &[u8], cut: usize) -> Result<Vec<u8>, ()> {
    let (mut decoder, mut input, mut out) = (Decoder::default(), BytesMut::new(), Vec::new());
    for bytes in bytes.chunks(cut) {
        input.extend_from_slice(bytes);
        while let Some(piece) = decoder.next(&mut input).map_err(|_| ())? {
            match piece {
                Piece::Stdout(bytes) => out.extend_from_slice(&bytes),
                Piece::Stderr(_) => {}
                Piece::End { .. } => return Ok(out),
            }
        }
    }
    Ok(out)
}

fuzz_target!(|data: (u8, &[u8])| {
    let (cut, bytes) = data;
    let whole = read(bytes, usize::MAX);
    let pieces = read(bytes, usize::from(cut) + 1);
    assert_eq!(whole.is_err(), pieces.is_err());
    assert_eq!(whole, pieces);
    let text = whole.unwrap_or_else(|()| bytes.to_vec());
    if let Ok(Some(found)) = head::parse(&text, 0) {
        assert!(found.end <= text.len() && found.end <= head::MAX_HEAD);
        assert!((200..600).contains(&found.status.as_u16()));
        assert!(!found.fields.contains_key("transfer-encoding") && !found.fields.contains_key("content-length"));
        // The same answer alone, without its body, and looked for from where it was not found before.
        let alone = head::parse(&text[..found.end], found.end - 1);
        assert_eq!(alone.map(|head| head.map(|head| head.end)), Ok(Some(found.end)));
    }
});
