//! What authorities refuse, as it is told on.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::{AccountKey, Acme as _, Directory, Error, Network, ProblemKind, Rfc8555};

#[tokio::test]
async fn an_authority_on_a_private_address_is_not_asked_unless_the_operator_allows_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let directory = Directory {
        url: format!("https://{}/dir", listener.local_addr().unwrap()),
        root_pem: None,
    };
    let key = AccountKey::generate().unwrap();
    let asked = Rfc8555::default().new_account(&directory, &key, &[], None).await;
    let Err(Error::Unreachable(text)) = asked else {
        panic!("somebody answered")
    };
    assert!(text.contains("not a public host"), "{text}");
    assert!(listener.accept().is_err(), "it was connected to");
}

#[tokio::test]
async fn a_directory_without_https_is_refused() {
    let directory = Directory {
        url: "http://acme.example.com/dir".to_owned(),
        root_pem: None,
    };
    let key = AccountKey::generate().unwrap();
    let asked = Rfc8555::default().new_account(&directory, &key, &[], None).await;
    assert!(matches!(asked, Err(Error::Unreachable(text)) if text.contains("https://")));
}

#[tokio::test]
async fn one_that_speaks_no_tls_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let directory = Directory {
        url: format!("https://{address}/dir"),
        root_pem: None,
    };
    let network = Network {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
    };
    let key = AccountKey::generate().unwrap();
    let asked = Rfc8555::new(network).new_account(&directory, &key, &[], None).await;
    assert!(matches!(asked, Err(Error::Unreachable(_))));
    peer.join().unwrap();
}

#[test]
fn kinds_are_those_of_the_rfc() {
    let kind = |word: &str| ProblemKind::parse(Some(&format!("urn:ietf:params:acme:error:{word}")));
    assert_eq!(kind("rateLimited"), ProblemKind::RateLimited);
    assert_eq!(kind("badCSR"), ProblemKind::BadCsr);
    assert_eq!(kind("caa").word(), "caa");
    assert_eq!(ProblemKind::parse(Some("urn:example:dns")), ProblemKind::Other);
    assert_eq!(ProblemKind::parse(None).word(), "other");
    assert!(ProblemKind::RateLimited.is_the_authoritys());
    assert!(!ProblemKind::Caa.is_the_authoritys());
}
