//! Patterns of paths: `/exact`, `/area/*`, `/a/:any/b`.

use std::fmt::Write as _;

use crate::path;

/// A pattern made ready. It is compared segment by segment with a decoded path.
#[derive(Debug)]
pub(crate) struct Pattern {
    segments: Vec<Segment>,
    /// Whether it goes on with whatever follows.
    open: bool,
}

#[derive(Debug)]
enum Segment {
    Literal(Box<str>),
    Any(Box<str>),
}

/// What the variable parts of a pattern stood for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Captures<'p, 'a> {
    named: Vec<(&'p str, &'a str)>,
    splat: &'a str,
}

/// More would be slow to compare for each request.
const MAX_SEGMENTS: usize = 64;

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("path {text:?}: {why}");
        let rest = text.strip_prefix('/').ok_or_else(|| wrong("does not begin with /"))?;
        let (rest, open) = match rest.strip_suffix('*') {
            Some(before) if before.is_empty() || before.ends_with('/') => (before, true),
            _ => (rest, false),
        };
        let mut segments = Vec::new();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            segments.push(match segment.strip_prefix(':') {
                Some(name) if is_name(name) && name != "splat" => Segment::Any(name.into()),
                Some(_) => {
                    return Err(wrong(
                        "a name after `:` is letters, digits and underscores, and not `splat`",
                    ));
                }
                None if segment.contains('*') => return Err(wrong("`*` stands at the end, after a slash")),
                None if segment == "." || segment == ".." => return Err(wrong("`.` and `..` name no place")),
                None => Segment::Literal(segment.into()),
            });
        }
        if segments.len() > MAX_SEGMENTS {
            return Err(wrong("too many slashes"));
        }
        Ok(Self { segments, open })
    }

    /// Compares with a normalised path (`path::SitePath::relative`).
    pub(crate) fn captures<'p, 'a>(&'p self, relative: &'a str) -> Option<Captures<'p, 'a>> {
        let path = relative.strip_suffix('/').unwrap_or(relative);
        let mut rest = path;
        let mut named = Vec::new();
        for segment in &self.segments {
            if rest.is_empty() {
                return None;
            }
            let (first, after) = rest.split_once('/').unwrap_or((rest, ""));
            match segment {
                Segment::Literal(literal) if **literal == *first => {}
                Segment::Literal(_) => return None,
                Segment::Any(name) => named.push((&**name, first)),
            }
            rest = after;
        }
        if !self.open && !rest.is_empty() {
            return None;
        }
        // With the final slash that was left out before: a folder stays one.
        let splat = match rest.len() {
            0 => "",
            left => &relative[path.len() - left..],
        };
        Some(Captures { named, splat })
    }

    pub(crate) fn matches(&self, relative: &str) -> bool {
        self.captures(relative).is_some()
    }

    /// Whether it is `/*`.
    pub(crate) fn is_everything(&self) -> bool {
        self.open && self.segments.is_empty()
    }

    /// The literal path, when it has no variable part.
    pub(crate) fn literal(&self) -> Option<String> {
        let literal = |segment: &Segment| match segment {
            Segment::Literal(literal) => Some(literal.to_string()),
            Segment::Any(_) => None,
        };
        let all: Option<Vec<String>> = self.segments.iter().map(literal).collect();
        all.filter(|_| !self.open).map(|segments| segments.join("/"))
    }

    /// Whether `:name` or `:splat` stands for something here.
    pub(crate) fn names(&self, name: &str) -> bool {
        let any = |segment: &Segment| matches!(segment, Segment::Any(of) if **of == *name);
        (self.open && name == "splat") || self.segments.iter().any(any)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A text with `:name`s in it.
#[derive(Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    Name(Box<str>),
}

impl Template {
    /// Names that the pattern does not have are part of the text: `12:30` is one.
    pub(crate) fn parse(text: &str, pattern: &Pattern) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(':') {
            plain.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let end = after
                .bytes()
                .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_')
                .unwrap_or(after.len());
            let (name, tail) = after.split_at(end);
            if pattern.names(name) {
                pieces.push(Piece::Text(std::mem::take(&mut plain).into()));
                pieces.push(Piece::Name(name.into()));
                rest = tail;
            } else {
                plain.push(':');
                rest = after;
            }
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain.into()));
        Self(pieces)
    }

    /// Whether something is put in before the path of an absolute URL begins.
    pub(crate) fn varies_before_path(&self) -> bool {
        match self.0.first() {
            Some(Piece::Text(text)) => match text.split_once("://") {
                Some((_, rest)) => self.0.len() > 1 && !rest.contains('/'),
                None => !text.starts_with('/'),
            },
            _ => true,
        }
    }

    /// How many variable parts it has.
    pub(crate) fn names(&self) -> usize {
        self.0.iter().filter(|piece| matches!(piece, Piece::Name(_))).count()
    }

    /// With what was captured put in; `None` when that is longer than `most` bytes.
    pub(crate) fn fill(&self, captures: &Captures<'_, '_>, most: usize) -> Option<String> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) if **name == *"splat" => escape(&mut out, captures.splat),
                Piece::Name(name) => {
                    let value = captures.named.iter().find(|(of, _)| *of == &**name);
                    escape(&mut out, value.map_or("", |(_, value)| value));
                }
            }
            if out.len() > most {
                return None;
            }
        }
        Some(out)
    }
}

/// Without the slash that [`path::encode`] begins with, so that nothing put in can begin another host's address.
fn escape(out: &mut String, value: &str) {
    let encoded = path::encode(value);
    let _ = write!(out, "{}", encoded.trim_start_matches('/'));
}
