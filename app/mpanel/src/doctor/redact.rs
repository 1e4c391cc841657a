//! Takes out of a text what is nobody's business: secrets, and what tells who somebody is.
//!
//! The same thing is replaced by the same mark throughout one bundle, so that one can still follow it: `<email-1>`, `<address-2>`.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// What begins a secret of ours; the rest of the word belongs to it.
const SECRETS: [&str; 9] = [
    "mpk_",
    "claim_",
    "activate_",
    "session_",
    "reset_",
    "invite_",
    "confirm_",
    "backup_key_",
    "mkey_",
];
/// Fields whose value is never shown, whatever it looks like.
const HIDDEN: [&str; 8] = [
    "password",
    "secret",
    "token",
    "cookie",
    "authorization",
    "api_key",
    "private_key",
    "passphrase",
];
/// A word of so many letters and digits without an end is a key or a hash; ids are shorter and have a prefix.
const LONG: usize = 40;

/// Remembers what was replaced by what.
#[derive(Default)]
pub struct Redaction {
    seen: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Redaction {
    pub fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut hidden = false;
        for (word, gap) in words(text) {
            let lower = word.to_ascii_lowercase();
            if hidden && !word.is_empty() {
                out += "<hidden>";
            } else {
                out += &self.word(word);
            }
            out += gap;
            // `password=x`, `"password": "x"`, `password: x`; the gap between them has a sign.
            let names = HIDDEN.iter().any(|name| lower.ends_with(name));
            let assigns = gap.contains([':', '=']);
            hidden = (names && assigns) || (hidden && word.is_empty()) || (hidden && lower == "bearer");
        }
        out
    }

    fn word(&mut self, word: &str) -> String {
        let bare = word.trim_end_matches(['.', '-']);
        let end = &word[bare.len()..];
        if SECRETS
            .iter()
            .any(|secret| word.contains(secret) && word.len() > secret.len() + 8)
        {
            return "<secret>".to_owned();
        }
        if let Some((user, host)) = bare.split_once('@')
            && !user.is_empty()
            && host.contains('.')
        {
            return self.mark("email", bare) + end;
        }
        // With a port, in brackets or without.
        let (address, port) = match bare.rsplit_once(':') {
            Some((address, port)) if bare.matches(':').count() == 1 && port.parse::<u16>().is_ok() => (address, port),
            _ => (bare, ""),
        };
        if let Ok(ip) = address.parse::<IpAddr>() {
            if ip.is_loopback() || ip.is_unspecified() {
                return word.to_owned();
            }
            let colon = if port.is_empty() { "" } else { ":" };
            return format!("{}{colon}{port}{end}", self.mark("address", address));
        }
        let is_key = bare.len() >= LONG
            && bare
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-'))
            && bare.bytes().any(|byte| byte.is_ascii_digit());
        match is_key {
            true => "<key>".to_owned() + end,
            false => word.to_owned(),
        }
    }

    fn mark(&mut self, kind: &'static str, what: &str) -> String {
        if let Some(mark) = self.seen.get(what) {
            return mark.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let mark = format!("<{kind}-{count}>");
        self.seen.insert(what.to_owned(), mark.clone());
        mark
    }
}

/// Words, each with what stands between it and the next.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let of_word = |c: char| c.is_alphanumeric() || "@._-+:/%~".contains(c);
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.find(|c| !of_word(c)).unwrap_or(rest.len());
        // A colon at the end of a word is a sign, and a path is many words.
        if let Some(slash) = rest[..end].find('/').filter(|at| *at > 0) {
            end = slash;
        }
        let word = rest[..end].trim_end_matches(':');
        let after = &rest[word.len()..];
        let gap = after
            .find(|c: char| of_word(c) && c != ':' && c != '/')
            .unwrap_or(after.len());
        let (gap, left) = after.split_at(gap);
        rest = left;
        Some((word, gap))
    })
}
