use super::{DomainName, NameError, string_newtype};

/// A mail address in the form people have: a dot-atom, `@`, a domain (RFC 5321 §4.1.2 without quoted
/// local parts and address literals). The domain is lower-case; the local part keeps its case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

string_newtype!(EmailAddress);

impl EmailAddress {
    /// # Errors
    /// [`NameError`] with an `email.*` or `domain.*` code.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let (local, domain) = text
            .rsplit_once('@')
            .ok_or_else(|| NameError::new("email.no_at", "an e-mail address has an @, as in ada@example.com"))?;
        let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b);
        let local_ok = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom));
        if !local_ok {
            return Err(NameError::new(
                "email.bad_local_part",
                "the part before the @ is not one we can deliver to",
            ));
        }
        let domain = if domain.eq_ignore_ascii_case("localhost") {
            "localhost".to_owned()
        } else {
            DomainName::parse(domain)?.as_str().to_owned()
        };
        Ok(Self(format!("{local}@{domain}")))
    }

    /// The form in which addresses are compared and kept unique: all lower-case.
    #[must_use]
    pub fn normalised(&self) -> String {
        self.0.to_lowercase()
    }
}
