use std::net::IpAddr;

use super::Networks;

fn networks(texts: &[&str]) -> Networks {
    let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    Networks::parse(&texts).unwrap()
}

fn allows(networks: &Networks, address: &str) -> bool {
    networks.allow(Some(address.parse::<IpAddr>().unwrap()))
}

#[test]
fn a_list_allows_what_is_in_it_and_nothing_else() {
    let list = networks(&["203.0.113.0/24", "2001:db8:1::/48", "198.51.100.7"]);
    for inside in [
        "203.0.113.0",
        "203.0.113.255",
        "2001:db8:1:ffff::1",
        "198.51.100.7",
        "::ffff:203.0.113.9",
    ] {
        assert!(allows(&list, inside), "{inside}");
    }
    for outside in [
        "203.0.114.1",
        "2001:db8:2::1",
        "198.51.100.8",
        "::ffff:203.0.114.1",
        "127.0.0.1",
    ] {
        assert!(!allows(&list, outside), "{outside}");
    }
    assert!(!list.allow(None), "this machine is not in it either");
}

#[test]
fn an_empty_list_allows_everybody() {
    let list = networks(&[]);
    assert!(allows(&list, "203.0.113.1") && list.allow(None));
}

#[test]
fn this_machine_is_its_loopback_address() {
    assert!(networks(&["127.0.0.0/8"]).allow(None));
    assert!(networks(&["::1"]).allow(None));
}

#[test]
fn networks_are_kept_in_one_form() {
    let list = networks(&[
        "203.0.113.77/24",
        " 203.0.113.0/24",
        "::ffff:192.0.2.0/120",
        "2001:DB8::/32",
    ]);
    assert_eq!(list.texts(), ["192.0.2.0/24", "203.0.113.0/24", "2001:db8::/32"]);
    assert!(allows(&list, "192.0.2.4"));
}

#[test]
fn what_is_no_network_is_named_with_its_place() {
    let texts = ["10.0.0.0/8", "10.0.0.0/33", "bakery", "", "10.0.0"].map(str::to_owned);
    let wrong = Networks::parse(&texts).unwrap_err();
    let places: Vec<&str> = wrong.iter().map(|field| &*field.pointer).collect();
    assert_eq!(
        places,
        [
            "/allowed_networks/1",
            "/allowed_networks/2",
            "/allowed_networks/3",
            "/allowed_networks/4"
        ]
    );
    assert!(Networks::parse(&vec!["10.0.0.1".to_owned(); 51]).is_err());
}

#[test]
fn a_stored_network_that_cannot_be_read_allows_nobody() {
    let list = Networks::stored(&["nonsense".to_owned()]);
    assert!(!allows(&list, "203.0.113.1") && !list.allow(None));
}

#[test]
fn networks_are_within_others_when_each_of_them_is() {
    let list = |texts: &[&str]| Networks::parse(&texts.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    let within = |inner: &[&str], outer: &[&str]| list(inner).are_within(&list(outer));
    assert!(within(&[], &[]) && within(&["10.0.0.1"], &[]), "everywhere");
    assert!(!within(&[], &["0.0.0.0/0", "::/0"]), "everywhere is more than any list");
    assert!(within(&["10.0.0.0/8"], &["10.0.0.0/8"]));
    assert!(within(
        &["10.1.0.0/16", "2001:db8::1"],
        &["10.0.0.0/8", "2001:db8::/32"]
    ));
    assert!(!within(&["10.1.0.0/16", "11.0.0.1"], &["10.0.0.0/8"]));
    assert!(!within(&["10.0.0.0/7"], &["10.0.0.0/8"]));
    assert!(
        within(&["10.0.0.0/24"], &["10.0.0.0/25", "10.0.0.128/25"]),
        "two halves"
    );
}
