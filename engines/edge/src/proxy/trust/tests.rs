use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Identity, read};

fn identity(peer: &str, fields: &[(&'static str, &str)]) -> Identity {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
    read(peer.parse().unwrap(), false, &headers, &trusted)
}

fn address(peer: &str, fields: &[(&'static str, &str)]) -> String {
    identity(peer, fields).address.to_string()
}

#[test]
fn what_a_stranger_says_about_itself_is_not_believed() {
    let lies = [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-proto", "https")];
    let found = identity("198.51.100.1", &lies);
    assert_eq!(found.address.to_string(), "198.51.100.1");
    assert!(!found.tls && !found.trusted);
}

#[test]
fn behind_trusted_proxies_the_nearest_stranger_is_the_client() {
    assert_eq!(address("10.0.0.1", &[("x-forwarded-for", "192.0.2.1")]), "192.0.2.1");
    // What stands before the nearest stranger is that stranger's own word.
    let chain = [("x-forwarded-for", "6.6.6.6, 192.0.2.1, 10.2.2.2")];
    assert_eq!(address("10.0.0.1", &chain), "192.0.2.1");
    let fields = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "192.0.2.1,10.1.1.1"),
    ];
    assert_eq!(address("10.0.0.1", &fields), "192.0.2.1");
    assert_eq!(address("10.0.0.1", &[("x-forwarded-for", "10.3.3.3")]), "10.3.3.3");
    assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
}

#[test]
fn addresses_with_ports_and_brackets_are_read_and_nonsense_ends_the_list() {
    for (written, expected) in [
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:470::1]:4711", "2001:470::1"),
        ("[2001:470::1]", "2001:470::1"),
        ("2001:470::1", "2001:470::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, unknown", "10.0.0.1"),
        ("192.0.2.1, ", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(
            address("10.0.0.1", &[("x-forwarded-for", written)]),
            expected,
            "{written}"
        );
    }
}

#[test]
fn a_trusted_proxy_says_whether_the_client_spoke_tls() {
    assert!(identity("10.0.0.1", &[("x-forwarded-proto", "https")]).tls);
    assert!(!identity("10.0.0.1", &[("x-forwarded-proto", "https, http")]).tls);
    assert!(!identity("10.0.0.1", &[("x-forwarded-proto", "ftp")]).tls);
}
