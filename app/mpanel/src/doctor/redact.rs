//! Takes out of a text what is nobody's business: secrets, and what tells who somebody is. It rather takes out too much.
//!
//! The same thing is replaced by the same mark throughout one bundle, so that one can still follow it: `<email-1>`, `<address-2>`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use mpanel_crypto::TokenKind;

const HIDDEN: &str = "<hidden>";
/// What begins a secret that is no token of ours; the rest of the word belongs to it.
const AGE: &str = "age-secret-key-";
/// Letters behind a token's prefix by which it is one, though a log line may have cut it short. No word of a name is as long.
const LETTERS: usize = 16;
/// Fields whose value is never shown, whatever it looks like.
const NAMES: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "token",
    "cookie",
    "authorization",
    "api_key",
    "private_key",
    "passphrase",
    "pgpassword",
];
/// Fields whose value goes on to the end of the line.
const WHOLE_LINES: [&str; 2] = ["authorization", "cookie"];
/// A word of so many letters and digits is a key or a hash; ids are shorter.
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
        let mut in_pem = false;
        for line in text.split_inclusive('\n') {
            // A key in PEM: what is between its lines, and its lines.
            let begins = line.contains("-----BEGIN ");
            let ends = line.contains("-----END ");
            if in_pem || begins {
                in_pem = !ends;
                if begins || ends {
                    out += "<key>\n";
                }
                continue;
            }
            let line = runs(&credentials(&values(line)));
            for (word, gap) in words(&line) {
                out += &self.word(word);
                out += gap;
            }
        }
        out
    }

    fn word(&mut self, word: &str) -> String {
        // What is left of `user@host` when the user was hidden.
        if let Some(host) = word.strip_prefix('@') {
            return format!("@{}", self.word(host));
        }
        let bare = word.trim_end_matches(['.', '-']);
        let end = &word[bare.len()..];
        let lower = word.to_ascii_lowercase();
        if has_token(&lower) || lower.contains(AGE) {
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
        let of_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_key = bare.len() >= LONG && bare.bytes().all(of_key) && bare.bytes().any(|byte| byte.is_ascii_digit());
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

/// Whether a word in small letters has a token in it.
fn has_token(lower: &str) -> bool {
    let of_token = |byte: &u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(byte);
    TokenKind::ALL.into_iter().any(|kind| {
        lower.match_indices(kind.prefix()).any(|(at, prefix)| {
            let rest = lower[at + prefix.len()..].strip_prefix('_');
            rest.is_some_and(|rest| rest.bytes().take_while(|byte| of_token(byte)).count() >= LETTERS)
        })
    })
}

/// Hides what stands behind `password=`, `"password": `, `Authorization: ` and their like: up to the closing quote, to the
/// next blank, or to the end of the line.
fn values(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut out = String::with_capacity(line.len());
    let mut done = 0;
    while let Some((name, end)) = next_name(&lower, done) {
        let sign = line[end..]
            .find(|c: char| !matches!(c, '"' | '\'' | ' '))
            .map(|at| end + at)
            .filter(|at| line[*at..].starts_with([':', '=']));
        let Some(sign) = sign else {
            out += &line[done..end];
            done = end;
            continue;
        };
        let rest = &line[sign + 1..];
        let blanks = rest.len() - rest.trim_start_matches([' ', ':', '=']).len();
        let value = &rest[blanks..];
        let from = sign + 1 + blanks;
        let length = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => quoted(value, quote),
            _ if WHOLE_LINES.contains(&name) => value.trim_end_matches('\n').len(),
            _ => value.find([' ', ',', ';', '&', '\n', '\t', '}']).unwrap_or(value.len()),
        };
        out += &line[done..from];
        if length > 0 {
            out += HIDDEN;
        }
        done = from + length;
    }
    out += &line[done..];
    out
}

/// The next of [`NAMES`] from a place on, and where it ends.
fn next_name(lower: &str, from: usize) -> Option<(&'static str, usize)> {
    let found = NAMES
        .iter()
        .filter_map(|name| Some((lower[from..].find(name)? + from + name.len(), *name)));
    found.min().map(|(end, name)| (name, end))
}

/// The length of a text in quotes, with them; up to its end when they are not closed.
fn quoted(value: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in value.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    value.trim_end_matches('\n').len()
}

/// `scheme://user:secret@host` without user and secret. The secret may hold anything, so the last `@` counts.
fn credentials(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out += head;
        let end = tail.find([' ', '"', '\'', '\n', '\t', '>', ')']).unwrap_or(tail.len());
        rest = tail;
        if let Some(last) = tail[..end].rfind('@') {
            out += HIDDEN;
            rest = &tail[last..];
        }
    }
    out + rest
}

/// Long runs of base64 are hidden. Paths have no capitals and digits beside small letters all at once.
fn runs(line: &str) -> String {
    let of_run = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let length = rest.find(|c| !of_run(c)).unwrap_or(rest.len());
        let (run, tail) = rest.split_at(length);
        let has = |is: fn(&u8) -> bool| run.as_bytes().iter().any(is);
        let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
        let is_key = length >= LONG && (is_mixed || run.contains(['+', '=']));
        out += if is_key { "<key>" } else { run };
        let next = tail.find(of_run).unwrap_or(tail.len());
        out += &tail[..next];
        rest = &tail[next..];
    }
    out
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

#[cfg(test)]
mod tests;
