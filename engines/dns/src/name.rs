//! Domain names in wire form: lower case, uncompressed, ending with the root label.

use std::str::FromStr;

use domain::base::Name;

/// The longest name in wire form (RFC 1035 §2.3.4).
pub const MAX_NAME: usize = 255;

/// Why a text is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

/// Parses presentation format (`www.example.com`, with or without the final dot; `\046` and `\.` escapes) into
/// lower-case wire form. Every name is taken as absolute.
///
/// # Errors
/// Says in plain words what is wrong: an empty or over-long label, a name above 255 octets, a bad escape,
/// characters outside ASCII (those need their `xn--` form).
pub fn parse(text: &str) -> Result<Vec<u8>, NameError> {
    if text.is_empty() {
        return Err(NameError("a name is missing".into()));
    }
    if !text.is_ascii() {
        return Err(NameError(format!(
            "'{text}' has characters outside ASCII: write its xn-- form"
        )));
    }
    if text.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(NameError("a name cannot hold spaces or control characters".into()));
    }
    let name = Name::<Vec<u8>>::from_str(text)
        .map_err(|error| NameError(format!("'{text}' is not a domain name: {error}")))?;
    let mut wire = name.into_octets();
    // The parser makes a name of 256 octets out of a relative one of 255.
    if wire.len() > MAX_NAME {
        return Err(NameError(format!(
            "'{text}' is not a domain name: it is longer than 255 octets"
        )));
    }
    wire.make_ascii_lowercase();
    Ok(wire)
}

/// The presentation form without the final dot; the root is `.`.
#[must_use]
pub fn to_text(wire: &[u8]) -> String {
    match Name::from_octets(wire) {
        Ok(name) => name.to_string(),
        Err(_) => String::from("(invalid name)"),
    }
}

/// The offsets at which the labels of `wire` start, the root label included.
pub fn label_offsets(wire: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let at = next?;
        let len = usize::from(*wire.get(at)?);
        next = (len != 0).then_some(at + 1 + len);
        Some(at)
    })
}

/// Whether `name` is `apex` or below it.
#[must_use]
pub fn is_within(name: &[u8], apex: &[u8]) -> bool {
    match name.len().checked_sub(apex.len()) {
        Some(cut) => name.get(cut..) == Some(apex) && label_offsets(name).any(|at| at == cut),
        None => false,
    }
}

/// A key that sorts names in canonical order (RFC 4034 §6.1): labels from the root down, a parent before its
/// children and a whole subtree together.
#[must_use]
pub fn canonical_key(wire: &[u8]) -> Vec<u8> {
    let offsets: Vec<usize> = label_offsets(wire).collect();
    let mut key = Vec::with_capacity(wire.len() + 4);
    for &at in offsets.iter().rev() {
        let len = usize::from(wire[at]);
        for &byte in &wire[at + 1..at + 1 + len] {
            // 0 separates labels, so the octets 0 and 1 take two each, in order.
            if byte <= 1 {
                key.extend_from_slice(&[1, byte + 1]);
            } else {
                key.push(byte);
            }
        }
        key.push(0);
    }
    key
}

/// The presence of name lengths, so that a walk over the suffixes of a name hashes only those that can exist.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lengths([u64; 4]);

impl Lengths {
    pub(crate) fn insert(&mut self, len: usize) {
        if let Some(word) = self.0.get_mut(len / 64) {
            *word |= 1 << (len % 64);
        }
    }

    pub(crate) fn contains(&self, len: usize) -> bool {
        self.0.get(len / 64).is_some_and(|word| word & (1 << (len % 64)) != 0)
    }
}
