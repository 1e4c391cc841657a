use mpanel_crypto::Secret;

use super::support::{mail, pair, sender, settings};
use crate::fake::{Options, Peer};
use crate::{Encryption, MailError, Mailer, SmtpMailer, SmtpSettings};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn a_strict_server_takes_a_mail_by_each_encryption() {
    for encryption in [Encryption::StartTls, Encryption::Implicit, Encryption::None] {
        let (peer, mailer) = pair(encryption, Some("secret of the panel")).await;
        let mail = mail(ADA);
        let answer = mailer.send(&mail).await.unwrap();
        assert!(answer.starts_with("250"), "{answer}");
        assert_eq!(peer.offences(), [""; 0], "{encryption:?}");
        let received = peer.received();
        assert_eq!(received.len(), 1);
        let one = &received[0];
        assert_eq!(
            (one.from.as_str(), one.to.as_slice()),
            ("panel@example.com", &[ADA.to_owned()][..])
        );
        assert_eq!(
            (one.tls, one.user.as_deref()),
            (encryption != Encryption::None, Some("panel"))
        );
        assert!(
            one.data.contains(&format!("Message-ID: <{}@example.com>\r\n", mail.id)),
            "{}",
            one.data
        );
        assert!(one.data.contains("Auto-Submitted: auto-generated\r\n"));
        assert!(one.data.contains("Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"));
        assert!(one.data.contains("multipart/alternative"));
    }
}

#[tokio::test]
async fn what_is_refused_for_now_is_temporary_and_for_good_is_permanent() {
    let (peer, mailer) = pair(Encryption::None, None).await;
    peer.answer_next("451 4.3.0 the disk is full");
    peer.answer_next("554 5.7.1 we do not like it");
    peer.refuse("nobody@example.com", "550 5.1.1 nobody here");
    peer.refuse("grey@example.com", "450 4.7.1 come back later");
    let outcome = async |to: &str| mailer.send(&mail(to)).await.unwrap_err();
    assert!(matches!(outcome(ADA).await, MailError::Temporary(text) if text.contains("the disk is full")));
    assert!(matches!(outcome(ADA).await, MailError::Permanent(text) if text.contains("we do not like it")));
    assert!(matches!(outcome("nobody@example.com").await, MailError::Permanent(text) if text.contains("nobody here")));
    assert!(
        matches!(outcome("grey@example.com").await, MailError::Temporary(text) if text.contains("come back later"))
    );
    assert!(peer.received().is_empty());
    mailer.send(&mail(ADA)).await.unwrap();
    assert_eq!(peer.received().len(), 1);
}

/// A wrong password is the operator's to put right; the mail is as good as before.
#[tokio::test]
async fn who_may_not_send_tries_again_and_tells_no_password() {
    let (peer, _) = pair(Encryption::StartTls, Some("right")).await;
    let wrong = SmtpSettings {
        login: Some(("panel".to_owned(), Secret::new("a wrong secret".to_owned()))),
        ..settings(&peer, Encryption::StartTls)
    };
    for settings in [wrong, settings(&peer, Encryption::StartTls)] {
        let mailer = SmtpMailer::new(settings, sender()).unwrap();
        let error = mailer.send(&mail(ADA)).await.unwrap_err();
        assert!(
            matches!(&error, MailError::Temporary(text) if text.contains("does not let us send")),
            "{error}"
        );
        assert!(!error.to_string().contains("a wrong secret"));
    }
    assert!(peer.received().is_empty());
}

#[tokio::test]
async fn nothing_is_said_to_a_server_without_the_tls_that_was_asked_for() {
    let peer = Peer::start(Options::default()).await;
    let mailer = SmtpMailer::new(settings(&peer, Encryption::StartTls), sender()).unwrap();
    assert!(matches!(mailer.send(&mail(ADA)).await, Err(MailError::Temporary(_))));
    let (peer, _) = pair(Encryption::StartTls, None).await;
    let stranger = SmtpSettings {
        authority: None,
        ..settings(&peer, Encryption::StartTls)
    };
    let mailer = SmtpMailer::new(stranger, sender()).unwrap();
    assert!(matches!(mailer.send(&mail(ADA)).await, Err(MailError::Temporary(_))));
    assert!(peer.received().is_empty());
}

#[tokio::test]
async fn mail_in_clear_goes_to_this_machine_only() {
    let settings = |host: &str| SmtpSettings {
        host: host.to_owned(),
        port: None,
        encryption: Encryption::None,
        login: None,
        authority: None,
        hello: "panel.example.com".to_owned(),
    };
    for near in ["localhost", "127.0.0.1", "::1"] {
        assert!(SmtpMailer::new(settings(near), sender()).is_ok(), "{near}");
    }
    for far in ["mail.example.com", "192.0.2.1", "localhost.example.com"] {
        assert!(SmtpMailer::new(settings(far), sender()).is_err(), "{far}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_a_temporary_trouble() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port: Some(free.local_addr().unwrap().port()),
        encryption: Encryption::None,
        login: None,
        authority: None,
        hello: "panel.example.com".to_owned(),
    };
    drop(free);
    let mailer = SmtpMailer::new(settings, sender()).unwrap();
    assert!(matches!(mailer.send(&mail(ADA)).await, Err(MailError::Temporary(_))));
}
