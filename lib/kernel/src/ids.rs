//! Typed ids. A `uuid` v7 in the database; on the wire a TypeID: the kind's prefix, `_`, and the
//! 128 bits in 26 characters of lower-case Crockford base32 (TypeID specification v0.3.0).

/// Re-exported for the code that [`define_ids!`](crate::define_ids) writes in other crates.
pub use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED_LEN: usize = 26;
/// Of a prefix of at most 13 letters, `_` and the digits.
const MAX_LEN: usize = 40;

/// The text is no id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {expected}_…")]
pub struct ParseIdError {
    pub expected: &'static str,
}

/// An id as it goes over the wire, without the heap: lists are full of ids.
pub struct Text {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Text {
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("prefixes and digits are ASCII")
    }
}

/// Writes the prefix, `_` and the 26 characters of an id, most significant bits first.
#[must_use]
pub fn encode(prefix: &'static str, uuid: Uuid) -> Text {
    let (value, at) = (uuid.as_u128(), prefix.len() + 1);
    let mut bytes = [b'_'; MAX_LEN];
    bytes[..prefix.len()].copy_from_slice(prefix.as_bytes());
    for (i, c) in bytes[at..at + ENCODED_LEN].iter_mut().enumerate() {
        let shift = 5 * (ENCODED_LEN - 1 - i);
        *c = ALPHABET[((value >> shift) & 31) as usize];
    }
    Text {
        bytes,
        len: at + ENCODED_LEN,
    }
}

/// Reads what [`encode`] wrote; the prefix is checked first.
///
/// # Errors
/// [`ParseIdError`] when the prefix, the length or a character is wrong, or the value passes 128 bits.
pub fn decode(prefix: &'static str, text: &str) -> Result<Uuid, ParseIdError> {
    let err = ParseIdError { expected: prefix };
    let digits = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|digits| digits.len() == ENCODED_LEN)
        .ok_or_else(|| err.clone())?;
    let mut value: u128 = 0;
    for (i, c) in digits.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|a| *a == c).ok_or_else(|| err.clone())? as u128;
        if i == 0 && digit > 7 {
            return Err(err);
        }
        value = (value << 5) | digit;
    }
    Ok(Uuid::from_u128(value))
}

/// Declares id types: `define_ids! { /// A site. SiteId = "site", … }`.
#[macro_export]
macro_rules! define_ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::ids::Uuid);

        impl $name {
            /// What stands before the `_` on the wire.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, ordered by time of creation.
            #[must_use]
            pub fn generate() -> Self {
                Self($crate::ids::Uuid::now_v7())
            }

            /// For rows read from the database.
            #[must_use]
            pub const fn from_uuid(uuid: $crate::ids::Uuid) -> Self {
                Self(uuid)
            }

            /// For values bound to a query.
            #[must_use]
            pub const fn uuid(self) -> $crate::ids::Uuid {
                self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str($crate::ids::encode($prefix, self.0).as_str())
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::ids::ParseIdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::ids::decode($prefix, text).map(Self)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str($crate::ids::encode($prefix, self.0).as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl ::serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str(concat!("an id of the form ", $prefix, "_…"))
                    }
                    fn visit_str<E: ::serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                d.deserialize_str(Visitor)
            }
        }
    )+};
}

define_ids! {
    /// A tenant: the platform, a reseller or a customer.
    TenantId = "tnt",
    /// A person who can sign in.
    UserId = "usr",
    /// A signed-in browser.
    SessionId = "ses",
    /// An API token.
    ApiTokenId = "tok",
    /// An account of a tenant for programs, which nobody signs in to.
    ServiceAccountId = "sva",
    /// A role that a tenant has defined.
    RoleId = "role",
    /// Somebody's leave to act for a tenant below the own one.
    AssumptionId = "asm",
    /// A plan that tenants subscribe to.
    PlanId = "plan",
    /// A machine that runs parts of the platform.
    NodeId = "node",
    /// A website.
    SiteId = "site",
    /// One immutable version of a website's files.
    ReleaseId = "rel",
    /// A file on its way in, or just arrived.
    UploadId = "upl",
    /// A DNS zone.
    ZoneId = "zone",
    /// A DNS record set entry.
    RecordId = "rec",
    /// A TLS certificate.
    CertificateId = "cert",
    /// A one-shot change with steps.
    OperationId = "op",
    /// A unit of background work.
    JobId = "job",
    /// Something that happened.
    EventId = "evt",
    /// An event that a consumer could not take on.
    DeadEventId = "devt",
    /// One line of the audit log.
    AuditId = "aud",
    /// One HTTP request.
    RequestId = "req",
}
