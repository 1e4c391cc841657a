//! Just enough of SQL's lexical grammar to read `create table` statements.

/// A `create table` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name with its schema, such as `sites.releases`.
    pub name: String,
    /// Line from 1.
    pub line: usize,
    /// The comma-separated parts between the parentheses, in lower case with single spaces.
    pub parts: Vec<String>,
}

impl Table {
    /// Whether a column is called so.
    pub fn has_column(&self, column: &str) -> bool {
        self.parts.iter().any(|part| part.split(' ').next() == Some(column))
    }

    /// The columns of the primary key.
    pub fn primary_key(&self) -> Vec<String> {
        for part in &self.parts {
            let Some((before, after)) = part.split_once("primary key") else {
                continue;
            };
            let is_constraint = before.is_empty() || before.starts_with("constraint ");
            if is_constraint {
                return columns(after);
            }
            return vec![before.split(' ').next().unwrap_or_default().to_owned()];
        }
        Vec::new()
    }
}

/// The names inside the first parentheses.
pub fn columns(text: &str) -> Vec<String> {
    let inside = text
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or("", |(inside, _)| inside);
    inside
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Lower case, comments blanked, lines kept, and the text of strings only if asked for. Bodies in dollar
/// quotes stay.
pub fn normalise(text: &str, keep_strings: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('-', Some('-')) => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            ('/', Some('*')) => {
                let mut before = ' ';
                for c in chars.by_ref() {
                    if c == '\n' {
                        out.push('\n');
                    }
                    if before == '*' && c == '/' {
                        break;
                    }
                    before = c;
                }
            }
            ('\'', _) => {
                out.push('\'');
                for c in chars.by_ref() {
                    if c == '\'' {
                        break;
                    }
                    if c == '\n' || keep_strings {
                        out.extend(c.to_lowercase());
                    }
                }
                out.push('\'');
            }
            _ => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// The text with every run of white space as one space.
pub fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every `create table` in normalised SQL. A name without a schema gets `default_schema`.
pub fn tables(sql: &str, default_schema: &str) -> Vec<Table> {
    const START: &str = "create table ";
    let mut found = Vec::new();
    for (at, _) in sql.match_indices(START) {
        let rest = &sql[at + START.len()..];
        let rest = rest
            .trim_start()
            .strip_prefix("if not exists ")
            .unwrap_or(rest)
            .trim_start();
        let Some((name, body)) = rest.split_once('(') else {
            continue;
        };
        let name = name.trim();
        if name.contains(' ') {
            continue; // `partition of …` and the like inherit everything.
        }
        let name = if name.contains('.') {
            name.to_owned()
        } else {
            format!("{default_schema}.{name}")
        };
        let line = sql[..at].matches('\n').count() + 1;
        found.push(Table {
            name,
            line,
            parts: split_parts(body),
        });
    }
    found
}

fn split_parts(body: &str) -> Vec<String> {
    let (mut depth, mut part, mut parts) = (0_i32, String::new(), Vec::new());
    for c in body.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(squeeze(&part));
                part.clear();
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(squeeze(&part));
    parts.retain(|part| !part.is_empty());
    parts
}
