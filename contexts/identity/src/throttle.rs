use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mpanel_crypto::Token;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::network::Network;
use mpanel_kernel::throttle::{Generations, Throttle};

/// Credentials that turn out to be none: each costs a look-up, so an address has only so many.
///
/// Credentials that were given out or good a while ago are let through from an address that has none
/// left, or else one guest in a house could lock everybody in it out.
pub struct Guesses {
    failures: Throttle<Network>,
    good: Mutex<Generations<[u8; 32], ()>>,
}

impl Guesses {
    /// `burst` at once for an address, and `per_minute` from then on.
    #[must_use]
    pub fn new(clock: SharedClock, burst: u32, per_minute: u32) -> Self {
        let (burst, per_minute) = (burst.max(1), per_minute.max(1));
        let refill = Duration::from_secs(60).saturating_mul(burst) / per_minute;
        Self {
            failures: Throttle::new(clock, burst, refill),
            good: Mutex::default(),
        }
    }

    /// Whether the credential with this hash may be looked up for a request from `address`.
    ///
    /// # Errors
    /// Seconds after which there is room again, at least one.
    pub fn may_look_up(&self, address: Option<IpAddr>, hash: &[u8; 32]) -> Result<(), u32> {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.get(hash).is_some() {
            return Ok(());
        }
        drop(good);
        self.failures.look(&Network::of_caller(address))
    }

    /// The credential was good.
    pub fn succeeded(&self, hash: [u8; 32]) {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).put(hash, ());
    }

    /// The credential was just given out.
    pub(crate) fn gave(&self, token: &Token) {
        if let Ok(hash) = token.hash().as_bytes().try_into() {
            self.succeeded(hash);
        }
    }

    /// The credential was none, or is none any more.
    pub fn failed(&self, address: Option<IpAddr>, hash: &[u8; 32]) {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
        // Without room left, all there is to count is counted.
        let _full = self.failures.check(&Network::of_caller(address));
    }
}
