//! Keys, sealed values, passwords, tokens and one-time codes. Every primitive except argon2 comes from aws-lc-rs.
//!
//! Key hierarchy: the master key (a file) wraps one key per [`Scope`] (the platform, or a tenant); a scope's key
//! seals values. Wrapped keys are bytes that the caller stores. Rotating the master re-wraps those few keys and
//! leaves every sealed value alone.
#![forbid(unsafe_code)]

mod backup;
mod envelope;
mod hpke;
mod password;
mod secret;
mod secret_file;
mod token;
mod token_kind;
mod totp;
mod xaes;

pub use backup::{BACKUP_CODES, generate_backup_codes};
pub use envelope::{KeyId, MasterKey, Place, Scope, Sealer, WrappedKey};
pub use hpke::{NodeKeyPair, NodePublicKey, seal_to};
pub use password::breached::{HashFile, is_breached};
pub use password::policy::{
    MAX_PASSWORD_CHARS, MIN_OWNER_PASSWORD_CHARS, MIN_PASSWORD_CHARS, WeakPassword, check_password,
};
pub use password::{Passwords, Verdict, check_password_hash};
pub use secret::Secret;
pub use token::{Token, TokenHash};
pub use token_kind::TokenKind;
pub use totp::{TOTP_SECRET_BYTES, TotpSecret};

use std::path::PathBuf;

/// What can go wrong with keys and sealed values. No text ever contains key material or plaintext.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key file cannot be read, written or trusted.
    #[error("key file {path}: {reason}", path = path.display())]
    KeyFile { path: PathBuf, reason: String },
    /// The bytes are not in any format this version writes.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The value names a key that the sealer does not hold (an older master key, or another tenant's).
    #[error("sealed under key {0}, which is not available")]
    UnknownKey(KeyId),
    /// Wrong key, other place, or altered bytes: authenticated encryption does not say which.
    #[error("the sealed value does not open: it was altered, moved or sealed for another key")]
    DoesNotOpen,
    /// A stored password hash is not a PHC string that argon2 understands.
    #[error("unusable password hash: {0}")]
    PasswordHash(argon2::password_hash::Error),
    /// The hashing thread was lost, for example at shutdown.
    #[error("password hashing was interrupted")]
    Interrupted,
}

/// Fills `bytes` from the system's random source.
pub fn fill_random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("aws-lc aborts or blocks rather than fail once the kernel has entropy");
}

#[cfg(test)]
mod tests;

/// Whether two secrets are equal, in a time that does not tell how much of them is.
#[must_use]
pub fn same_secret(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}
