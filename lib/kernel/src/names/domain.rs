use super::{NameError, Slug, string_newtype};

/// A host name of at least two labels, in lower-case A-label form without a final dot: what DNS, certificates and `Host`
/// headers compare. RFC 1123 §2.1, RFC 5890, RFC 1035 §2.3.4. Labels that come as A-labels (`xn--…`) are taken as they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(String);

string_newtype!(DomainName);

impl DomainName {
    /// Reads a name as people write it: any case, Unicode labels, perhaps a final dot.
    ///
    /// # Errors
    /// [`NameError`] with a `domain.*` code.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let trimmed = text.trim();
        let trimmed = trimmed.strip_suffix('.').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Err(NameError::new(
                "domain.empty",
                "a domain name is needed, such as example.com",
            ));
        }
        let ascii = if trimmed.is_ascii() {
            trimmed.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_strict(trimmed)
                .map_err(|_| NameError::new("domain.idna", "the name is not a valid international domain name"))?
        };
        if ascii.len() > 253 {
            return Err(NameError::new(
                "domain.too_long",
                "a domain name has at most 253 characters",
            ));
        }
        let mut labels = 0;
        for label in ascii.split('.') {
            check_label(label)?;
            labels += 1;
        }
        if labels < 2 {
            return Err(NameError::new(
                "domain.single_label",
                "the name needs a dot, as in example.com",
            ));
        }
        let last = ascii.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NameError::new(
                "domain.ip_address",
                "an IP address is not a domain name",
            ));
        }
        Ok(Self(ascii))
    }

    /// Whether this name is `other` or stands below it.
    #[must_use]
    pub fn is_within(&self, other: &str) -> bool {
        self.0 == other || self.0.strip_suffix(other).is_some_and(|head| head.ends_with('.'))
    }

    /// The name and each name above it that still has a dot, longest first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |name| name.split_once('.').map(|(_, rest)| rest))
            .take_while(|name| name.contains('.'))
    }
}

/// What names are made below: a domain, or a single label such as `localhost`; short enough for every [`Slug`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Suffix(String);

string_newtype!(Suffix);

impl Suffix {
    /// Reads a suffix as people write it.
    ///
    /// # Errors
    /// [`NameError`] with a `domain.*` code.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let longest = "x".repeat(Slug::MAX);
        if text.trim().is_empty() {
            return Err(NameError::new(
                "domain.empty",
                "a name is needed, such as example.com or localhost",
            ));
        }
        let DomainName(name) = DomainName::parse(&format!("{longest}.{}", text.trim()))?;
        Ok(Self(name[longest.len() + 1..].to_owned()))
    }

    /// The name of this label below it.
    #[must_use]
    pub fn name(&self, label: &Slug) -> DomainName {
        DomainName(format!("{label}.{}", self.0))
    }
}

fn check_label(label: &str) -> Result<(), NameError> {
    if label.is_empty() {
        return Err(NameError::new(
            "domain.empty_label",
            "two dots follow each other, or the name starts with one",
        ));
    }
    if label.len() > 63 {
        return Err(NameError::new(
            "domain.label_too_long",
            "each part of a name has at most 63 characters",
        ));
    }
    let ok = label
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !ok {
        return Err(NameError::new(
            "domain.bad_character",
            "a domain name has only letters, digits, hyphens and dots",
        ));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(NameError::new(
            "domain.hyphen",
            "no part of a name starts or ends with a hyphen",
        ));
    }
    Ok(())
}
