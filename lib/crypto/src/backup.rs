//! Backup codes for a lost second factor: ten codes of 50 random bits, each good for one sign-in.
//!
//! They are below 112 bits, so they are stored like passwords (ASVS 6.5.2): see `Passwords::hash_backup_codes`.

use zeroize::Zeroizing;

use crate::fill_random;

/// How many codes one set has.
pub const BACKUP_CODES: usize = 10;

/// Crockford's alphabet: no i, l, o, u, so nothing is misread.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const CHARS: usize = 10;

/// A fresh set, each `xxxxx-xxxxx`. Shown once.
pub fn generate_backup_codes() -> Vec<Zeroizing<String>> {
    (0..BACKUP_CODES).map(|_| generate_one()).collect()
}

fn generate_one() -> Zeroizing<String> {
    let mut random = Zeroizing::new([0u8; CHARS]);
    fill_random(random.as_mut_slice());
    let mut code = Zeroizing::new(String::with_capacity(CHARS + 1));
    for (index, byte) in random.iter().enumerate() {
        if index == CHARS / 2 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[usize::from(byte & 31)]));
    }
    code
}

/// The spelling that is hashed: case, dashes, blanks and the letters people confuse do not matter. `None` when it
/// cannot be a code, which saves a hash.
pub(crate) fn normalise(typed: &str) -> Option<Zeroizing<String>> {
    if typed.len() > 64 {
        return None;
    }
    let mut code = Zeroizing::new(String::with_capacity(64));
    for c in typed.chars().filter(|c| *c != '-' && !c.is_whitespace()) {
        code.push(match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            c if c.is_ascii() && ALPHABET.contains(&(c as u8)) => c,
            _ => return None,
        });
    }
    (code.len() == CHARS).then_some(code)
}
