use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mpanel_kernel::clock::ManualClock;

use crate::domain::Network;
use crate::{Guesses, Throttle};

#[test]
fn a_key_has_its_burst_and_then_its_rate() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let throttle = Throttle::new(clock.clone(), 3, Duration::from_secs(60));
    for _ in 0..3 {
        assert_eq!(throttle.check(&"a"), Ok(()));
    }
    assert_eq!(throttle.check(&"a"), Err(20));
    assert_eq!(throttle.check(&"b"), Ok(()), "keys do not touch each other");
    clock.advance(SignedDuration::from_millis(19_500));
    assert_eq!(throttle.check(&"a"), Err(1), "rounded up");
    clock.advance(SignedDuration::from_millis(500));
    assert_eq!(throttle.check(&"a"), Ok(()));
    assert_eq!(throttle.check(&"a"), Err(20));
}

#[test]
fn looking_counts_nothing() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let throttle = Throttle::new(clock, 2, Duration::from_secs(60));
    for _ in 0..10 {
        assert_eq!(throttle.look(&"a"), Ok(()));
    }
    for _ in 0..2 {
        assert_eq!(throttle.check(&"a"), Ok(()));
    }
    assert_eq!(throttle.look(&"a"), Err(30));
}

#[test]
fn many_keys_do_not_fill_the_memory_and_those_in_use_are_remembered() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let throttle = Throttle::new(clock, 2, Duration::from_secs(600));
    let busy = (0, 0);
    for _ in 0..2 {
        assert_eq!(throttle.check(&busy), Ok(()));
    }
    for key in 0..9_000 {
        assert_eq!(throttle.check(&(1, key)), Ok(()));
    }
    assert!(throttle.check(&busy).is_err());
    for key in 0..100_000 {
        assert_eq!(throttle.check(&(2, key)), Ok(()));
    }
    assert!(throttle.remembered() <= 20_000, "{}", throttle.remembered());
}

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
