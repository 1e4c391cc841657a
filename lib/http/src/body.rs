use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use mpanel_kernel::error::Kind;

use crate::Problem;

const JSON: &[u8] = b"application/json";
/// The most bytes of a JSON body.
pub(crate) const MAX_JSON: usize = 1024 * 1024;
/// So much of a body that is too large is still read, and thrown away: a caller that is in the
/// middle of sending would otherwise see a broken connection instead of the answer.
const DRAINED: usize = 16 * 1024 * 1024;

/// Whether the body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        let (name, rest) = kind.split_at(kind.len().min(JSON.len()));
        name.eq_ignore_ascii_case(JSON) && matches!(rest.first(), None | Some(b';' | b' '))
    })
}

/// Reads a whole body of at most [`MAX_JSON`] bytes.
pub(crate) async fn read(mut body: Body) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Problem::new(
                Kind::Malformed,
                "request.broken_body",
                "the body ended before its end",
            ));
        };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= MAX_JSON {
            bytes.extend_from_slice(&data);
        } else if length > DRAINED {
            break;
        }
    }
    if length > MAX_JSON {
        return Err(Problem::new(
            Kind::TooLarge,
            "request.too_large",
            "the body is larger than 1 MiB",
        ));
    }
    Ok(bytes.freeze())
}
