//! XAES-256-GCM (C2SP `XAES-256-GCM.md`): AES-256-GCM under a key derived per message, so that 192-bit nonces may be
//! random for any practical number of messages (plain GCM's 96-bit ones must not be, beyond 2^32).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cmac;
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub(crate) const XNONCE_LEN: usize = 24;
/// Bytes of an authentication tag.
pub(crate) const TAG_LEN: usize = 16;

/// The derivation key.
pub(crate) struct Xaes(cmac::Key);

impl Xaes {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(cmac::Key::new(cmac::AES_256, key).expect("32 bytes are an AES-256 key"))
    }

    /// The message key is two CMAC blocks over a counter, the letter X and the first half of the nonce; the second
    /// half is the GCM nonce.
    fn message_key(&self, nonce: &[u8; XNONCE_LEN]) -> (LessSafeKey, Nonce) {
        let mut key = Zeroizing::new([0u8; 32]);
        let mut block = [0, 0, b'X', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        block[4..].copy_from_slice(&nonce[..12]);
        for (counter, half) in [1u8, 2].into_iter().zip(key.chunks_exact_mut(16)) {
            block[1] = counter;
            let tag = cmac::sign(&self.0, &block).expect("CMAC over 16 bytes has no failing input");
            half.copy_from_slice(tag.as_ref());
        }
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("32 bytes are an AES-256 key");
        let tail: [u8; NONCE_LEN] = nonce[12..].try_into().expect("24 bytes less 12 are 12");
        (LessSafeKey::new(key), Nonce::assume_unique_for_key(tail))
    }

    /// Appends ciphertext and tag to `out`.
    pub(crate) fn seal(&self, nonce: &[u8; XNONCE_LEN], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        let (key, nonce) = self.message_key(nonce);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut out[start..])
            .expect("a message held in memory is below GCM's 64 GiB limit");
        out.extend_from_slice(tag.as_ref());
    }

    /// Checks the tag and returns the plaintext; `None` when anything differs.
    pub(crate) fn open(&self, nonce: &[u8; XNONCE_LEN], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (key, nonce) = self.message_key(nonce);
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = key.open_in_place(nonce, Aad::from(aad), &mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}
