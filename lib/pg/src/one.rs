//! A request that waits for a second connection while it holds one can wait for ever: once enough of them have taken all of
//! the pool, each waits for another. Debug builds of the server find out, so that tests do.

use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static OPEN: Open;
}

/// The transaction that a request has open.
type Open = Arc<Mutex<Option<&'static str>>>;

/// Runs what one request does, which panics where it begins a transaction while it has another one open.
pub async fn one_connection<F: Future>(request: F) -> F::Output {
    OPEN.scope(Open::default(), request).await
}

/// Stands for a request's one connection; for nothing outside of requests.
#[derive(Debug)]
pub struct Held(Option<Open>);

impl Held {
    /// # Panics
    /// When the request has a connection already.
    pub fn take(what: &'static str) -> Self {
        let Ok(open) = OPEN.try_with(Arc::clone) else {
            return Self(None);
        };
        let before = open.lock().unwrap_or_else(PoisonError::into_inner).replace(what);
        assert!(before.is_none(), "a request begins {what} while it has {before:?} open");
        Self(Some(open))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            *open.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

#[cfg(test)]
mod tests;
