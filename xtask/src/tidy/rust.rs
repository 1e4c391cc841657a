//! Just enough of Rust's lexical grammar to tell code, comments and string literals apart.

/// A source file taken apart.
#[derive(Debug, Default)]
pub struct Source {
    /// The text with comments and the insides of literals blanked; lines and columns stay.
    pub code: String,
    /// Every string literal with its line, from 1.
    pub literals: Vec<(usize, String)>,
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    source: Source,
}

/// Takes a file apart. Text that is not Rust gives something odd but never a panic.
pub fn read(text: &str) -> Source {
    let mut lexer = Lexer {
        rest: text,
        line: 1,
        source: Source::default(),
    };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.source
}

impl Lexer<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let length = self.rest.find('\n').unwrap_or(self.rest.len());
            self.blank(length);
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest));
        } else if let Some((prefix, hashes)) = raw_string(self.rest).filter(|_| !self.inside_a_word()) {
            let close = format!("\"{}", "#".repeat(hashes));
            let length = self.rest[prefix..].find(&close).unwrap_or(self.rest.len() - prefix);
            self.literal(prefix, length, close.len());
        } else if self.rest.starts_with('"') {
            let length = quoted(&self.rest[1..], '"');
            self.literal(1, length, 1);
        } else if self.rest.starts_with('\'') {
            match char_literal(self.rest) {
                Some(length) => self.blank(length),
                None => self.keep(1),
            }
        } else {
            let length = self.rest.chars().next().map_or(0, char::len_utf8);
            self.keep(length);
        }
    }

    fn inside_a_word(&self) -> bool {
        self.source
            .code
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn keep(&mut self, length: usize) {
        let length = length.min(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.source.code.push_str(taken);
        self.rest = rest;
    }

    fn blank(&mut self, length: usize) {
        let length = length.min(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.source
            .code
            .extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }

    fn literal(&mut self, open: usize, length: usize, close: usize) {
        let text = self.rest.get(open..open + length).unwrap_or_default().to_owned();
        self.source.literals.push((self.line, text));
        self.keep(open);
        self.blank(length);
        self.keep(close);
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            match rest.chars().next() {
                Some(c) => at += c.len_utf8(),
                None => return at,
            }
        }
    }
    text.len()
}

/// The length of `r#…"` (also `br`, `cr`) and the number of its hashes.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "r"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?
        .len();
    let hashes = text[prefix..].bytes().take_while(|b| *b == b'#').count();
    text[prefix + hashes..]
        .starts_with('"')
        .then_some((prefix + hashes + 1, hashes))
}

/// The length up to the closing quote, escapes respected.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return index;
        }
    }
    text.len()
}

/// The length of a character literal, or nothing when the quote starts a lifetime.
fn char_literal(text: &str) -> Option<usize> {
    let inner = &text[1..];
    let first = inner.chars().next()?;
    if first == '\\' {
        return Some(1 + quoted(inner, '\'') + 1);
    }
    inner[first.len_utf8()..]
        .starts_with('\'')
        .then(|| 1 + first.len_utf8() + 1)
}

/// Where `word` stands on its own in the code: line numbers from 1.
pub fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let stands_alone = line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        });
        if stands_alone {
            found.push(index + 1);
        }
    }
    found
}
