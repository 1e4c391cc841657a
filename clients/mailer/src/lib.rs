//! Mail to people: what is said ([`Letter`]), how it waits ([`Post`]) and how it goes ([`Mailer`]). See README.md.
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod file;
mod letter;
mod message;
mod metrics;
mod post;
mod smtp;

pub use file::FileMailer;
pub use letter::{Brand, Letter, Rendered};
pub use message::{Mail, MailError, Mailer, Sender};
pub use post::{Post, SEALED, SEND};
pub use smtp::{Encryption, SmtpMailer, SmtpSettings};

mpanel_kernel::define_ids! {
    /// One mail, however often it is tried.
    MailId = "mail",
}

#[cfg(test)]
mod tests;
