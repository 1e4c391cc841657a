//! The head of a CGI answer (RFC 3875 §6).

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// The most bytes of a head.
pub const MAX_HEAD: usize = 64 * 1024;
const MAX_FIELDS: usize = 512;

/// What a program's answer begins with.
#[derive(Debug)]
pub struct Head {
    /// From `Status`, or 302 when there is only a `Location`, or 200.
    pub status: StatusCode,
    /// All other fields, without those that concern a connection.
    pub fields: HeaderMap,
    /// The answer's own `Content-Length`.
    pub length: Option<u64>,
    /// Where the body begins.
    pub end: usize,
}

/// The program's answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program's answer is malformed: {0}")]
pub struct Malformed(&'static str);

/// Reads a head; `None` when its end has not come yet. Lines end in LF or CRLF. The first `seen` bytes are known not to
/// hold the end: a head that comes byte by byte is not searched from its beginning each time.
///
/// # Errors
/// [`Malformed`]: a line that is no field, two lengths or statuses, or more than [`MAX_HEAD`] bytes.
pub fn parse(bytes: &[u8], seen: usize) -> Result<Option<Head>, Malformed> {
    let Some(end) = end(bytes, seen.saturating_sub(2)) else {
        return if bytes.len() > MAX_HEAD {
            Err(Malformed("its head is too long"))
        } else {
            Ok(None)
        };
    };
    if end > MAX_HEAD {
        return Err(Malformed("its head is too long"));
    }
    let mut head = Head {
        status: StatusCode::OK,
        fields: HeaderMap::new(),
        length: None,
        end,
    };
    let (mut status, mut count) = (None, 0);
    for line in bytes[..end].split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        count += 1;
        if count > MAX_FIELDS {
            return Err(Malformed("it has too many fields"));
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.ok_or(Malformed("a line is no field"))?);
        let name = HeaderName::from_bytes(name).map_err(|_| Malformed("a field's name is none"))?;
        let value = value[1..].trim_ascii();
        match name.as_str() {
            "status" => {
                let code = value.split(|byte| *byte == b' ').next().unwrap_or_default();
                let code = StatusCode::from_bytes(code).ok().filter(|code| code.as_u16() >= 200);
                let code = code
                    .filter(|code| code.as_u16() < 600)
                    .ok_or(Malformed("its status is none"))?;
                if status.replace(code).is_some() {
                    return Err(Malformed("it has two statuses"));
                }
            }
            "content-length" => {
                let number = std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'));
                let number = number.and_then(|text| text.parse().ok());
                let number = number.ok_or(Malformed("its length is none"))?;
                if head.length.replace(number).is_some_and(|old| old != number) {
                    return Err(Malformed("it has two lengths"));
                }
            }
            "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding" | "upgrade" => {}
            _ => {
                let value = HeaderValue::from_bytes(value).map_err(|_| Malformed("a field's value is none"))?;
                head.fields.append(name, value);
            }
        }
    }
    if count == 0 {
        return Err(Malformed("it has no head"));
    }
    head.status = match status {
        Some(status) => status,
        // RFC 3875 §6.2.3 and §6.2.4.
        None if head.fields.contains_key(header::LOCATION) => StatusCode::FOUND,
        None => StatusCode::OK,
    };
    Ok(Some(head))
}

/// Where the body begins: behind the first empty line.
fn end(bytes: &[u8], mut from: usize) -> Option<usize> {
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\n') {
        let rest = &bytes[from + at + 1..];
        if rest.starts_with(b"\n") {
            return Some(from + at + 2);
        }
        if rest.starts_with(b"\r\n") {
            return Some(from + at + 3);
        }
        // An answer without any field.
        if from == 0 && (at == 0 || bytes[..at] == *b"\r") {
            return Some(at + 1);
        }
        from += at + 1;
    }
    None
}
