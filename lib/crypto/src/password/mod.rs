//! Password hashing: argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane), PHC strings.
//!
//! One hash costs 19 MiB and about 25 ms of a core, so the number at once is bounded and the work runs on the blocking
//! pool: a burst of logins queues instead of exhausting memory or stalling the runtime.

pub(crate) mod breached;
pub mod policy;

use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
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
        let hash = self.run(move || hash_now(password.as_bytes(), fresh_salt())).await??;
        Ok(hash.to_string())
    }

    /// Checks a password against the stored PHC string. Without one (no such user, no password set) the same work is
    /// done on a hash nothing matches, so that the time does not tell whether the user exists.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict, Error> {
        let hash = match stored {
            Some(stored) => parse(stored)?,
            None => PasswordHash::clone(&self.dummy),
        };
        let rehash = !is_current(&hash);
        let password = Zeroizing::new(password.to_owned());
        let same = self
            .run(move || Ok::<bool, Error>(recompute(&hash, password.as_bytes())? == hash.hash))
            .await??;
        let matched = same && stored.is_some();
        Ok(if matched {
            Verdict::Match { rehash }
        } else {
            Verdict::Mismatch
        })
    }

    /// Hashes a set of backup codes, in order. They share one random salt, so that checking a code costs one hash.
    pub async fn hash_backup_codes(&self, codes: &[Zeroizing<String>]) -> Result<Vec<String>, Error> {
        let salt = fresh_salt();
        let mut hashes = Vec::with_capacity(codes.len());
        for code in codes {
            let code = backup::normalise(code).ok_or(Error::Malformed("backup code"))?;
            let hash = self.run(move || hash_now(code.as_bytes(), salt)).await??;
            hashes.push(hash.to_string());
        }
        Ok(hashes)
    }

    /// Finds which of the stored hashes (one set) `typed` matches. The caller deletes that one in the transaction
    /// that signs in: each code works once.
    pub async fn find_backup_code(&self, typed: &str, stored: &[String]) -> Result<Option<usize>, Error> {
        let Some(code) = backup::normalise(typed) else {
            return Ok(None);
        };
        let stored: Vec<PasswordHash> = stored.iter().map(|hash| parse(hash)).collect::<Result<_, _>>()?;
        let Some(first) = stored.first().cloned() else {
            return Ok(None);
        };
        let salt = first.salt;
        let computed = self.run(move || recompute(&first, code.as_bytes())).await??;
        Ok(stored
            .iter()
            .position(|hash| hash.salt == salt && hash.hash == computed))
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

/// The most that a hash made elsewhere may ask of this machine: 64 MiB and ten passes.
const MOST: (u32, u32, u32) = (64 * 1024, 10, 4);

/// Whether [`Passwords::verify`] takes a hash that was made elsewhere, at a cost that is no attack.
///
/// # Errors
/// [`Error::PasswordHash`] or [`Error::Malformed`] with what is wrong.
pub fn check_password_hash(stored: &str) -> Result<(), Error> {
    let hash = parse(stored)?;
    let params = Params::try_from(&hash).map_err(Error::PasswordHash)?;
    Algorithm::try_from(hash.algorithm.as_str()).map_err(Error::PasswordHash)?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(Error::Malformed("password hash: it has no salt or output"));
    }
    if params.m_cost() > MOST.0 || params.t_cost() > MOST.1 || params.p_cost() > MOST.2 {
        return Err(Error::Malformed(
            "password hash: it costs more than 64 MiB and ten passes",
        ));
    }
    Ok(())
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are within argon2's limits")
}

fn fresh_salt() -> Salt {
    let mut salt = [0u8; 16];
    fill_random(&mut salt);
    Salt::new(&salt).expect("16 bytes are a salt")
}

fn parse(stored: &str) -> Result<PasswordHash, Error> {
    PasswordHash::new(stored).map_err(|error| Error::PasswordHash(error.into()))
}

/// Hashes under the current parameters.
fn hash_now(password: &[u8], salt: Salt) -> Result<PasswordHash, Error> {
    let mut output = [0u8; 32];
    run_argon2(
        Algorithm::Argon2id,
        Version::V0x13,
        params(),
        password,
        &salt,
        &mut output,
    )?;
    Ok(current_form(salt, &output))
}

/// Hashes under the parameters of a stored hash. The outputs compare in constant time.
fn recompute(stored: &PasswordHash, password: &[u8]) -> Result<Option<Output>, Error> {
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
        return Err(Error::Malformed("password hash: it has no salt or output"));
    };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(Error::PasswordHash)?;
    let version = stored.version.map_or(Ok(Version::V0x10), Version::try_from);
    let version = version.map_err(|error| Error::PasswordHash(error.into()))?;
    let params = Params::try_from(stored).map_err(Error::PasswordHash)?;
    let mut output = vec![0u8; expected.len()];
    run_argon2(algorithm, version, params, password, salt, &mut output)?;
    Ok(Some(
        Output::new(&output).map_err(|error| Error::PasswordHash(error.into()))?,
    ))
}

/// glibc never recycles blocks above 32 MiB (`DEFAULT_MMAP_THRESHOLD_MAX`): they are mapped and, when freed, unmapped.
const ALWAYS_MAPPED: usize = 33 * 1024 * 1024;

/// Runs argon2 in memory of its own, which goes back to the system at once. Left to argon2's own allocation, glibc
/// keeps the aligned 19 MiB blocks in its arenas and fails to reuse them: 400 MiB resident after forty hashes.
/// Reserving more than is touched costs address space only.
fn run_argon2(
    algorithm: Algorithm,
    version: Version,
    params: Params,
    password: &[u8],
    salt: &Salt,
    output: &mut [u8],
) -> Result<(), Error> {
    let blocks = params.block_count();
    let mut memory: Vec<Block> = Vec::with_capacity(blocks.max(ALWAYS_MAPPED / Block::SIZE));
    memory.resize(blocks, Block::default());
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(password, salt, output, &mut memory)
        .map_err(|error| Error::PasswordHash(error.into()))
}

fn current_form(salt: Salt, output: &[u8; 32]) -> PasswordHash {
    PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()).expect("the parameters print"),
        salt: Some(salt),
        hash: Some(Output::new(output).expect("32 bytes are an output")),
    }
}

/// A hash of nothing: random salt and output under the current parameters, made without hashing.
fn dummy_hash() -> PasswordHash {
    let mut output = [0u8; 32];
    fill_random(&mut output);
    current_form(fresh_salt(), &output)
}

fn is_current(hash: &PasswordHash) -> bool {
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    hash.algorithm == ARGON2ID_IDENT
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash).is_ok_and(|used| cost(&used) == cost(&params()))
}
