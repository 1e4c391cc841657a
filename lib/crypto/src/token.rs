//! Bearer tokens: `<prefix>_` and 58 characters of lower-case base32 holding 32 random bytes and their CRC-32, so
//! that secret scanners recognise a leaked one and a mistyped one never reaches the database. Only hashes are stored.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use data_encoding::BASE32_NOPAD_NOCASE;
use zeroize::{Zeroize, Zeroizing};

use crate::{Error, TokenKind, fill_random};

const RANDOM_LEN: usize = 32;

/// A token in clear, as it is shown once or received. `Debug` prints only its prefix.
pub struct Token(Zeroizing<String>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.0.split('_').next().unwrap_or_default();
        write!(f, "Token({prefix}_[redacted])")
    }
}

impl Token {
    /// A fresh token of 256 random bits.
    pub fn generate(kind: TokenKind) -> Self {
        let mut random = Zeroizing::new([0u8; RANDOM_LEN]);
        fill_random(random.as_mut_slice());
        Self(Zeroizing::new(render(kind.prefix(), &random)))
    }

    /// Accepts text of the exact form that `generate` gives for `kind`; fails with `Malformed` on anything else.
    pub fn parse(kind: TokenKind, text: &str) -> Result<Self, Error> {
        let prefix = kind.prefix();
        const BAD: Error = Error::Malformed("token");
        let body = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(BAD)?;
        let bytes = BASE32_NOPAD_NOCASE
            .decode(body.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| BAD)?;
        let random: &[u8; RANDOM_LEN] = bytes.first_chunk().ok_or(BAD)?;
        let token = Self(Zeroizing::new(render(prefix, random)));
        // Also refuses upper case and trailing bytes: one token has one spelling.
        if token.0.as_str() == text { Ok(token) } else { Err(BAD) }
    }

    /// The text to hand out.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What to store and to look up. 256 random bits need no salt and no slow hash.
    pub fn hash(&self) -> TokenHash {
        let hash = digest::digest(&digest::SHA256, self.0.as_bytes());
        TokenHash(hash.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }
}

fn render(prefix: &str, random: &[u8; RANDOM_LEN]) -> String {
    let mut bytes = Zeroizing::new([0u8; RANDOM_LEN + 4]);
    bytes[..RANDOM_LEN].copy_from_slice(random);
    let mut crc = crc32fast::Hasher::new();
    crc.update(prefix.as_bytes());
    crc.update(random);
    bytes[RANDOM_LEN..].copy_from_slice(&crc.finalize().to_be_bytes());
    let mut body = BASE32_NOPAD_NOCASE.encode(bytes.as_slice());
    body.make_ascii_lowercase();
    let text = format!("{prefix}_{body}");
    body.zeroize();
    text
}

/// SHA-256 of a token's text. Compares in constant time.
#[derive(Clone, Copy, Debug, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The 32 bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for TokenHash {
    type Error = Error;

    fn try_from(stored: &[u8]) -> Result<Self, Error> {
        stored.try_into().map(Self).map_err(|_| Error::Malformed("token hash"))
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}
