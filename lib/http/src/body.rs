use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use mpanel_authz::OpCx;
use mpanel_kernel::error::Kind;

use crate::Problem;

const JSON: &[u8] = b"application/json";
/// The most bytes of a JSON body from somebody who was admitted.
pub(crate) const MAX_JSON: usize = 1024 * 1024;
/// The most bytes of one from a stranger: credentials are short.
const MAX_STRANGERS_JSON: usize = 64 * 1024;
/// A whole body arrives within this time, however slowly each part of it comes.
const LONGEST: Duration = Duration::from_secs(30);
/// The most bytes of bodies that are on their way at once, of all callers together. Two thousand clients that send the
/// largest body, and none of them its end, must not fill the memory.
const MOST_AT_ONCE: usize = 64 * 1024 * 1024;
const RETRY_AFTER: u32 = 2;

/// Bytes of bodies on their way.
static GATHERED: AtomicUsize = AtomicUsize::new(0);

/// Whether the body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        let (name, rest) = kind.split_at(kind.len().min(JSON.len()));
        name.eq_ignore_ascii_case(JSON) && matches!(rest.first(), None | Some(b';' | b' '))
    })
}

/// The most bytes of a JSON body from this sender.
pub(crate) fn most(cx: Option<&OpCx>) -> usize {
    match cx {
        Some(_) => MAX_JSON,
        None => MAX_STRANGERS_JSON,
    }
}

/// Reads a whole body of at most `most` bytes.
pub(crate) async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    read_within(LONGEST, body, most).await
}

pub(crate) async fn read_within(longest: Duration, body: Body, most: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(longest, gather(body, most, &GATHERED)).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            Kind::Malformed,
            "request.slow_body",
            "the body did not arrive within 30 seconds",
        )),
    }
}

/// What a body that is on its way has of `GATHERED`.
struct Share<'a> {
    of: &'a AtomicUsize,
    bytes: usize,
}

impl Share<'_> {
    fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        match self.of.fetch_add(bytes, Ordering::Relaxed) + bytes {
            all if all <= MOST_AT_ONCE => Ok(()),
            _ => Err(Problem::new(
                Kind::Unavailable,
                "request.busy",
                "too many large requests are on their way at once; try again in a moment",
            )
            .retry_after(RETRY_AFTER)),
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

pub(crate) async fn gather(mut body: Body, most: usize, all: &AtomicUsize) -> Result<Bytes, Problem> {
    let mut share = Share { of: all, bytes: 0 };
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
        if bytes.len() + data.len() > most {
            let detail = format!("the body is larger than {} KiB", most / 1024);
            return Err(Problem::new(Kind::TooLarge, "request.too_large", detail));
        }
        share.grow(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
