use async_trait::async_trait;
use jiff::Timestamp;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use mpanel_kernel::names::EmailAddress;
use serde::{Deserialize, Serialize};

use crate::MailId;

/// A mail as it waits in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub id: MailId,
    /// When it was written.
    pub at: Timestamp,
    pub to: EmailAddress,
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
    /// From then on it is of no use to anybody.
    pub useless_after: Option<Timestamp>,
}

/// Who writes: `mPanel <panel@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    name: Option<String>,
    address: EmailAddress,
}

/// A mail did not go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It may go later.
    #[error("{0}")]
    Temporary(String),
    /// It will never go.
    #[error("{0}")]
    Permanent(String),
}

/// A way for mail to go.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// `smtp` or `file`.
    fn transport(&self) -> &'static str;

    /// Whether what is sent reaches anybody beyond this machine's disk.
    fn delivers(&self) -> bool;

    /// Hands a mail over; returns what the other side said.
    ///
    /// # Errors
    /// Whether another attempt makes sense, with the other side's answer.
    async fn send(&self, mail: &Mail) -> Result<String, MailError>;
}

/// RFC 3834: nobody's holiday answers this.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Sender {
    /// Reads `Name <address>` or an address alone.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"'), address),
            None => ("", text),
        };
        if name.chars().any(char::is_control) {
            return Err("the sender's name is one line".to_owned());
        }
        Ok(Self {
            name: (!name.is_empty()).then(|| name.to_owned()),
            address: EmailAddress::parse(address).map_err(|error| error.to_string())?,
        })
    }

    /// The same address under this name, if it has none.
    #[must_use]
    pub fn or_named(mut self, name: &str) -> Self {
        self.name.get_or_insert_with(|| name.to_owned());
        self
    }

    fn domain(&self) -> &str {
        self.address
            .as_str()
            .rsplit_once('@')
            .map_or("localhost", |(_, domain)| domain)
    }
}

/// The message as it goes over the wire.
pub(crate) fn compose(mail: &Mail, from: &Sender) -> Result<Message, MailError> {
    // The library encodes what is no ASCII and would encode a line's end as well; nobody means to write one.
    if mail.subject.chars().any(char::is_control) {
        return Err(MailError::Permanent("the subject is more than a line".to_owned()));
    }
    let mailbox = |name: Option<String>, address: &EmailAddress| {
        let address = address.as_str().parse().map_err(|_| unusable(address))?;
        Ok::<_, MailError>(Mailbox::new(name, address))
    };
    Message::builder()
        .from(mailbox(from.name.clone(), &from.address)?)
        .to(mailbox(None, &mail.to)?)
        .subject(mail.subject.clone())
        .date(mail.at.into())
        .message_id(Some(format!("<{}@{}>", mail.id, from.domain())))
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| MailError::Permanent(format!("the message cannot be written: {error}")))
}

fn unusable(_: &EmailAddress) -> MailError {
    MailError::Permanent("the address is none that mail can be sent to".to_owned())
}
