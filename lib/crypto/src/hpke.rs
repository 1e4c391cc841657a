//! Sealing to one node: HPKE (RFC 9180) base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
//!
//! A sealed message is `enc (32) ‖ ciphertext ‖ tag (16)`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};
use zeroize::Zeroizing;

use crate::secret_file::{self, KeyBytes};
use crate::{Error, fill_random};

const KEY_LEN: usize = 32;

/// A node's X25519 public key. Text form: base64 of 32 bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct NodePublicKey([u8; KEY_LEN]);

impl fmt::Display for NodePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl FromStr for NodePublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = STANDARD.decode(text).map_err(|_| Error::Malformed("node public key"))?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| Error::Malformed("node public key"))
    }
}

/// Encrypts `plaintext` so that only the holder of the private key opens it. `info` names the purpose and the node,
/// `aad` the object; both must be given again to open.
pub fn seal_to(public: &NodePublicKey, info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    // The only input that can fail is a public key of low order.
    let recipient = HpkePublicKey(public.0.to_vec());
    let (enc, ciphertext) = SUITE
        .seal(info, aad, plaintext, &recipient)
        .map_err(|_| Error::Malformed("node public key"))?;
    let mut sealed = enc.0;
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// A node's own key pair. The private half stays in the node's key file and memory.
pub struct NodeKeyPair {
    private: HpkePrivateKey,
    public: NodePublicKey,
}

impl fmt::Debug for NodeKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKeyPair({})", self.public)
    }
}

impl NodeKeyPair {
    /// Reads the key file, or creates it (mode 0600, base64 of 32 bytes). Same refusals as the master key's file.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        let generate = || {
            // Any 32 random bytes are an X25519 private key (RFC 7748 §5 clamps on use).
            let mut key = Zeroizing::new([0u8; KEY_LEN]);
            fill_random(key.as_mut_slice());
            key
        };
        let (private, _) = secret_file::load_or_create(path, generate)?;
        Self::from_private(&private)
    }

    pub(crate) fn from_private(private: &KeyBytes) -> Result<Self, Error> {
        let key = PrivateKey::from_private_key(&X25519, private.as_slice())
            .map_err(|_| Error::Malformed("node private key"))?;
        let public = key
            .compute_public_key()
            .map_err(|_| Error::Malformed("node private key"))?;
        let public = public
            .as_ref()
            .try_into()
            .map_err(|_| Error::Malformed("node private key"))?;
        Ok(Self {
            private: HpkePrivateKey::from(private.to_vec()),
            public: NodePublicKey(public),
        })
    }

    /// The half to publish.
    pub fn public(&self) -> NodePublicKey {
        self.public
    }

    /// Opens what `seal_to` made with the same `info` and `aad`.
    pub fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (enc, ciphertext) = sealed
            .split_first_chunk::<KEY_LEN>()
            .ok_or(Error::Malformed("sealed message"))?;
        let enc = EncapsulatedSecret(enc.to_vec());
        let opened = SUITE.open(&enc, info, aad, ciphertext, &self.private);
        opened.map(Zeroizing::new).map_err(|_| Error::DoesNotOpen)
    }
}
