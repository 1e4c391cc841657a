use std::sync::LazyLock;

use mpanel_telemetry::metrics::{Counter, Family, register};

use crate::MailError;

type Labels = [(&'static str, &'static str); 2];

static MAILS: LazyLock<Family<Labels, Counter>> = LazyLock::new(|| {
    register(
        "mail_attempts",
        "Attempts to send a mail, by transport and what came of them: sent, temporary, permanent or late",
        Family::default(),
    )
});

pub fn attempt(transport: &'static str, result: &'static str) {
    MAILS
        .get_or_create(&[("transport", transport), ("result", result)])
        .inc();
}

pub fn result(outcome: &Result<String, MailError>) -> &'static str {
    match outcome {
        Ok(_) => "sent",
        Err(MailError::Temporary(_)) => "temporary",
        Err(MailError::Permanent(_)) => "permanent",
    }
}
