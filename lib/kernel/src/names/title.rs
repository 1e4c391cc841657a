use super::{NameError, string_newtype};

/// What people call something, on one line: 1 to 100 characters that stay where they stand, on pages, in mails and in logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Title(String);

string_newtype!(Title);

impl Title {
    /// In characters.
    pub const MAX: usize = 100;

    /// Reads a title as people write it; space around it goes. Joiners and variation selectors may stand in it, as emoji
    /// and many scripts need them, but something must be seen.
    ///
    /// # Errors
    /// [`NameError`] `name.length`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let refused = |c| leaves_its_place(c) || is_invisible(c);
        if text.chars().count() > Self::MAX || text.chars().any(refused) || !text.chars().any(is_seen) {
            return Err(NameError::new(
                "name.length",
                "a name has 1 to 100 characters on one line",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl From<Title> for String {
    fn from(title: Title) -> Self {
        title.0
    }
}

/// Whether a character breaks a line, is none that one sees, or turns the direction of what stands after it: the controls
/// (C0, C1), U+2028, U+2029, and of the bidirectional ones those that embed, override and isolate. The marks (U+200E, U+200F,
/// U+061C) turn nothing but what stands beside them, and belong into names that mix scripts.
#[must_use]
pub fn leaves_its_place(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether nobody sees a character and no name needs it, so that it only makes two names look the same: the zero-width
/// space, the word joiner, the byte order mark, the soft hyphen and the tags.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether a character shows something by itself: joiners, marks of direction and variation selectors do not.
fn is_seen(c: char) -> bool {
    !c.is_whitespace()
        && !is_invisible(c)
        && !matches!(c, '\u{200c}'..='\u{200f}' | '\u{61c}' | '\u{fe00}'..='\u{fe0f}')
}
