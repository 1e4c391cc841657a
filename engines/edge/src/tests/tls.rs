use std::io::Write;

use rustls::AlertDescription;

use super::rig::{Reply, Rig, ask_tls, certificate, read_all, site, tls};
use crate::{Delta, Target};

fn rig() -> Rig {
    let rig = Rig::new();
    for name in ["a", "b", "w"] {
        rig.write(&format!("{name}/index.html"), name);
    }
    rig.host("a.example", site("a"));
    rig.host("b.example", site("b"));
    rig.host("*.w.example", site("w"));
    rig.certificate("a", &["a.example"]);
    rig.certificate("b", &["b.example"]);
    rig.certificate("w", &["*.w.example"]);
    rig
}

fn request(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

fn alert(result: std::io::Result<super::rig::TlsStream>) -> AlertDescription {
    let Err(error) = result else {
        panic!("the handshake must fail")
    };
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => *alert,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_name_chooses_the_certificate_and_the_site() {
    let rig = rig();
    assert_eq!(ask_tls(rig.https(), "a.example", &request("a.example")).text(), "a");
    assert_eq!(
        ask_tls(rig.https(), "B.example", &request("b.example:8443")).text(),
        "b"
    );
    assert_eq!(ask_tls(rig.https(), "x.w.example", &request("x.w.example")).text(), "w");
    // One wildcard certificate covers both names, so one connection may carry both.
    assert_eq!(ask_tls(rig.https(), "x.w.example", &request("y.w.example")).text(), "w");
}

#[test]
fn a_host_of_another_certificate_is_misdirected() {
    let rig = rig();
    for host in ["b.example", "x.w.example", "unknown.example"] {
        assert_eq!(ask_tls(rig.https(), "a.example", &request(host)).status, 421, "{host}");
    }
}

#[test]
fn an_unknown_name_or_none_ends_in_an_alert() {
    let rig = rig();
    for name in ["unknown.example", "w.example", "x.y.w.example", "127.0.0.1"] {
        assert_eq!(
            alert(tls(rig.https(), name, &[])),
            AlertDescription::AccessDenied,
            "{name}"
        );
    }
}

#[test]
fn without_a_name_only_the_panel_answers() {
    let rig = rig();
    rig.host("panel.example", Target::Panel);
    rig.certificate("p", &["panel.example"]);
    let reply = ask_tls(rig.https(), "127.0.0.1", &request("panel.example"));
    assert_eq!(reply.status, 503, "the panel's server is not running, but it was asked");
    assert_eq!(ask_tls(rig.https(), "127.0.0.1", &request("a.example")).status, 421);
}

#[test]
fn both_http_versions_are_offered_and_old_tls_is_not() {
    let rig = rig();
    let stream = tls(rig.https(), "a.example", &["h2", "http/1.1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(stream.conn.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    let stream = tls(rig.https(), "a.example", &["http/1.1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(
        alert(tls(rig.https(), "a.example", &["spdy/3"])),
        AlertDescription::NoApplicationProtocol
    );
}

#[test]
fn a_renewed_certificate_is_used_at_once_and_old_connections_go_on() {
    let rig = rig();
    let mut old = tls(rig.https(), "a.example", &["http/1.1"]).unwrap();
    let before = old.conn.peer_certificates().unwrap()[0].clone();
    rig.certificate("a", &["a.example"]);
    let new = tls(rig.https(), "a.example", &["http/1.1"]).unwrap();
    assert_ne!(before, new.conn.peer_certificates().unwrap()[0]);
    old.write_all(request("a.example").as_bytes()).unwrap();
    assert_eq!(Reply::parse(&read_all(&mut old)).status, 200);
}

#[test]
fn the_certificate_that_lasts_longest_is_used() {
    let rig = rig();
    let presented = || {
        tls(rig.https(), "a.example", &[])
            .unwrap()
            .conn
            .peer_certificates()
            .unwrap()[0]
            .clone()
    };
    let mut long = certificate(&["a.example"]);
    long.not_after = Some("2100-01-01T00:00:00Z".parse().unwrap());
    let mut short = certificate(&["a.example"]);
    short.not_after = Some("2030-01-01T00:00:00Z".parse().unwrap());
    rig.edge.apply([Delta::UpsertCertificate {
        id: "long".to_owned(),
        certificate: long,
    }]);
    let expected = presented();
    rig.edge.apply([Delta::UpsertCertificate {
        id: "z-short".to_owned(),
        certificate: short,
    }]);
    assert_eq!(presented(), expected);
    rig.edge.apply([Delta::DeleteCertificate { id: "long".to_owned() }]);
    assert_ne!(presented(), expected);
}

#[test]
fn a_certificate_that_cannot_be_used_leaves_the_old_one() {
    let rig = rig();
    let (mut wrong_key, mut no_chain, mut no_names) = (
        certificate(&["a.example"]),
        certificate(&["a.example"]),
        certificate(&["a.example"]),
    );
    wrong_key.key_pem = certificate(&["a.example"]).key_pem;
    no_chain.chain_pem = "nothing".to_owned();
    no_names.names.clear();
    for certificate in [wrong_key, no_chain, no_names] {
        let rejected = rig.edge.apply([Delta::UpsertCertificate {
            id: "a".to_owned(),
            certificate,
        }]);
        assert_eq!(rejected.len(), 1);
        assert!(!rejected[0].reason.contains("BEGIN"));
    }
    assert_eq!(ask_tls(rig.https(), "a.example", &request("a.example")).text(), "a");
}

#[test]
fn a_private_key_is_never_printed() {
    let printed = format!("{:?}", certificate(&["a.example"]));
    assert!(!printed.contains("PRIVATE"), "{printed}");
}
