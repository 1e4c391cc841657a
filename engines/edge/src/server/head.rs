//! The raw bytes of the heads of HTTP/1 requests. hyper forgives more than servers behind the edge may: it drops a
//! `Content-Length` beside `Transfer-Encoding`, and takes a line feed alone for the end of a line.
//!
//! What comes on a connection is a head, its body, a head, and so on, also when a client does not wait for answers, or gets
//! one before it has sent its body. Bodies are followed and not kept, so that each head is known to the byte.

mod chunks;

use chunks::Chunks;

/// The most bytes of heads that are kept: more than the longest head that is served, with what may have come in one piece with it.
const KEPT: usize = 256 * 1024;
/// What an idle connection may keep of a buffer: enough for the next ordinary head, and little when thousands of clients
/// have sent long ones.
const KEPT_IDLE: usize = 4 * 1024;

#[derive(Default)]
pub(super) struct RawHead {
    /// Holds the head of the request that was read last, and what came after its body.
    bytes: Vec<u8>,
    /// Where that head begins, and where it ends.
    begin: usize,
    end: usize,
    /// Where the next head begins: at the end of `bytes` for as long as the body is not over.
    next: usize,
    body: Body,
}

/// What is still to come of a request's body.
#[derive(Default)]
enum Body {
    #[default]
    Nothing,
    Length(u64),
    Chunks(Chunks),
    /// It is not known where it ends: no head behind it is known either.
    Unknown,
}

impl Body {
    /// How many of the bytes belong to it.
    fn take(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Length(left) => {
                let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= here as u64;
                if *left == 0 {
                    *self = Self::Nothing;
                }
                here
            }
            Self::Chunks(chunks) => match chunks.take(bytes) {
                Ok(None) => bytes.len(),
                Ok(Some(end)) => {
                    *self = Self::Nothing;
                    end
                }
                Err(chunks::Malformed) => {
                    *self = Self::Unknown;
                    bytes.len()
                }
            },
            Self::Unknown => bytes.len(),
        }
    }
}

impl RawHead {
    /// Bytes came.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        if self.begin > KEPT_IDLE {
            self.bytes.drain(..self.begin);
            self.end -= self.begin;
            self.next -= self.begin;
            self.begin = 0;
        }
        let taken = self.body.take(bytes);
        self.bytes.extend_from_slice(&bytes[taken..]);
        if self.bytes.len() - self.next > KEPT {
            self.bytes.truncate(self.next);
            self.body = Body::Unknown;
        }
    }

    /// hyper has read a head, with a body or none.
    pub(super) fn opened(&mut self, has_body: bool) {
        let rest = &self.bytes[self.next..];
        self.begin = self.next + blank(rest);
        let Some(length) = length(&self.bytes[self.begin..]) else {
            (self.end, self.next) = (self.begin, self.bytes.len());
            self.body = Body::Unknown;
            return;
        };
        self.end = self.begin + length;
        if has_body {
            self.body = body(&self.bytes[self.begin..self.end]);
        }
        self.next = self.end + self.body.take(&self.bytes[self.end..]);
    }

    /// The connection is idle from now on.
    pub(super) fn rest(&mut self) {
        if self.next == self.bytes.len() && self.bytes.capacity() > KEPT_IDLE {
            self.bytes = Vec::new();
            (self.begin, self.end, self.next) = (0, 0, 0);
        }
    }

    /// Whether nothing has come after it.
    pub(super) fn is_all(&self) -> bool {
        self.next == self.bytes.len() && matches!(self.body, Body::Nothing)
    }

    /// Whether the head of this method is read in the same way by all: each line ends in CR and LF (RFC 9112 §2.2), and
    /// it says in one way where its body ends (§6.1). Not so when it is not known.
    pub(super) fn is_clear(&self, method: &str) -> bool {
        let head = &self.bytes[self.begin..self.end];
        begins(head, method) && is_one_reading(head)
    }
}

/// Bytes of blank lines before a head.
fn blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Of the head that begins here, with the blank line at its end; unknown when a line ends in LF alone, for that may be a blank one.
fn length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        let line = length + bytes[length..].iter().position(|byte| *byte == b'\n')? + 1;
        let line = &bytes[length..line];
        length += line.len();
        match line {
            b"\r\n" => return Some(length),
            _ if !line.ends_with(b"\r\n") => return None,
            _ => {}
        }
    }
}

/// How the body of this head ends.
fn body(head: &[u8]) -> Body {
    let mut fields = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..at], &line[at + 1..]))
    });
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    let Some((_, value)) = length else {
        return Body::Chunks(Chunks::default());
    };
    let value = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    value.map_or(Body::Unknown, Body::Length)
}

/// Whether a request of the method begins here.
fn begins(bytes: &[u8], method: &str) -> bool {
    let Some(rest) = bytes.strip_prefix(method.as_bytes()) else {
        return false;
    };
    let line = rest.split(|byte| *byte == b'\r').next().unwrap_or_default();
    rest.starts_with(b" ") && (line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0"))
}

/// Whether the head says in one way where its body ends.
fn is_one_reading(head: &[u8]) -> bool {
    let (mut length, mut coding) = (false, false);
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        length |= name.eq_ignore_ascii_case(b"content-length");
        coding |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    !(length && coding)
}

#[cfg(test)]
mod tests;
