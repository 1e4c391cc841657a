//! The peer itself: it refuses what a strict server refuses.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Encryption;
use crate::fake::{Options, Peer};

/// All that the peer answers to these bytes, to the end of the conversation.
async fn answers(peer: &Peer, said: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", peer.port())).await.unwrap();
    socket.write_all(said.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answers = String::new();
    socket.read_to_string(&mut answers).await.unwrap();
    answers
}

const HEADER: &str = "Date: x\r\nFrom: a@b\r\nTo: c@d\r\nSubject: x\r\nMessage-ID: <x>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n";

#[tokio::test]
async fn what_a_strict_server_refuses_the_peer_refuses() {
    let peer = Peer::start(Options::default()).await;
    let begin = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";
    for (said, expected) in [
        ("EHLO x\nQUIT\r\n".to_owned(), "500 5.5.2 a line ends"),
        ("MAIL FROM:<a@b>\r\nQUIT\r\n".to_owned(), "503 5.5.1 EHLO first"),
        ("EHLO\r\nQUIT\r\n".to_owned(), "501"),
        ("EHLO x\r\nMAIL FROM:a@b\r\nQUIT\r\n".to_owned(), "501"),
        ("EHLO x\r\nRCPT TO:<c@d>\r\nQUIT\r\n".to_owned(), "503"),
        (
            "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody>\r\nQUIT\r\n".to_owned(),
            "553",
        ),
        ("EHLO x\r\nMAIL FROM:<a@b>\r\nDATA\r\nQUIT\r\n".to_owned(), "503"),
        (
            format!("EHLO {}\r\nQUIT\r\n", "x".repeat(600)),
            "500 5.5.2 line too long",
        ),
        (
            format!("{begin}DATA\r\n{HEADER}\r\nbare\nline\r\n.\r\nQUIT\r\n"),
            "550 5.6.0 bare LF",
        ),
        (
            format!("{begin}DATA\r\n{HEADER}\r\nbare\rline\r\n.\r\nQUIT\r\n"),
            "550 5.6.0 bare CR",
        ),
        (
            format!("{begin}DATA\r\n{HEADER}\r\n{}\r\n.\r\nQUIT\r\n", "x".repeat(999)),
            "550 5.6.0 line too long",
        ),
        (
            format!("{begin}DATA\r\n{HEADER}Subject: y\r\n\r\nx\r\n.\r\nQUIT\r\n"),
            "550 5.6.0 2 fields subject",
        ),
        (
            format!("{begin}DATA\r\nDate: x\r\n\r\nx\r\n.\r\nQUIT\r\n"),
            "550 5.6.0 0 fields from",
        ),
    ] {
        let answers = answers(&peer, &said).await;
        assert!(answers.contains(&format!("\r\n{expected}")), "{said:?}: {answers}");
    }
    assert!(peer.received().is_empty() && !peer.offences().is_empty());
    let good = format!("{begin}DATA\r\n{HEADER}\r\n..dot\r\n.\r\nQUIT\r\n");
    assert!(answers(&peer, &good).await.contains("\r\n250 2.0.0 taken as 1\r\n221 "));
    assert!(peer.received()[0].data.ends_with("\r\n\r\n.dot\r\n"));
}

#[tokio::test]
async fn before_tls_nobody_signs_in_or_sends() {
    let options = Options {
        encryption: Some(Encryption::StartTls),
        login: Some(("panel".to_owned(), "secret".to_owned())),
    };
    let peer = Peer::start(options).await;
    let answers = answers(
        &peer,
        "EHLO x\r\nAUTH PLAIN AHBhbmVsAHNlY3JldA==\r\nMAIL FROM:<a@b>\r\nQUIT\r\n",
    )
    .await;
    assert!(
        answers.contains("\r\n538 ") && answers.contains("\r\n530 "),
        "{answers}"
    );
    assert!(!answers.contains("AUTH"), "it is not offered before: {answers}");
}
