//! Names that are right by construction: once a value of these types exists, no later code has to
//! check it again, and none of them can carry a path, a shell word or a header out of its field.

mod domain;
mod email;
mod path;
mod slug;
mod title;

pub use domain::{DomainName, Suffix};
pub use email::EmailAddress;
pub use path::RelPath;
pub use slug::Slug;
pub use title::{Title, leaves_its_place};

/// Why a text is not such a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NameError {
    /// Machine-readable, such as `domain.label_too_long`.
    pub code: &'static str,
    pub message: String,
}

impl NameError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The error of a request's field that should have held the name.
    #[must_use]
    pub fn at(self, pointer: impl Into<std::borrow::Cow<'static, str>>) -> crate::error::FieldError {
        crate::error::FieldError::new(pointer, self.code, self.message)
    }
}

/// `Display`, `Debug`, `AsRef<str>`, serde and `as_str` for a newtype over `String` with `parse`.
macro_rules! string_newtype {
    ($name:ident) => {
        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = crate::names::NameError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use string_newtype;
