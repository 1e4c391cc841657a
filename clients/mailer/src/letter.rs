use std::fmt::Write as _;

use jiff::Timestamp;

/// How mails look, in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    pub name: String,
    /// `https://…` of a picture, 32 pixels high.
    pub logo: Option<String>,
    /// Of buttons and lines: `#rrggbb`.
    pub colour: String,
    /// Where the panel is, without a final slash.
    pub panel: String,
}

impl Brand {
    /// The product's own looks, for a panel at this address.
    #[must_use]
    pub fn own(panel: impl Into<String>) -> Self {
        Self {
            name: "mPanel".to_owned(),
            logo: None,
            colour: "#1864ab".to_owned(),
            panel: panel.into(),
        }
    }

    /// The same for people whose panel has another name, at the same port.
    #[must_use]
    pub fn at(&self, host: &str) -> Self {
        let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let address = self
            .panel
            .strip_prefix("https://")
            .and_then(|rest| rest.rsplit_once(':'));
        let port = address.map(|(_, port)| port).filter(|port| is_port(port));
        Self {
            panel: match port {
                Some(port) => format!("https://{host}:{port}"),
                None => format!("https://{host}"),
            },
            ..self.clone()
        }
    }
}

/// What is said to somebody: one part below the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    subject: String,
    parts: Vec<Part>,
    useless_after: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Link { label: String, url: String },
    Fact { name: &'static str, value: String },
}

/// A letter in the two forms that a mail has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Columns of plain text.
const WIDTH: usize = 72;
/// Characters of a subject (RFC 5322, section 2.1.1, advises 78 with the field's name).
const SUBJECT: usize = 120;

impl Letter {
    /// Line ends and the like in the subject become spaces: names of people and tenants stand in it.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        Self {
            subject: one_line(subject).chars().take(SUBJECT).collect(),
            parts: Vec::new(),
            useless_after: None,
        }
    }

    /// A paragraph.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }

    /// What the reader is to do.
    #[must_use]
    pub fn link(mut self, label: impl Into<String>, url: impl Into<String>) -> Self {
        let (label, url) = (label.into(), url.into());
        self.parts.push(Part::Link { label, url });
        self
    }

    /// A line such as `From: 203.0.113.7`.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.parts.push(Part::Fact { name, value });
        self
    }

    /// From then on nobody needs it.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Self {
        self.useless_after = Some(end);
        self
    }

    #[must_use]
    pub fn useless_after(&self) -> Option<Timestamp> {
        self.useless_after
    }

    /// Plain text and HTML. Whatever a part says is text: nothing in it becomes an element or an attribute.
    #[must_use]
    pub fn render(&self, brand: &Brand) -> Rendered {
        Rendered {
            subject: self.subject.clone(),
            text: self.plain(brand),
            html: self.html(brand),
        }
    }

    fn plain(&self, brand: &Brand) -> String {
        let mut text = String::new();
        let mut last_was_fact = false;
        for part in &self.parts {
            let is_fact = matches!(part, Part::Fact { .. });
            if !(text.is_empty() || is_fact && last_was_fact) {
                text.push('\n');
            }
            match part {
                Part::Text(words) => wrap(&mut text, &one_line(words)),
                // Alone on its line and never broken, so that every program makes a link of it.
                Part::Link { label, url } => write!(text, "{}:\n{}\n", one_line(label), one_line(url)).expect(WRITES),
                Part::Fact { name, value } => writeln!(text, "  {name}: {}", one_line(value)).expect(WRITES),
            }
            last_was_fact = is_fact;
        }
        write!(text, "\n-- \n{}\n{}\n", one_line(&brand.name), brand.panel).expect(WRITES);
        text
    }

    fn html(&self, brand: &Brand) -> String {
        let (name, colour, panel) = (escape(&brand.name), escape(&brand.colour), escape(&brand.panel));
        let head = match &brand.logo {
            Some(logo) => format!("<img src=\"{}\" alt=\"{name}\" height=\"32\">", escape(logo)),
            None => format!("<strong style=\"font-size:18px\">{name}</strong>"),
        };
        let mut body = String::new();
        for part in &self.parts {
            match part {
                Part::Text(words) => writeln!(body, "<p>{}</p>", escape(words)),
                Part::Link { label, url } => {
                    let (label, url) = (escape(label), escape(url));
                    writeln!(
                        body,
                        "<p><a href=\"{url}\" style=\"display:inline-block;padding:10px 18px;border-radius:6px;\
                         background:{colour};color:#ffffff;text-decoration:none\">{label}</a></p>\n\
                         <p style=\"font-size:13px;color:#5c6670;word-break:break-all\">{url}</p>"
                    )
                }
                Part::Fact { name, value } => writeln!(
                    body,
                    "<p style=\"margin:4px 0\"><span style=\"color:#5c6670\">{}:</span> {}</p>",
                    escape(name),
                    escape(value)
                ),
            }
            .expect(WRITES);
        }
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
             <body style=\"margin:0;padding:24px;background:#f4f6f8;font:15px/1.5 system-ui,sans-serif;color:#1c2733\">\n\
             <div style=\"max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border-top:4px solid {colour};\
             border-radius:6px\">\n<p>{head}</p>\n{body}</div>\n\
             <p style=\"max-width:560px;margin:12px auto;font-size:13px;color:#5c6670\">{name} &middot; \
             <a href=\"{panel}\" style=\"color:#5c6670\">{panel}</a></p>\n</body>\n</html>\n",
            title = escape(&self.subject),
        )
    }
}

const WRITES: &str = "writing to a String does not fail";

fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn wrap(into: &mut String, line: &str) {
    let mut column = 0;
    for word in line.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            into.push('\n');
            column = 0;
        }
        if column > 0 {
            into.push(' ');
            column += 1;
        }
        into.push_str(word);
        column += width;
    }
    into.push('\n');
}

/// For text and for attributes in double or single quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
