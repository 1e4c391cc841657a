//! Time-based one-time passwords (RFC 6238): HMAC-SHA-1, six digits, 30-second steps, as every authenticator app has.

use std::fmt::{self, Write};

use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::{Error, fill_random};

/// Length of a secret: the 160 bits that RFC 4226 recommends.
pub const TOTP_SECRET_BYTES: usize = 20;

const STEP_SECONDS: u64 = 30;
const DIGITS: usize = 6;

/// The secret shared with an authenticator app. Store it sealed.
pub struct TotpSecret(Zeroizing<[u8; TOTP_SECRET_BYTES]>);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret([redacted])")
    }
}

impl TotpSecret {
    /// A fresh secret.
    pub fn generate() -> Self {
        let mut secret = Zeroizing::new([0u8; TOTP_SECRET_BYTES]);
        fill_random(secret.as_mut_slice());
        Self(secret)
    }

    /// The raw bytes, to be sealed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Base32 without padding: what a person types into an app that cannot scan.
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.as_bytes()))
    }

    /// The `otpauth://totp/…` address behind the QR code (Key URI format of Google Authenticator).
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (percent_encode(issuer), percent_encode(account));
        let secret = self.base32();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            secret.as_str()
        ))
    }

    /// Checks a code at `unix_seconds`, one step of clock drift allowed either way. Returns the step that matched:
    /// store it and give it as `last_used_step` next time, in the same transaction, so that a code works once.
    pub fn verify(&self, code: &str, unix_seconds: u64, last_used_step: Option<u64>) -> Option<u64> {
        let now = unix_seconds / STEP_SECONDS;
        let mut matched = None;
        for step in now.saturating_sub(1)..=now + 1 {
            let expected = self.code(step);
            let same = constant_time::verify_slices_are_equal(expected.as_bytes(), code.as_bytes()).is_ok();
            if same && last_used_step.is_none_or(|last| step > last) && matched.is_none() {
                matched = Some(step);
            }
        }
        matched
    }

    /// RFC 4226 §5.3: dynamic truncation of the HMAC over the step's number.
    pub(crate) fn code(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.as_bytes());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[19] & 0x0f);
        let word: [u8; 4] = tag[offset..offset + 4]
            .try_into()
            .expect("offset is at most 15 of 20 bytes");
        format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }
}

impl TryFrom<&[u8]> for TotpSecret {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.try_into().map_err(|_| Error::Malformed("TOTP secret"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

/// RFC 3986 §2.1, everything but unreserved characters.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("writing to a String does not fail"),
        }
    }
    encoded
}
