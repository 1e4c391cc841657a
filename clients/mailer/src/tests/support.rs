use jiff::Timestamp;
use mpanel_crypto::Secret;

use crate::fake::{Options, Peer};
use crate::{Brand, Encryption, Letter, Mail, MailId, Sender, SmtpMailer, SmtpSettings};

pub fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub fn sender() -> Sender {
    Sender::parse("mPanel <panel@example.com>").unwrap()
}

pub fn letter() -> Letter {
    Letter::new("Set a new password")
        .text("Somebody asked for a new password. Grüße & <b>no</b> markup.")
        .link("Set it", "https://panel.example.com/reset#reset_abc")
        .fact("Asked from", "203.0.113.7")
}

pub fn mail(to: &str) -> Mail {
    let rendered = letter().render(&Brand::own("https://panel.example.com"));
    Mail {
        id: MailId::generate(),
        at: now(),
        to: to.parse().unwrap(),
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        useless_after: None,
    }
}

pub fn settings(peer: &Peer, encryption: Encryption) -> SmtpSettings {
    SmtpSettings {
        host: "localhost".to_owned(),
        port: Some(peer.port()),
        encryption,
        login: None,
        authority: Some(peer.authority().as_bytes().to_vec()),
        hello: "panel.example.com".to_owned(),
    }
}

/// A peer, and what sends to it, as user `panel` if it wants one.
pub async fn pair(encryption: Encryption, password: Option<&str>) -> (Peer, SmtpMailer) {
    let login = password.map(|password| ("panel".to_owned(), password.to_owned()));
    let options = Options {
        encryption: Some(encryption),
        login: login.clone(),
    };
    let peer = Peer::start(options).await;
    let settings = SmtpSettings {
        login: login.map(|(user, password)| (user, Secret::new(password))),
        ..settings(&peer, encryption)
    };
    let mailer = SmtpMailer::new(settings, sender()).unwrap();
    (peer, mailer)
}
