//! SHA-256 of an upload, taken as its bytes come in. Where it stands is kept with the row, so that neither a
//! restart nor a broken connection has anything read again.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};

use crate::domain::hex;

#[derive(Clone, Default)]
pub struct Hashing(Sha256);

impl Hashing {
    /// Goes on from a state; `None` when it is none that this version understands.
    #[must_use]
    pub fn resume(state: &[u8]) -> Option<Self> {
        let state: SerializedState<Sha256> = state.try_into().ok()?;
        Sha256::deserialize(&state).ok().map(Self)
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        self.0.serialize().to_vec()
    }

    /// In hexadecimal.
    #[must_use]
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}
