use super::is_own;

#[test]
fn the_machines_own_addresses_are_told_from_others() {
    assert!(is_own("127.0.0.1:443".parse().unwrap()));
    assert!(!is_own("192.0.2.1:443".parse().unwrap()));
    assert!(!is_own("[2001:db8::1]:443".parse().unwrap()));
}
