//! What a certificate authority finds while it looks, and what nobody finds otherwise.

use std::io::Read as _;

use super::rig::{Rig, site, tls};
use crate::{Challenge, Delta, Proof, Target};

const TOKEN: &str = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";

fn file(host: &str, token: &str) -> Challenge {
    Challenge {
        host: host.to_owned(),
        proof: Proof::Http {
            token: token.to_owned(),
            key_authorization: format!("{token}.thumb"),
        },
    }
}

fn handshake(host: &str) -> Challenge {
    Challenge {
        host: host.to_owned(),
        proof: Proof::TlsAlpn {
            key_authorization: format!("{TOKEN}.thumb"),
        },
    }
}

fn live(rig: &Rig, id: &str, challenge: Challenge) {
    let id = id.to_owned();
    assert_eq!(rig.edge.apply([Delta::UpsertChallenge { id, challenge }]), []);
}

fn over(rig: &Rig, id: &str) {
    assert_eq!(rig.edge.apply([Delta::DeleteChallenge { id: id.to_owned() }]), []);
}

fn path(token: &str) -> String {
    format!("/.well-known/acme-challenge/{token}")
}

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("a/index.html", "a");
    rig.write("a/.well-known/acme-challenge/own", "the site's own");
    rig.host(
        "a.example",
        Target::Site {
            site: String::new(),
            root: "a".to_owned(),
            spa_fallback: false,
            not_found: None,
            https_redirect: true,
        },
    );
    rig.certificate("a", &["a.example"]);
    rig
}

#[test]
fn a_file_is_answered_before_any_redirect_for_its_name_and_token_alone() {
    let rig = rig();
    rig.host("b.example", site("a"));
    assert_eq!(rig.get("a.example", &path(TOKEN)).status, 301);
    live(&rig, "1", file("a.example", TOKEN));
    live(&rig, "2", file("nobody.example", "other"));
    let reply = rig.get("a.example", &path(TOKEN));
    assert_eq!((reply.status, reply.text()), (200, format!("{TOKEN}.thumb")));
    assert_eq!(reply.field("cache-control"), Some("no-store"));
    assert_eq!(
        rig.get("A.example:80", &path(TOKEN)).status,
        200,
        "however the name is written"
    );
    assert_eq!(
        rig.get("nobody.example", &path("other")).text(),
        "other.thumb",
        "no site needs to be there"
    );

    assert_eq!(rig.get("a.example", &path("other")).status, 301, "another name's");
    assert_eq!(rig.get("b.example", &path(TOKEN)).status, 404);
    assert_eq!(rig.get("a.example", &format!("{}/", path(TOKEN))).status, 301);
    assert_eq!(
        rig.get("b.example", &path("own")).text(),
        "the site's own",
        "a site may answer for itself"
    );
    assert_eq!(
        rig.request("POST", "a.example", &path(TOKEN), "Content-Length: 0\r\n")
            .status,
        308
    );
    over(&rig, "1");
    assert_eq!(rig.get("a.example", &path(TOKEN)).status, 301);
}

#[test]
fn several_may_be_looked_for_at_one_name_at_once() {
    let rig = rig();
    live(&rig, "1", file("a.example", "one"));
    live(&rig, "2", file("a.example", "two"));
    live(&rig, "1", file("a.example", "three"));
    over(&rig, "none");
    assert_eq!(rig.get("a.example", &path("one")).status, 301);
    assert_eq!(rig.get("a.example", &path("two")).text(), "two.thumb");
    assert_eq!(rig.get("a.example", &path("three")).text(), "three.thumb");
}

#[test]
fn a_handshake_of_its_own_shows_the_digest_and_ends() {
    let rig = rig();
    assert!(
        tls(rig.https(), "a.example", &["acme-tls/1"]).is_err(),
        "nobody has asked"
    );
    live(&rig, "1", handshake("a.example"));
    let stream = tls(rig.https(), "a.example", &["acme-tls/1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let shown = stream.conn.peer_certificates().unwrap()[0].to_vec();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{TOKEN}.thumb").as_bytes());
    let within = |part: &[u8]| shown.windows(part.len()).any(|window| window == part);
    // id-pe-acmeIdentifier (1.3.6.1.5.5.7.1.31), critical, then the digest as an octet string in another.
    let extension = [
        &[
            0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f, 0x01, 0x01, 0xff, 0x04, 0x22, 0x04, 0x20,
        ][..],
        hash.as_ref(),
    ]
    .concat();
    assert!(within(&extension), "{shown:02x?}");
    assert!(within(b"a.example"));
    let mut stream = stream;
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "nothing is said");

    // Others see what they saw before.
    let usual = tls(rig.https(), "a.example", &["http/1.1", "acme-tls/1"]).unwrap();
    assert_eq!(usual.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_ne!(usual.conn.peer_certificates().unwrap()[0].to_vec(), shown);
    assert!(tls(rig.https(), "b.example", &["acme-tls/1"]).is_err());
    over(&rig, "1");
    assert!(tls(rig.https(), "a.example", &["acme-tls/1"]).is_err());
}

#[test]
fn what_is_no_challenge_is_refused_and_the_one_before_stays() {
    let rig = rig();
    live(&rig, "1", file("a.example", TOKEN));
    for wrong in [
        file("*.example", TOKEN),
        file("a.example", "../x"),
        file("a.example", ""),
        handshake("no name"),
    ] {
        let rejected = rig.edge.apply([Delta::UpsertChallenge {
            id: "1".to_owned(),
            challenge: wrong,
        }]);
        assert_eq!(rejected.len(), 1);
    }
    assert_eq!(rig.get("a.example", &path(TOKEN)).status, 200);
}
