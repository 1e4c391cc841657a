//! Password hashing: argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane), PHC strings.
//!
//! One hash costs about 19 MiB and 15–25 ms of a core, so the number at once is bounded and the work runs on the blocking
//! pool: a burst of logins queues instead of exhausting memory or stalling the runtime.

pub mod policy;

use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{Error, backup, fill_random};

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The outcome of checking a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Right. With `rehash` the stored hash was made with other parameters: hash again and store.
    Match { rehash: bool },
    /// Wrong, or there is no such user.
    Mismatch,
}

/// The one password hasher of a process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    dummy: Arc<PasswordHash>,
}

impl Passwords {
    /// At most `at_once` hashes run together (at least one), each holding 19 MiB. Callers beyond that wait in order.
    pub fn new(at_once: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_once.max(1))),
            dummy: Arc::new(dummy_hash()),
        }
    }

    /// Hashes a new password with a fresh salt.
    pub async fn hash(&self, password: &str) -> Result<String, Error> {
        let password = Zeroizing::new(password.to_owned());
        let hash = self.run(move || hasher().hash_password(password.as_bytes())).await?;
        hash.map(|hash| hash.to_string()).map_err(Error::PasswordHash)
    }

    /// Checks a password against the stored PHC string. Without one (no such user, no password set) the same work is
    /// done on a hash nothing matches, so that the time does not tell whether the user exists.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict, Error> {
        let known = stored.is_some();
        let hash = match stored {
            Some(stored) => PasswordHash::new(stored).map_err(|error| Error::PasswordHash(error.into()))?,
            None => PasswordHash::clone(&self.dummy),
        };
        let rehash = !is_current(&hash);
        let password = Zeroizing::new(password.to_owned());
        let outcome = self
            .run(move || hasher().verify_password(password.as_bytes(), &hash))
            .await?;
        match outcome {
            Ok(()) if known => Ok(Verdict::Match { rehash }),
            Ok(()) | Err(password_hash::Error::PasswordInvalid) => Ok(Verdict::Mismatch),
            Err(error) => Err(Error::PasswordHash(error)),
        }
    }

    /// Hashes a set of backup codes, in order. They share one random salt, so that checking a code costs one hash.
    pub async fn hash_backup_codes(&self, codes: &[Zeroizing<String>]) -> Result<Vec<String>, Error> {
        let mut salt = [0u8; 16];
        fill_random(&mut salt);
        let mut hashes = Vec::with_capacity(codes.len());
        for code in codes {
            let code = backup::normalise(code).ok_or(Error::Malformed("backup code"))?;
            let hash = self
                .run(move || hasher().hash_password_with_salt(code.as_bytes(), &salt))
                .await?;
            hashes.push(hash.map_err(Error::PasswordHash)?.to_string());
        }
        Ok(hashes)
    }

    /// Finds which of the stored hashes (one set) `typed` matches. The caller deletes that one in the transaction
    /// that signs in: each code works once.
    pub async fn find_backup_code(&self, typed: &str, stored: &[String]) -> Result<Option<usize>, Error> {
        let Some(code) = backup::normalise(typed) else {
            return Ok(None);
        };
        let stored: Result<Vec<PasswordHash>, _> = stored.iter().map(|hash| PasswordHash::new(hash)).collect();
        let stored = stored.map_err(|error| Error::PasswordHash(error.into()))?;
        let Some(first) = stored.first() else { return Ok(None) };
        let salt = first.salt.ok_or(Error::Malformed("backup code hash"))?;
        let params = Params::try_from(first).map_err(Error::PasswordHash)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let computed = self
            .run(move || argon.hash_password_with_salt(code.as_bytes(), &salt))
            .await?;
        let computed = computed.map_err(Error::PasswordHash)?;
        // `Output` compares in constant time.
        Ok(stored
            .iter()
            .position(|hash| hash.salt == computed.salt && hash.hash == computed.hash))
    }

    #[cfg(test)]
    pub(crate) fn free_permits(&self) -> usize {
        self.permits.available_permits()
    }

    /// Runs `work` on the blocking pool under a permit. The permit goes with the work: a caller that gives up does not
    /// make room for another hash before this one ends.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| Error::Interrupted)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| Error::Interrupted)
    }
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are within argon2's limits")
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params())
}

/// A hash of nothing: random salt and output under the current parameters, made without hashing.
fn dummy_hash() -> PasswordHash {
    let (mut salt, mut output) = ([0u8; 16], [0u8; 32]);
    fill_random(&mut salt);
    fill_random(&mut output);
    PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()).expect("the parameters print"),
        salt: Some(Salt::new(&salt).expect("16 bytes are a salt")),
        hash: Some(Output::new(&output).expect("32 bytes are an output")),
    }
}

fn is_current(hash: &PasswordHash) -> bool {
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    hash.algorithm == ARGON2ID_IDENT
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash).is_ok_and(|used| cost(&used) == cost(&params()))
}
