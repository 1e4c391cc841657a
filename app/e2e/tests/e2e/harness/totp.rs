//! The authenticator app on somebody's phone.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;

/// What the app shows `steps` half-minutes from now (RFC 6238). A code works once; the panel takes the next one as well.
#[expect(
    clippy::disallowed_methods,
    reason = "the panel under test goes by the machine's clock"
)]
pub fn code(secret: &str, steps: u64) -> String {
    let key = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let step = now.as_secs() / 30 + steps;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let word = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}
