//! The raw bytes of the heads of HTTP/1 requests. hyper forgives more than servers behind the edge may: it drops a
//! `Content-Length` beside `Transfer-Encoding`, and takes a line feed alone for the end of a line.
//!
//! What comes on a connection is a head, its body, a head, and so on, also when a client does not wait for answers, or gets
//! one before it has sent its body. Bodies with a length are counted and not kept; behind a chunked one it is not known where
//! the next head begins, unless nothing else came with its end.

/// The most bytes that are kept: more than the longest head that is served, with what may have come in one piece with it.
const KEPT: usize = 128 * 1024;
/// What an idle connection may keep of a buffer: enough for the next ordinary head, and little when thousands of clients
/// have sent long ones.
const KEPT_IDLE: usize = 4 * 1024;

#[derive(Default)]
pub(super) struct RawHead {
    /// Begins with the head of the request that was read last, or holds it.
    bytes: Vec<u8>,
    /// It may stand behind a body.
    behind: bool,
    /// What is still to come of its body.
    body: Body,
    /// What came after its body: the next head.
    next: Vec<u8>,
    /// It may stand behind the end of a body.
    next_behind: bool,
}

/// What is still to come of a request's body.
#[derive(Clone, Copy, Default)]
enum Body {
    #[default]
    Nothing,
    Length(u64),
    /// Until a chunk says so.
    Chunks,
    /// Its head is not known for certain.
    Unknown,
}

impl RawHead {
    /// Bytes came.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        match &mut self.body {
            Body::Nothing => self.next.extend_from_slice(bytes),
            Body::Length(left) => {
                let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= here as u64;
                self.next.extend_from_slice(&bytes[here..]);
            }
            // Only what comes with the end of the body can begin the next head.
            Body::Chunks => {
                let ends = bytes.ends_with(b"0\r\n\r\n");
                if ends || self.next.len() > KEPT_IDLE {
                    self.next.clear();
                }
                if ends {
                    self.body = Body::Nothing;
                } else {
                    self.next.extend_from_slice(bytes);
                }
                // It may have been data that looks like the end.
                self.next_behind = true;
            }
            Body::Unknown => {
                self.next_behind = true;
                self.next.extend_from_slice(bytes);
            }
        }
        // The end is what matters: hyper asks for no more while it holds a whole head.
        if self.next.len() > 2 * KEPT {
            self.next.drain(..self.next.len() - KEPT);
            self.next_behind = true;
        }
    }

    /// A body has been read to its end: what comes now belongs to the next head.
    pub(super) fn body_ended(&mut self) {
        match self.body {
            Body::Chunks => self.body = Body::Nothing,
            Body::Nothing if self.next.is_empty() => self.next_behind = false,
            _ => {}
        }
    }

    /// hyper has read a head, with a body or none.
    pub(super) fn opened(&mut self, has_body: bool) {
        self.bytes.clear();
        std::mem::swap(&mut self.bytes, &mut self.next);
        self.behind = std::mem::take(&mut self.next_behind);
        if self.behind {
            self.body = if has_body { Body::Unknown } else { Body::Nothing };
            // Heads that came together are looked for in the same bytes.
            if has_body || !self.bytes.ends_with(b"\r\n\r\n") {
                self.next.extend_from_slice(&self.bytes);
                self.next_behind = true;
            }
            return;
        }
        let begin = blank(&self.bytes);
        let Some(end) = end(&self.bytes[begin..]).map(|end| begin + end) else {
            self.body = Body::Unknown;
            return;
        };
        self.body = match has_body {
            true => body(&self.bytes[begin..end]),
            false => Body::Nothing,
        };
        let rest = self.bytes.split_off(end);
        self.read(&rest);
    }

    /// The connection is idle from now on.
    pub(super) fn rest(&mut self) {
        if self.bytes.capacity() > KEPT_IDLE {
            self.bytes = Vec::new();
        }
        if self.next.is_empty() && self.next.capacity() > KEPT_IDLE {
            self.next = Vec::new();
        }
    }

    /// Whether nothing has come after it.
    pub(super) fn is_all(&self) -> bool {
        !self.behind && self.next.is_empty() && matches!(self.body, Body::Nothing)
    }

    /// Whether the head of this method is read in the same way by all: each line ends in CR and LF (RFC 9112 §2.2), and
    /// it says in one way where its body ends (§6.1). Not so when it is not known. Behind others it is not known where it
    /// begins: whatever could be it has to stand the test, so that nothing takes its place.
    pub(super) fn is_clear(&self, method: &str) -> bool {
        if !self.behind {
            let head = &self.bytes[blank(&self.bytes)..];
            return begins(head, method) && is_one_reading(head);
        }
        let starts = (0..self.bytes.len()).map(|at| &self.bytes[at..]);
        let mut heads = starts.filter(|head| begins(head, method)).peekable();
        heads.peek().is_some() && heads.all(is_one_reading)
    }
}

/// Bytes of blank lines before a head.
fn blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Bytes of the head that begins here, with the blank line at its end.
fn end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// How the body of this head ends.
fn body(head: &[u8]) -> Body {
    let mut fields = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..at], &line[at + 1..]))
    });
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    let Some((_, value)) = length else { return Body::Chunks };
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
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    rest.starts_with(b" ") && (line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0"))
}

fn is_one_reading(head: &[u8]) -> bool {
    let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let (mut length, mut coding) = (false, false);
    for line in head[..end + 2].split_inclusive(|byte| *byte == b'\n').skip(1) {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        length |= name.eq_ignore_ascii_case(b"content-length");
        coding |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    let lines = head[..end + 2].split_inclusive(|byte| *byte == b'\n');
    lines.into_iter().all(|line| line.ends_with(b"\r\n")) && !(length && coding)
}

#[cfg(test)]
mod tests;
