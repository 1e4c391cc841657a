//! A request that waits for a second connection while it holds one can wait for ever: once enough of them have taken all of
//! the pool, each waits for another. Debug builds of the server find out, so that tests do.

use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static REQUEST: Arc<Mutex<Begun>>;
}

/// What a request has begun.
#[derive(Debug, Default)]
struct Begun {
    open: Option<&'static str>,
    transactions: u32,
}

/// Runs what one request does, which panics where it begins a transaction while it has another one open.
pub async fn one_connection<F: Future>(request: F) -> F::Output {
    counted(request).await.0
}

/// As [`one_connection`]; with how many transactions were begun, one after the other.
pub async fn counted<F: Future>(request: F) -> (F::Output, u32) {
    let begun = Arc::<Mutex<Begun>>::default();
    let output = REQUEST.scope(begun.clone(), request).await;
    let transactions = begun.lock().unwrap_or_else(PoisonError::into_inner).transactions;
    (output, transactions)
}

/// Stands for a request's one connection; for nothing outside of requests.
#[derive(Debug)]
pub struct Held(Option<Arc<Mutex<Begun>>>);

impl Held {
    /// # Panics
    /// When the request has a connection already.
    pub fn take(what: &'static str) -> Self {
        let Ok(begun) = REQUEST.try_with(Arc::clone) else {
            return Self(None);
        };
        let mut now = begun.lock().unwrap_or_else(PoisonError::into_inner);
        let before = now.open.replace(what);
        now.transactions += 1;
        drop(now);
        assert!(before.is_none(), "a request begins {what} while it has {before:?} open");
        Self(Some(begun))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(begun) = &self.0 {
            begun.lock().unwrap_or_else(PoisonError::into_inner).open = None;
        }
    }
}

#[cfg(test)]
mod tests;
