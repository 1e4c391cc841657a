//! FastCGI records (FastCGI Specification 1.0, §3 and §8). Every request has a connection to itself while it runs, so
//! its id is always 1.

use bytes::{Buf, BufMut, Bytes, BytesMut};

const VERSION: u8 = 1;
const REQUEST: u16 = 1;
const RESPONDER: u16 = 1;
const KEEP_CONNECTION: u8 = 1;
const HEADER: usize = 8;
/// The most content of one record that needs no padding.
const CONTENT: usize = 0xfff8;

/// Begins a request.
const BEGIN_REQUEST: u8 = 1;
const ABORT_REQUEST: u8 = 2;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;

/// The bytes are not records that a responder may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a fastcgi record: {0}")]
pub struct Malformed(&'static str);

fn header(out: &mut BytesMut, kind: u8, content: usize, padding: usize) {
    out.put_u8(VERSION);
    out.put_u8(kind);
    out.put_u16(REQUEST);
    out.put_u16(u16::try_from(content).expect("records are cut to 65,528 bytes"));
    out.put_u8(u8::try_from(padding).expect("padding is less than 8"));
    out.put_u8(0);
}

fn stream(out: &mut BytesMut, kind: u8, content: &[u8]) {
    for content in content.chunks(CONTENT) {
        let padding = content.len().wrapping_neg() % 8;
        out.reserve(HEADER + content.len() + padding);
        header(out, kind, content.len(), padding);
        out.extend_from_slice(content);
        out.put_bytes(0, padding);
    }
}

/// Writes what begins a request: its role, and its parameters as [`put_param`] wrote them.
pub fn put_begin(out: &mut BytesMut, params: &[u8], keep: bool) {
    header(out, BEGIN_REQUEST, 8, 0);
    out.put_u16(RESPONDER);
    out.put_u8(if keep { KEEP_CONNECTION } else { 0 });
    out.put_bytes(0, 5);
    stream(out, PARAMS, params);
    header(out, PARAMS, 0, 0);
}

/// Writes a piece of the request's body.
pub fn put_stdin(out: &mut BytesMut, content: &[u8]) {
    stream(out, STDIN, content);
}

/// Writes the end of the request's body.
pub fn put_stdin_end(out: &mut BytesMut) {
    header(out, STDIN, 0, 0);
}

/// The record that gives a request up.
pub(super) const ABORT: [u8; HEADER] = [VERSION, ABORT_REQUEST, 0, 1, 0, 0, 0, 0];

/// Appends a name and its value (§3.4).
pub fn put_param(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for length in [name.len(), value.len()] {
        match u8::try_from(length) {
            Ok(short @ 0..=127) => out.push(short),
            // No head comes near 2 GiB.
            _ => out.extend_from_slice(&(u32::try_from(length).unwrap_or(u32::MAX) | 1 << 31).to_be_bytes()),
        }
    }
    out.extend_from_slice(name);
    out.extend_from_slice(value);
}

/// What a responder says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Part of the answer.
    Stdout(Bytes),
    /// Part of what goes to the log.
    Stderr(Bytes),
    /// The request is over.
    End {
        /// The program's exit status.
        application: u32,
        /// 0: complete; 1: it serves one request at a time; 2: overloaded; 3: the role is unknown.
        protocol: u8,
    },
}

/// Reads records from a stream as far as they have come: a record is not waited for as a whole.
#[derive(Debug, Default)]
pub struct Decoder {
    kind: u8,
    content: usize,
    padding: usize,
}

impl Decoder {
    /// The next piece of `input`, `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`Malformed`]; nothing after it can be understood.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, Malformed> {
        loop {
            if self.content == 0 {
                let skipped = self.padding.min(input.len());
                input.advance(skipped);
                self.padding -= skipped;
                if self.padding > 0 || input.len() < HEADER {
                    return Ok(None);
                }
                if self.begin(input)? {
                    continue;
                }
            }
            match self.kind {
                END_REQUEST => {
                    if input.len() < self.content {
                        return Ok(None);
                    }
                    let application = input.get_u32();
                    let protocol = input.get_u8();
                    input.advance(3);
                    self.content = 0;
                    return Ok(Some(Piece::End { application, protocol }));
                }
                _ if input.is_empty() => return Ok(None),
                kind => {
                    let bytes = input.split_to(self.content.min(input.len())).freeze();
                    self.content -= bytes.len();
                    match kind {
                        STDOUT => return Ok(Some(Piece::Stdout(bytes))),
                        STDERR => return Ok(Some(Piece::Stderr(bytes))),
                        // Management records and those of later versions (§3.3).
                        _ => {}
                    }
                }
            }
        }
    }

    /// Reads a record's header; whether it has no content.
    fn begin(&mut self, input: &mut BytesMut) -> Result<bool, Malformed> {
        let version = input.get_u8();
        self.kind = input.get_u8();
        let request = input.get_u16();
        self.content = usize::from(input.get_u16());
        self.padding = usize::from(input.get_u8());
        input.advance(1);
        if version != VERSION {
            return Err(Malformed("unknown version"));
        }
        match self.kind {
            END_REQUEST | STDOUT | STDERR if request != REQUEST => return Err(Malformed("an unknown request's")),
            END_REQUEST if self.content != 8 => return Err(Malformed("an end of a wrong length")),
            BEGIN_REQUEST | ABORT_REQUEST | PARAMS | STDIN => return Err(Malformed("a client's")),
            _ => {}
        }
        Ok(self.content == 0)
    }

    /// Whether the stream is between two records.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.content == 0 && self.padding == 0
    }
}
