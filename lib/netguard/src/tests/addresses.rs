use std::net::IpAddr;

use crate::address::Rules;
use crate::{Error, is_public};

/// First and last address of every refused range.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.0",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.255",
    "192.0.2.0",
    "192.0.2.255",
    "192.88.99.0",
    "192.88.99.255",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.0",
    "198.51.100.255",
    "203.0.113.0",
    "203.0.113.255",
    "224.0.0.0",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.255",
    // Unspecified, loopback, IPv4-compatible, IPv4-mapped (of private and of public addresses).
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:10.0.0.1",
    // NAT64, well-known and local; discard-only; dummy.
    "64:ff9b::",
    "64:ff9b::10.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::ffff:ffff",
    "64:ff9b:1::",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "100::",
    "100::ffff:ffff:ffff:ffff",
    "100:0:0:1::",
    // Teredo, benchmarks, ORCHID, documentation, 6to4.
    "2001::",
    "2001:0:7f00:1::",
    "2001:2::",
    "2001:10::",
    "2001:20::",
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8::",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff::",
    "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
    // SRv6, unique local, link-local, site-local, multicast, and space not assigned.
    "5f00::",
    "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fc00::",
    "fd00:ec2::254",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::",
    "fe80::1",
    "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fec0::",
    "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "ff00::",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "4000::",
    "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "e000::",
];

/// The neighbours of those ranges, and well-known servers.
const PUBLIC: &[&str] = &[
    "1.0.0.0",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::1",
    "2001:200::",
    "2001:4860:4860::8888",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "3ffe:ffff::",
    "3fff:1000::",
];

#[test]
fn asvs_1_3_6_every_special_purpose_range_is_refused_to_its_ends() {
    for text in NOT_PUBLIC {
        assert!(!is_public(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn the_public_internet_right_beside_those_ranges_is_reachable() {
    for text in PUBLIC {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
}

fn rules(allow: &[&str]) -> Rules {
    Rules {
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
        ports: vec![80, 443, 8443],
    }
}

fn check(rules: &Rules, url: &str) -> Result<(), Error> {
    rules.check(&reqwest::Url::parse(url).unwrap())
}

#[test]
fn asvs_1_3_6_addresses_in_urls_are_refused_in_any_spelling() {
    let rules = rules(&[]);
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0x7f.1/",
        "http://127.0.0.1./",
        "http://１２７.0.0.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fe80::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1:8443/",
    ] {
        assert!(matches!(check(&rules, url), Err(Error::NotPublic(_))), "{url}");
    }
    for url in [
        "http://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://example.com:8443/hook?x=1",
    ] {
        assert_eq!(check(&rules, url), Ok(()), "{url}");
    }
}

#[test]
fn asvs_13_2_4_other_schemes_ports_and_credentials_are_refused() {
    let rules = rules(&[]);
    for url in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/plain,x",
        "http://example.com:22/",
        "http://example.com:6379/",
        "https://example.com:25/",
        "http://example.com:0/",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://:secret@example.com/",
    ] {
        assert!(matches!(check(&rules, url), Err(Error::Url(_))), "{url}");
    }
}

#[test]
fn the_operators_networks_are_reachable_and_nothing_beside_them() {
    let rules = rules(&["10.1.0.0/16", "fd00:1::/32"]);
    let permit = |text: &str| rules.permit(text.parse::<IpAddr>().unwrap());
    assert!(permit("10.1.2.3") && permit("fd00:1::1") && permit("8.8.8.8"));
    assert!(!permit("10.2.0.1") && !permit("fd00:2::1") && !permit("::ffff:10.1.2.3"));
    assert_eq!(check(&rules, "http://10.1.2.3/"), Ok(()));
}
