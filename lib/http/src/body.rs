use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use mpanel_authz::OpCx;
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::TenantId;

use crate::{Problem, too_many};

const JSON: &[u8] = b"application/json";
/// The most bytes of a JSON body from somebody who was admitted.
pub(crate) const MAX_JSON: usize = 1024 * 1024;
/// The most bytes of one from a stranger: credentials are short.
const MAX_STRANGERS_JSON: usize = 16 * 1024;
/// Of those who are known, what fits into this is always taken: as much as a connection holds anyway, and nearly all changes.
pub(crate) const SHORT: usize = 16 * 1024;
/// A whole body arrives within this time, however slowly each part of it comes.
const LONGEST: Duration = Duration::from_secs(30);
const RETRY_AFTER: u32 = 2;

/// The most bytes of bodies that are on their way at once, of all callers together. Two thousand clients that send the
/// largest body, and none of them its end, must not fill the memory. Strangers have a pool of their own, or they could
/// keep those out who are known.
static KNOWN: Pool = Pool::of(32 * 1024 * 1024);
static STRANGERS: Pool = Pool::of(16 * 1024 * 1024);

/// Of a pool, one tenant has so much of it at most that it keeps nobody else out.
const SHARES: usize = 4;

/// Bytes of bodies on their way, and how many there may be.
pub(crate) struct Pool {
    most: usize,
    gathered: Mutex<Gathered>,
}

struct Gathered {
    all: usize,
    /// Of those who are known. Nothing is kept of those who have nothing on its way.
    of_tenants: BTreeMap<TenantId, usize>,
}

impl Pool {
    pub(crate) const fn of(most: usize) -> Self {
        Self {
            most,
            gathered: Mutex::new(Gathered {
                all: 0,
                of_tenants: BTreeMap::new(),
            }),
        }
    }

    #[cfg(test)]
    pub(crate) fn gathered(&self) -> (usize, usize) {
        let gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        (gathered.all, gathered.of_tenants.len())
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
    let (most, share) = match sender {
        Some(cx) => (MAX_JSON, Share::of(&KNOWN, Some(cx.tenant()))),
        None => (MAX_STRANGERS_JSON, Share::of(&STRANGERS, None)),
    };
    read_within(LONGEST, gather(body, most, share)).await
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
    tenant: Option<TenantId>,
    bytes: usize,
}

impl<'a> Share<'a> {
    /// Of a stranger, who has no tenant, every byte counts, since there are many of them.
    pub(crate) const fn of(pool: &'a Pool, tenant: Option<TenantId>) -> Self {
        Self {
            of: pool,
            tenant,
            bytes: 0,
        }
    }

    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let mut gathered = self.of.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.all += bytes;
        let own = self.tenant.map(|tenant| {
            let own = gathered.of_tenants.entry(tenant).or_default();
            *own += bytes;
            *own
        });
        if own.is_some_and(|own| own > self.of.most / SHARES) {
            let detail = "too many large requests and answers of this tenant are on their way at once; wait for them";
            return Err(too_many("request.too_many_at_once", detail));
        }
        if gathered.all > self.of.most {
            return Err(Problem::new(
                Kind::Unavailable,
                "request.busy",
                "too many large requests and answers are on their way at once; try again in a moment",
            )
            .retry_after(RETRY_AFTER));
        }
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut gathered = self.of.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.all -= self.bytes;
        let Some(tenant) = self.tenant else { return };
        if let Some(own) = gathered.of_tenants.get_mut(&tenant) {
            *own -= self.bytes;
            if *own == 0 {
                gathered.of_tenants.remove(&tenant);
            }
        }
    }
}

pub(crate) async fn gather(mut body: Body, most: usize, mut share: Share<'_>) -> Result<Bytes, Problem> {
    let free = share.tenant.map_or(0, |_| SHORT);
    let mut counted = 0;
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
        bytes.extend_from_slice(&data);
        // It grows by doubling: what it may hold is what it costs.
        let costs = bytes.capacity().saturating_sub(free);
        if costs > counted {
            share.grow(costs - counted)?;
            counted = costs;
        }
    }
    Ok(bytes.freeze())
}
