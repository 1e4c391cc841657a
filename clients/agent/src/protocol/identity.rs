//! Numeric identities of sites and tenants on a node.

use serde::{Deserialize, Serialize};

/// The first uid or gid that belongs to a site or a tenant. Everything below is the machine's own.
pub const FIRST_SITE_ID: u32 = 200_000;
/// Above this, some tools read a negative number.
const LAST_SITE_ID: u32 = i32::MAX as u32;

/// The number is outside of what sites and tenants may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("uid or gid {0} is outside of {FIRST_SITE_ID}..={LAST_SITE_ID}")]
pub struct IdentityOutOfRange(pub u32);

fn check(value: u32) -> Result<u32, IdentityOutOfRange> {
    if (FIRST_SITE_ID..=LAST_SITE_ID).contains(&value) {
        Ok(value)
    } else {
        Err(IdentityOutOfRange(value))
    }
}

macro_rules! identity {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u32", into = "u32")]
        pub struct $name(u32);

        impl $name {
            /// # Errors
            /// [`IdentityOutOfRange`] below [`FIRST_SITE_ID`] or above `i32::MAX`.
            pub fn new(value: u32) -> Result<Self, IdentityOutOfRange> {
                check(value).map(Self)
            }

            #[must_use]
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl TryFrom<u32> for $name {
            type Error = IdentityOutOfRange;
            fn try_from(value: u32) -> Result<Self, Self::Error> {
                Self::new(value)
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> u32 {
                value.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

identity! {
    /// The uid that owns one site's files. Never reused.
    SiteUid
}
identity! {
    /// The gid that all of a tenant's processes run with.
    TenantGid
}
