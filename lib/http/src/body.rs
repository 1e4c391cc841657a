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
const MAX_STRANGERS_JSON: usize = 16 * 1024;
/// A whole body arrives within this time, however slowly each part of it comes.
const LONGEST: Duration = Duration::from_secs(30);
const RETRY_AFTER: u32 = 2;

/// The most bytes of bodies that are on their way at once, of all callers together. Two thousand clients that send the
/// largest body, and none of them its end, must not fill the memory. Strangers have a pool of their own, or they could
/// keep those out who are known.
static KNOWN: Pool = Pool::of(64 * 1024 * 1024);
static STRANGERS: Pool = Pool::of(16 * 1024 * 1024);

/// Bytes of bodies on their way, and how many there may be.
pub(crate) struct Pool {
    most: usize,
    gathered: AtomicUsize,
}

impl Pool {
    pub(crate) const fn of(most: usize) -> Self {
        Self {
            most,
            gathered: AtomicUsize::new(0),
        }
    }

    #[cfg(test)]
    pub(crate) fn gathered(&self) -> usize {
        self.gathered.load(Ordering::Relaxed)
    }
}

/// Whether the body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        let (name, rest) = kind.split_at(kind.len().min(JSON.len()));
        name.eq_ignore_ascii_case(JSON) && matches!(rest.first(), None | Some(b';' | b' '))
    })
}

/// Reads a whole body of as many bytes as its sender may send: a stranger has no context.
pub(crate) async fn read(body: Body, sender: Option<&OpCx>) -> Result<Bytes, Problem> {
    let (most, pool) = match sender {
        Some(_) => (MAX_JSON, &KNOWN),
        None => (MAX_STRANGERS_JSON, &STRANGERS),
    };
    read_within(LONGEST, gather(body, most, pool)).await
}

pub(crate) async fn read_within(
    longest: Duration,
    gathered: impl Future<Output = Result<Bytes, Problem>>,
) -> Result<Bytes, Problem> {
    tokio::time::timeout(longest, gathered).await.unwrap_or_else(|_| {
        Err(Problem::new(
            Kind::Malformed,
            "request.slow_body",
            "the body did not arrive within 30 seconds",
        ))
    })
}

/// What a body that is on its way has of a pool.
pub(crate) struct Share<'a> {
    of: &'a Pool,
    bytes: usize,
}

impl<'a> Share<'a> {
    pub(crate) const fn of(pool: &'a Pool) -> Self {
        Self { of: pool, bytes: 0 }
    }

    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        match self.of.gathered.fetch_add(bytes, Ordering::Relaxed) + bytes {
            all if all <= self.of.most => Ok(()),
            _ => Err(Problem::new(
                Kind::Unavailable,
                "request.busy",
                "too many large requests and answers are on their way at once; try again in a moment",
            )
            .retry_after(RETRY_AFTER)),
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.gathered.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

pub(crate) async fn gather(mut body: Body, most: usize, pool: &Pool) -> Result<Bytes, Problem> {
    let mut share = Share::of(pool);
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
        // It grows by doubling: what it may hold is what it costs.
        let had = bytes.capacity();
        bytes.extend_from_slice(&data);
        share.grow(bytes.capacity() - had)?;
    }
    Ok(bytes.freeze())
}
