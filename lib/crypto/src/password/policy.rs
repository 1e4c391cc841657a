//! Which passwords are accepted: long enough, not common, not leaked, not the person's own data. No composition rules and no forced
//! change (ASVS 6.2.5, 6.2.10), because they make passwords worse.
//!
//! `common.txt` is the entries of eight or more characters (11,611 of the 30,000 most frequent passwords) of the zxcvbn project's
//! frequency list, lower case and sorted; its licence stands beside it.

use super::breached::is_breached;

/// The least for anyone (ASVS 6.2.1).
pub const MIN_PASSWORD_CHARS: usize = 8;
/// The least for owners of a platform or reseller.
pub const MIN_OWNER_PASSWORD_CHARS: usize = 12;
/// The most (ASVS 6.2.9 wants at least 64 accepted); more would only be work for the hasher.
pub const MAX_PASSWORD_CHARS: usize = 256;

pub(crate) static COMMON: &str = include_str!("common.txt");

/// Personal words shorter than this are too likely to appear by chance.
const PERSONAL_WORD_CHARS: usize = 4;

/// Why a password is refused; the text may be shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WeakPassword {
    #[error("use at least {min} characters")]
    TooShort { min: usize },
    #[error("use at most {MAX_PASSWORD_CHARS} characters")]
    TooLong,
    #[error("this password is among the most common ones")]
    Common,
    #[error("this password has leaked from some service, so others try it: choose one that you use nowhere else")]
    Breached,
    #[error("do not build the password from your name, address or this service's name")]
    Personal,
}

/// Checks a new password of at least `min_chars` characters. `personal` is what is known about its owner: address, name,
/// host name; words from them count for nothing, and what remains must still be eight characters.
pub fn check_password(password: &str, min_chars: usize, personal: &[&str]) -> Result<(), WeakPassword> {
    let chars = password.chars().count();
    let min = min_chars.max(MIN_PASSWORD_CHARS);
    if chars < min {
        return Err(WeakPassword::TooShort { min });
    }
    if chars > MAX_PASSWORD_CHARS {
        return Err(WeakPassword::TooLong);
    }
    let lower = password.to_lowercase();
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    if is_common(&lower) || is_common(core) || is_monotonous(&lower) {
        return Err(WeakPassword::Common);
    }
    if is_breached(password) {
        return Err(WeakPassword::Breached);
    }
    let words = personal
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let mut rest = lower;
    let mut found = false;
    for word in words.filter(|word| word.chars().count() >= PERSONAL_WORD_CHARS) {
        let word = word.to_lowercase();
        found |= rest.contains(&word);
        rest = rest.replace(&word, "");
    }
    if found && rest.chars().count() < MIN_PASSWORD_CHARS {
        Err(WeakPassword::Personal)
    } else {
        Ok(())
    }
}

pub(crate) fn is_common(lower: &str) -> bool {
    // The list is sorted: find the line by bisection over byte offsets, without building a table in memory.
    let (mut low, mut high) = (0, COMMON.len());
    while low < high {
        let middle = low.midpoint(high);
        let start = COMMON[..middle].rfind('\n').map_or(0, |at| at + 1);
        let end = COMMON[middle..].find('\n').map_or(COMMON.len(), |at| middle + at);
        match COMMON[start..end].cmp(lower) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

/// Fewer than four different characters, however long.
fn is_monotonous(lower: &str) -> bool {
    let mut seen: Vec<char> = Vec::with_capacity(4);
    for c in lower.chars() {
        if !seen.contains(&c) {
            seen.push(c);
        }
        if seen.len() == 4 {
            return false;
        }
    }
    true
}
