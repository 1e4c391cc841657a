//! A task that waits for a second connection while it holds one can wait for ever: once enough of them have taken all of the
//! pool, each waits for another. Debug builds of the server find out, so that tests do.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::task;

/// The transaction that each task has open.
static OPEN: LazyLock<Mutex<HashMap<task::Id, &'static str>>> = LazyLock::new(Mutex::default);

/// Stands for a task's one connection.
#[derive(Debug)]
pub struct Held(Option<task::Id>);

impl Held {
    /// Nobody looks.
    pub const UNWATCHED: Self = Self(None);

    /// # Panics
    /// When the task has a connection already.
    pub fn watched(what: &'static str) -> Self {
        // What runs outside of tasks is no server's.
        let Some(task) = task::try_id() else {
            return Self::UNWATCHED;
        };
        let other = match open().entry(task) {
            Entry::Vacant(place) => {
                place.insert(what);
                None
            }
            Entry::Occupied(other) => Some(*other.get()),
        };
        assert!(other.is_none(), "a task begins {what} while it has {other:?} open");
        Self(Some(task))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(task) = self.0 {
            open().remove(&task);
        }
    }
}

fn open() -> MutexGuard<'static, HashMap<task::Id, &'static str>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
