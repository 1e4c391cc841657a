//! Hosts whose handshakes are stricter than those of others.

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

use super::rig::{Reply, Rig, TlsStream, any_certificate, connect, read_all, site};
use crate::{ClientAuth, Delta, Host, Policy, TlsRules, TlsVersion};

const OPEN: &str = "open.example";
const STRICT: &str = "strict.example";

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::from_ca_cert_pem(&pem, key).unwrap();
        Self { pem, issuer }
    }

    fn client(&self) -> Client {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["ann".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Client {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }
}

struct Client {
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: Vec<u8>,
}

/// What a browser keeps between connections, which is how sessions are resumed.
fn config(
    versions: &[&'static rustls::SupportedProtocolVersion],
    client: Option<&Client>,
) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(any_certificate());
    Arc::new(match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(client.key.clone()));
            builder
                .with_client_auth_cert(vec![client.certificate.clone()], key)
                .unwrap()
        }
    })
}

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];
const OLD: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// Opens a connection for `sni` and asks for `host` on it; with TLS 1.3 a refusal comes only now.
fn ask(rig: &Rig, config: &Arc<rustls::ClientConfig>, sni: &str, host: &str) -> std::io::Result<Reply> {
    let name = ServerName::try_from(sni.to_owned()).unwrap();
    let connection = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = TlsStream::new(connection, connect(rig.https()));
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    let mut bytes = first.to_vec();
    bytes.extend(read_all(&mut stream));
    Ok(Reply::parse(&bytes))
}

/// Both names in one certificate, as browsers need to share a connection.
fn rig(rules: TlsRules) -> Rig {
    let rig = Rig::new();
    rig.write("open/index.html", "open");
    rig.write("strict/index.html", "strict");
    rig.host(OPEN, site("open"));
    rig.certificate("1", &[OPEN, STRICT]);
    set(&rig, rules);
    rig
}

fn set(rig: &Rig, rules: TlsRules) {
    let policy = Policy {
        tls: Some(rules),
        ..Policy::default()
    };
    let host = Host {
        policy: Some(Box::new(policy)),
        ..Host::from(site("strict"))
    };
    let delta = Delta::UpsertHost {
        name: STRICT.to_owned(),
        host,
    };
    assert_eq!(rig.edge.apply([delta]), []);
}

fn by_certificate(authority: &Authority, optional: bool) -> TlsRules {
    TlsRules {
        client_auth: Some(ClientAuth {
            authorities_pem: authority.pem.clone(),
            optional,
        }),
        ..TlsRules::default()
    }
}

#[test]
fn a_host_may_demand_the_newest_version_and_others_do_not() {
    let rig = rig(TlsRules {
        min_version: TlsVersion::V1_3,
        ..TlsRules::default()
    });
    assert_eq!(ask(&rig, &config(BOTH, None), STRICT, STRICT).unwrap().text(), "strict");
    assert_eq!(ask(&rig, &config(OLD, None), OPEN, OPEN).unwrap().text(), "open");
    assert!(ask(&rig, &config(OLD, None), STRICT, STRICT).is_err());
    // Nor by a connection that was opened for another name of the same certificate.
    assert_eq!(ask(&rig, &config(OLD, None), OPEN, STRICT).unwrap().status, 421);
}

#[test]
fn a_host_may_ask_for_certificates_and_nothing_leads_round_it() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let rig = rig(by_certificate(&ours, false));
    let known = config(BOTH, Some(&ours.client()));
    let unknown = config(BOTH, Some(&theirs.client()));
    let nobody = config(BOTH, None);
    assert_eq!(ask(&rig, &known, STRICT, STRICT).unwrap().text(), "strict");
    assert!(ask(&rig, &unknown, STRICT, STRICT).is_err());
    for _ in 0..2 {
        // The second time with the ticket of the first.
        assert_eq!(ask(&rig, &nobody, OPEN, OPEN).unwrap().text(), "open");
        assert!(ask(&rig, &nobody, STRICT, STRICT).is_err());
        assert_eq!(ask(&rig, &nobody, OPEN, STRICT).unwrap().status, 421);
        assert_eq!(ask(&rig, &known, OPEN, STRICT).unwrap().status, 421);
    }
    // Who was let in stays so only under the same rules.
    set(&rig, by_certificate(&theirs, false));
    assert!(ask(&rig, &known, STRICT, STRICT).is_err());
    assert_eq!(ask(&rig, &unknown, STRICT, STRICT).unwrap().text(), "strict");
}

#[test]
fn a_connection_outlives_a_change_of_other_rules() {
    let ours = Authority::new();
    let rig = rig(by_certificate(&ours, false));
    let name = ServerName::try_from(STRICT.to_owned()).unwrap();
    let connection = rustls::ClientConnection::new(config(BOTH, Some(&ours.client())), name).unwrap();
    let mut stream = TlsStream::new(connection, connect(rig.https()));
    let request = |close: &str| format!("GET / HTTP/1.1\r\nHost: {STRICT}\r\n{close}\r\n");
    stream.write_all(request("").as_bytes()).unwrap();
    let head = super::rig::read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream.read_exact(&mut [0; 6]).unwrap();
    let policy = Policy {
        tls: Some(by_certificate(&ours, false)),
        hsts: Some(crate::Hsts {
            max_age: 60,
            include_subdomains: false,
            preload: false,
        }),
        ..Policy::default()
    };
    let host = Host {
        policy: Some(Box::new(policy)),
        ..Host::from(site("strict"))
    };
    let delta = Delta::UpsertHost {
        name: STRICT.to_owned(),
        host,
    };
    assert_eq!(rig.edge.apply([delta]), []);
    stream.write_all(request("Connection: close\r\n").as_bytes()).unwrap();
    let reply = Reply::parse(&read_all(&mut stream));
    assert_eq!(
        (reply.status, reply.field("strict-transport-security")),
        (200, Some("max-age=60"))
    );
}

#[test]
fn a_certificate_may_be_left_to_the_client_but_not_a_wrong_one() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let rig = rig(by_certificate(&ours, true));
    assert_eq!(ask(&rig, &config(BOTH, None), STRICT, STRICT).unwrap().text(), "strict");
    assert!(ask(&rig, &config(BOTH, Some(&theirs.client())), STRICT, STRICT).is_err());
}

#[test]
fn what_asks_for_certificates_is_not_served_without_tls() {
    let ours = Authority::new();
    let rig = rig(by_certificate(&ours, false));
    let reply = rig.get(STRICT, "/a?b");
    let location = reply.field("location").unwrap();
    assert!(
        reply.status == 301 && location.starts_with("https://strict.example"),
        "{location}"
    );
    assert_eq!(rig.edge.apply([Delta::DeleteCertificate { id: "1".to_owned() }]), []);
    assert_eq!(rig.get(STRICT, "/").status, 403);
    assert_eq!(rig.get(OPEN, "/").status, 200);
}

#[test]
fn authorities_that_are_none_are_refused_by_the_field() {
    let rig = rig(TlsRules::default());
    for (pem, why) in [
        ("", "holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
            "authorities_pem",
        ),
    ] {
        let policy = Policy {
            tls: Some(TlsRules {
                client_auth: Some(ClientAuth {
                    authorities_pem: pem.to_owned(),
                    optional: false,
                }),
                ..TlsRules::default()
            }),
            ..Policy::default()
        };
        let host = Host {
            policy: Some(Box::new(policy)),
            ..Host::from(site("strict"))
        };
        let rejected = rig.edge.apply([Delta::UpsertHost {
            name: STRICT.to_owned(),
            host,
        }]);
        assert!(rejected[0].reason.contains(why), "{rejected:?}");
    }
}
