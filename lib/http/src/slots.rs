//! How much one may have at work at once: streams that stay open, uploads that take long.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use mpanel_authz::OpCx;
use mpanel_kernel::error::Kind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Problem;
use crate::body::is_json;
use crate::caller::missing;

/// Seconds after which somebody who had too much at work may try again.
const RETRY_AFTER: u32 = 5;

/// A number of places for each key. Kept in memory: `serve` is one process, and what holds a place ends with it.
pub struct Slots<K: Hash + Eq + Clone> {
    most: usize,
    at_once: usize,
    taken: Mutex<HashMap<K, Taken>>,
}

/// What a key has.
struct Taken {
    places: usize,
    turns: Arc<Semaphore>,
}

/// A place that is taken until this is dropped.
pub struct Slot<K: Hash + Eq + Clone> {
    of: Arc<Slots<K>>,
    key: K,
    turns: Arc<Semaphore>,
}

impl<K: Hash + Eq + Clone> Slots<K> {
    #[must_use]
    pub fn new(most: u32) -> Arc<Self> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self::in_turns(most, most)
    }

    /// So many places, and of these so many that [`Slot::turn`] lets go on at once.
    pub(crate) fn in_turns(most: usize, at_once: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            at_once: at_once.min(Semaphore::MAX_PERMITS),
            taken: Mutex::default(),
        })
    }

    /// `None` when all places of the key are taken.
    #[must_use]
    pub fn take(self: &Arc<Self>, key: K) -> Option<Slot<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let places = taken.get(&key).map_or(0, |taken| taken.places);
        if places >= self.most {
            return None;
        }
        let entry = taken.entry(key.clone()).or_insert_with(|| Taken {
            places: 0,
            turns: Arc::new(Semaphore::new(self.at_once)),
        });
        entry.places += 1;
        let turns = entry.turns.clone();
        drop(taken);
        let of = self.clone();
        Some(Slot { of, key, turns })
    }
}

impl<K: Hash + Eq + Clone> Slot<K> {
    /// Waits until it is this one's turn among the places of its key, in the order in which they ask; for as long as what is
    /// answered is kept.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        self.turns.clone().acquire_owned().await.ok()
    }
}

impl<K: Hash + Eq + Clone> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.key) {
            Some(entry) if entry.places > 1 => entry.places -= 1,
            // Nothing is remembered of those who have nothing at work.
            _ => drop(taken.remove(&self.key)),
        }
    }
}

/// Too much at work at once (429).
#[must_use]
pub fn too_many(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(Kind::RateLimited, code, detail).retry_after(RETRY_AFTER)
}

/// The layer, behind [`admit`](crate::admit), that bounds how many uploads a person or token sends at once. An upload is
/// a request with a body that is no JSON; its place is free when the body has been read, or is given up.
pub async fn limit_uploads(State(slots): State<Arc<Slots<String>>>, request: Request, next: Next) -> Response {
    if is_json(request.headers()) || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let Some(cx) = request.extensions().get::<OpCx>() else {
        return missing("OpCx").into_response();
    };
    match slots.take(cx.actor().reference()) {
        Some(slot) => {
            let counted = |body| Body::new(Counted { body, _slot: slot });
            next.run(request.map(counted)).await
        }
        None => too_many(
            "request.too_many_uploads",
            "too many uploads are under way for this person or token; wait for one to end",
        )
        .into_response(),
    }
}

/// A body that holds a place.
struct Counted {
    body: Body,
    _slot: Slot<String>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
