use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mpanel_kernel::clock::ManualClock;

use crate::Guesses;
use crate::domain::Network;

#[test]
fn an_address_with_too_many_wrong_credentials_is_not_looked_up_for_new_ones() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let guesses = Guesses::new(clock.clone(), 3, 6);
    let (house, elsewhere) = ("203.0.113.7".parse().ok(), "203.0.113.8".parse().ok());
    let (known, new) = ([1; 32], [9; 32]);
    guesses.succeeded(known);
    for n in 10..13 {
        assert_eq!(guesses.may_look_up(house, &[n; 32]), Ok(()));
        guesses.failed(house, &[n; 32]);
    }
    assert_eq!(guesses.may_look_up(house, &new), Err(10));
    assert_eq!(guesses.may_look_up(elsewhere, &new), Ok(()));
    assert_eq!(guesses.may_look_up(house, &known), Ok(()), "others in the house go on");
    guesses.failed(house, &known);
    assert_eq!(guesses.may_look_up(house, &known), Err(10), "until theirs ends");
    clock.advance(SignedDuration::from_secs(10));
    assert_eq!(guesses.may_look_up(house, &new), Ok(()));
}

#[test]
fn networks_are_addresses_or_v6_prefixes_of_64_bits() {
    let of = |text: &str| Network::of(text.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:1"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}
