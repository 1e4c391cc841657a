use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use mpanel_kernel::error::Kind;

use crate::Problem;

const JSON: &[u8] = b"application/json";
/// The most bytes of a JSON body.
pub(crate) const MAX_JSON: usize = 1024 * 1024;

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
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Problem::new(
                Kind::Malformed,
                "request.broken_body",
                "the body ended before its end",
            ));
        };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > MAX_JSON {
            return Err(Problem::new(
                Kind::TooLarge,
                "request.too_large",
                "the body is larger than 1 MiB",
            ));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
