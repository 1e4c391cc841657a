//! Changes to the header of answers.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::config::{HeaderRule, Hsts};
use super::pattern::Pattern;

/// What frames a message or belongs to the connection is the engine's alone.
const OWN: [&str; 13] = [
    "connection",
    "content-length",
    "content-range",
    "date",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const MAX_CHANGES: usize = 100;

/// Rules of one host.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    rules: Vec<Compiled>,
    hsts: Option<HeaderValue>,
}

#[derive(Debug)]
struct Compiled {
    path: Pattern,
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, HeaderValue)>,
    append: Vec<(HeaderName, HeaderValue)>,
}

impl Headers {
    pub(crate) fn compile(rules: &[HeaderRule], hsts: Option<&Hsts>) -> Result<Self, String> {
        let changes = |rule: &HeaderRule| rule.remove.len() + rule.set.len() + rule.append.len();
        if rules.iter().map(changes).sum::<usize>() > MAX_CHANGES {
            return Err(format!("more than {MAX_CHANGES} changes of header fields"));
        }
        let rules = rules.iter().map(Compiled::new).collect::<Result<_, _>>()?;
        let hsts = hsts.map(hsts_value).transpose()?;
        Ok(Self { rules, hsts })
    }

    /// `relative` is the normalised path of the request; without one only rules for everything apply.
    pub(crate) fn apply(&self, headers: &mut HeaderMap, relative: Option<&str>, tls: bool) {
        for rule in &self.rules {
            let applies = match relative {
                Some(relative) => rule.path.matches(relative),
                None => rule.path.is_everything(),
            };
            if applies {
                rule.apply(headers);
            }
        }
        if let (Some(hsts), true) = (&self.hsts, tls) {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }

    /// Whether the path has to be known.
    pub(crate) fn is_scoped(&self) -> bool {
        self.rules.iter().any(|rule| !rule.path.is_everything())
    }
}

impl Compiled {
    fn new(rule: &HeaderRule) -> Result<Self, String> {
        let pair = |(name, value): (&String, &String)| Ok((field(name)?, content(name, value)?));
        Ok(Self {
            path: Pattern::parse(&rule.path)?,
            remove: rule
                .remove
                .iter()
                .map(|name| field(name))
                .collect::<Result<_, String>>()?,
            set: rule.set.iter().map(pair).collect::<Result<_, String>>()?,
            append: rule
                .append
                .iter()
                .map(|(name, value)| pair((name, value)))
                .collect::<Result<_, String>>()?,
        })
    }

    fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.append {
            headers.append(name, value.clone());
        }
    }
}

fn field(name: &str) -> Result<HeaderName, String> {
    let parsed =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("header {name:?}: no field has this name"))?;
    if OWN.contains(&parsed.as_str()) {
        return Err(format!(
            "header {name:?}: belongs to the connection and cannot be changed"
        ));
    }
    Ok(parsed)
}

fn content(name: &str, value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(value).map_err(|_| format!("header {name:?}: its value has characters that none may have"))
}

fn hsts_value(hsts: &Hsts) -> Result<HeaderValue, String> {
    // What the lists demand; a site that asks for less would be left off them.
    if hsts.preload && (hsts.max_age < 31_536_000 || !hsts.include_subdomains) {
        return Err("hsts: preload needs include_subdomains and a max_age of a year (31536000)".to_owned());
    }
    let mut text = format!("max-age={}", hsts.max_age);
    if hsts.include_subdomains {
        text.push_str("; includeSubDomains");
    }
    if hsts.preload {
        text.push_str("; preload");
    }
    HeaderValue::try_from(text).map_err(|_| "hsts".to_owned())
}
