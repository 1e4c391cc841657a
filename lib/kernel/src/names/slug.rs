use super::{NameError, string_newtype};

/// A short name for addresses: one DNS label of 1 to 40 characters, lower-case letters, digits and
/// inner hyphens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

string_newtype!(Slug);

impl Slug {
    pub const MAX: usize = 40;

    /// # Errors
    /// [`NameError`] with a `slug.*` code.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > Self::MAX {
            return Err(NameError::new("slug.length", "a short name has 1 to 40 characters"));
        }
        let ok = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !ok || text.starts_with('-') || text.ends_with('-') {
            return Err(NameError::new(
                "slug.bad_character",
                "a short name has lower-case letters, digits and inner hyphens only",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes a short name of a title: `"Ada's Café"` becomes `ada-s-caf`. Empty titles give `site`.
    #[must_use]
    pub fn from_title(title: &str) -> Self {
        let mut slug = String::new();
        for c in title.chars() {
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() == Self::MAX {
                break;
            }
        }
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() {
            "site".to_owned()
        } else {
            slug.to_owned()
        })
    }
}
