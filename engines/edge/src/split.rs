//! Visitors spread over several targets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http::{HeaderMap, HeaderValue};

use crate::backends::Split;
use crate::config::Target;
use crate::edge::Shared;
use crate::proxy::{cookie, set_cookie};
use crate::table::Entry;
use crate::upstream::cookie_name;

/// A `split` target made ready to answer.
#[derive(Debug)]
pub(crate) struct SplitRoute {
    cookie: Box<str>,
    /// Those that get anybody, with their names.
    parts: Vec<(Box<str>, u32, Arc<Entry>)>,
    weights: u32,
    turn: AtomicU32,
}

impl SplitRoute {
    pub(crate) fn compile(host: &str, split: &Split, shared: &Shared) -> Result<Self, String> {
        cookie_name("cookie", &split.cookie)?;
        let mut parts: Vec<(Box<str>, u32, Arc<Entry>)> = Vec::new();
        for part in &split.parts {
            let name = &*part.name;
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
            if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
                return Err(format!(
                    "parts: name {name:?} is not of letters, digits, dashes and dots"
                ));
            }
            if matches!(part.target, Target::Split(_)) {
                return Err(format!("parts: {name}: a split within a split"));
            }
            if parts.iter().any(|(other, ..)| **other == *name) {
                return Err(format!("parts: {name} is given twice"));
            }
            // One without a weight has to be right as well: it gets one next.
            let entry = Entry::part(host, &part.target, shared);
            let entry = entry.map_err(|error| format!("parts: {name}: {error}"))?;
            parts.push((name.into(), part.weight.into(), entry));
        }
        parts.retain(|(_, weight, _)| *weight > 0);
        let weights = parts.iter().map(|(_, weight, _)| weight).sum();
        if weights == 0 {
            return Err("parts: none has a weight".to_owned());
        }
        Ok(Self {
            cookie: split.cookie.as_str().into(),
            parts,
            weights,
            turn: AtomicU32::new(0),
        })
    }

    /// The parts are of one host: what one of them says holds for all.
    pub(crate) fn https_redirect(&self) -> bool {
        self.parts.iter().any(|(.., entry)| entry.route.https_redirect())
    }

    /// The visitor's part, or the next one's with the cookie that makes it the visitor's.
    pub(crate) fn choose(&self, headers: &HeaderMap, tls: bool) -> (&Arc<Entry>, Option<HeaderValue>) {
        if let Some(name) = cookie(headers, &self.cookie)
            && let Some((.., entry)) = self.parts.iter().find(|(part, ..)| **part == *name)
        {
            return (entry, None);
        }
        // Multiples of the golden ratio fall evenly on every stretch, however few visitors there are.
        let point = self.turn.fetch_add(1, Relaxed).wrapping_mul(0x9e37_79b9);
        let share = (u64::from(point) * u64::from(self.weights)) >> 32;
        let mut left = u32::try_from(share).unwrap_or(0);
        let found = self.parts.iter().find(|(_, weight, _)| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found
        });
        // The share is less than the sum of the weights.
        let (name, _, entry) = found.unwrap_or(&self.parts[0]);
        let said = (self.parts.len() > 1)
            .then(|| set_cookie(&self.cookie, name, tls))
            .flatten();
        (entry, said)
    }
}
