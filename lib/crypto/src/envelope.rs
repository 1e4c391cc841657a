//! Envelope encryption: the master key wraps one key per scope, and a scope's key seals values in their place.
//!
//! Layout of a sealed value, and of a wrapped key: `version (1) ‖ key id (8) ‖ nonce (24) ‖ ciphertext ‖ tag (16)`.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::secret_file::{self, KeyBytes, Origin};
use crate::xaes::{TAG_LEN, XNONCE_LEN, Xaes};
use crate::{Error, fill_random};

const VERSION: u8 = 1;
const ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + ID_LEN + XNONCE_LEN;

/// Names a key without telling it: a truncated HMAC of a constant under the key. Prints as 16 hex digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; ID_LEN]);

impl KeyId {
    fn of(key: &KeyBytes) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_slice());
        let tag = hmac::sign(&key, b"mpanel key id 1");
        Self(
            tag.as_ref()[..ID_LEN]
                .try_into()
                .expect("an HMAC-SHA256 tag has 32 bytes"),
        )
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// To whom a key belongs. Part of what every sealed value authenticates.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Scope {
    /// Tables without a tenant.
    Platform,
    /// One tenant, by the text of its id.
    Tenant(String),
    /// What one tenant keeps about one person, by the texts of both ids. Destroying its keys erases what they sealed.
    Person(String),
}

impl Scope {
    /// The scope of the tenant whose id prints as `id`.
    pub fn tenant(id: impl fmt::Display) -> Self {
        Self::Tenant(id.to_string())
    }

    /// The scope of what `tenant` keeps about `person`, whose ids print so.
    pub fn person(tenant: impl fmt::Display, person: impl fmt::Display) -> Self {
        Self::Person(format!("{tenant}/{person}"))
    }

    fn tag(&self) -> (&'static str, &str) {
        match self {
            Self::Platform => ("platform", ""),
            Self::Tenant(id) => ("tenant", id),
            Self::Person(ids) => ("person", ids),
        }
    }
}

/// Where a sealed value lives. A value copied to another table, column or row does not open there.
#[derive(Clone, Debug)]
pub struct Place {
    table: &'static str,
    column: &'static str,
    row: String,
}

impl Place {
    /// `table` is qualified by its schema (`identity.users`); `row` prints the primary key.
    pub fn new(table: &'static str, column: &'static str, row: impl fmt::Display) -> Self {
        Self {
            table,
            column,
            row: row.to_string(),
        }
    }
}

/// One key of the hierarchy together with its name.
struct NamedKey {
    id: KeyId,
    key: Xaes,
}

impl NamedKey {
    fn new(bytes: &KeyBytes) -> Self {
        Self {
            id: KeyId::of(bytes),
            key: Xaes::new(bytes),
        }
    }

    /// Every part is preceded by its length, so no two places give the same bytes.
    fn aad(&self, scope: &Scope, parts: [&str; 3]) -> Vec<u8> {
        let mut aad = vec![VERSION];
        aad.extend_from_slice(&self.id.0);
        let (kind, owner) = scope.tag();
        for part in [kind, owner].into_iter().chain(parts) {
            aad.extend_from_slice(&(part.len() as u64).to_be_bytes());
            aad.extend_from_slice(part.as_bytes());
        }
        aad
    }

    fn seal(&self, scope: &Scope, parts: [&str; 3], plaintext: &[u8]) -> Vec<u8> {
        let mut nonce = [0u8; XNONCE_LEN];
        fill_random(&mut nonce);
        let mut sealed = Vec::with_capacity(HEADER_LEN + plaintext.len() + TAG_LEN);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id.0);
        sealed.extend_from_slice(&nonce);
        self.key.seal(&nonce, &self.aad(scope, parts), plaintext, &mut sealed);
        sealed
    }

    fn open(&self, scope: &Scope, parts: [&str; 3], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, ciphertext) = sealed[1 + ID_LEN..]
            .split_first_chunk::<XNONCE_LEN>()
            .ok_or(Error::Malformed("sealed value"))?;
        self.key
            .open(nonce, &self.aad(scope, parts), ciphertext)
            .ok_or(Error::DoesNotOpen)
    }
}

/// Reads the header: the id of the key under which `sealed` was made.
fn key_id(sealed: &[u8]) -> Result<KeyId, Error> {
    if sealed.len() < HEADER_LEN + TAG_LEN || sealed[0] != VERSION {
        return Err(Error::Malformed("sealed value"));
    }
    Ok(KeyId(sealed[1..=ID_LEN].try_into().expect("the length was checked")))
}

/// What a wrapped key authenticates in the place of table, column and row.
const WRAPPED: [&str; 3] = ["", "wrapped key", ""];

/// A scope's key, sealed by the master key: safe to store. 81 bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Which master key wrapped it; `None` when it is malformed.
    pub fn master(&self) -> Option<KeyId> {
        key_id(&self.0).ok()
    }
}

impl From<Vec<u8>> for WrappedKey {
    fn from(stored: Vec<u8>) -> Self {
        Self(stored)
    }
}

/// The root of every other key. Lives in one file and in the memory of `serve`, nowhere else.
pub struct MasterKey(NamedKey);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.0.id)
    }
}

impl MasterKey {
    /// Reads the key file, or creates it (mode 0600, base64 of 32 bytes) when there is none. The flag says whether it
    /// was created. Fails on a file that others may read, that another user owns, or that is no key.
    pub fn load_or_create(path: &Path) -> Result<(Self, bool), Error> {
        let (bytes, origin) = secret_file::load_or_create(path, new_key)?;
        Ok((Self(NamedKey::new(&bytes)), origin == Origin::Created))
    }

    /// Reads an existing key file under the same rules.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Ok(Self(NamedKey::new(&secret_file::load(path)?)))
    }

    /// Writes the key whose text (as in a key file) this is to a file that is not there yet, or has it already.
    pub fn import(path: &Path, text: &str) -> Result<Self, Error> {
        let bytes = secret_file::parse(text).map_err(Error::Malformed)?;
        secret_file::store(path, &bytes)?;
        Ok(Self(NamedKey::new(&bytes)))
    }

    /// Which key a key file's text is of.
    pub fn id_of(text: &str) -> Result<KeyId, Error> {
        Ok(KeyId::of(&secret_file::parse(text).map_err(Error::Malformed)?))
    }

    /// Names the key; safe to show and to log.
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// Makes a fresh key for `scope`. The caller stores the result before sealing anything with it.
    pub fn new_wrapped_key(&self, scope: &Scope) -> WrappedKey {
        WrappedKey(self.0.seal(scope, WRAPPED, new_key().as_slice()))
    }

    /// The sealer of `scope` from its stored keys, newest first: the first seals, all of them open.
    ///
    /// # Errors
    /// `UnknownKey` when a key was wrapped by another master, `DoesNotOpen` when it belongs to another scope,
    /// `Malformed` when the list is empty.
    pub fn sealer(&self, scope: Scope, wrapped: &[WrappedKey]) -> Result<Sealer, Error> {
        let keys = wrapped
            .iter()
            .map(|key| self.unwrap_key(&scope, key).map(|bytes| NamedKey::new(&bytes)));
        let keys: Vec<NamedKey> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(Error::Malformed("list of wrapped keys: it is empty"));
        }
        Ok(Sealer { scope, keys })
    }

    /// Rotation: the same scope key, wrapped by this master instead of `previous`. Values sealed under it stay valid.
    pub fn rewrap(&self, previous: &MasterKey, scope: &Scope, wrapped: &WrappedKey) -> Result<WrappedKey, Error> {
        let bytes = previous.unwrap_key(scope, wrapped)?;
        Ok(WrappedKey(self.0.seal(scope, WRAPPED, bytes.as_slice())))
    }

    /// Whether this master wrapped the key, so that an interrupted rotation knows what is left.
    pub fn wrapped(&self, key: &WrappedKey) -> bool {
        key_id(&key.0).is_ok_and(|id| id == self.0.id)
    }

    fn unwrap_key(&self, scope: &Scope, wrapped: &WrappedKey) -> Result<KeyBytes, Error> {
        let id = key_id(&wrapped.0)?;
        if id != self.0.id {
            return Err(Error::UnknownKey(id));
        }
        let bytes = self.0.open(scope, WRAPPED, &wrapped.0)?;
        let key: [u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| Error::Malformed("wrapped key"))?;
        Ok(Zeroizing::new(key))
    }
}

fn new_key() -> KeyBytes {
    let mut key = Zeroizing::new([0u8; 32]);
    fill_random(key.as_mut_slice());
    key
}

/// Seals and opens the values of one scope. Cheap to build (microseconds) and to keep.
pub struct Sealer {
    scope: Scope,
    keys: Vec<NamedKey>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({:?}, {})", self.scope, self.keys[0].id)
    }
}

impl Sealer {
    /// Encrypts `plaintext` for `place`. The result is 49 bytes longer than the plaintext.
    pub fn seal(&self, place: &Place, plaintext: &[u8]) -> Vec<u8> {
        self.keys[0].seal(&self.scope, [place.table, place.column, &place.row], plaintext)
    }

    /// Decrypts what `seal` made for the same scope and place.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let id = key_id(sealed)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or(Error::UnknownKey(id))?;
        key.open(&self.scope, [place.table, place.column, &place.row], sealed)
    }
}
