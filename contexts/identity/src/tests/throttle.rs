use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mpanel_kernel::clock::ManualClock;

use crate::Throttle;
use crate::domain::Network;

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
fn many_keys_do_not_fill_the_memory() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let throttle = Throttle::new(clock.clone(), 1, Duration::from_secs(1));
    for round in 0..5 {
        for key in 0..8_000 {
            assert_eq!(throttle.check(&(round, key)), Ok(()));
        }
        clock.advance(SignedDuration::from_secs(2));
    }
    assert!(throttle.remembered() <= 10_001, "{}", throttle.remembered());
}

#[test]
fn networks_are_addresses_or_v6_prefixes_of_64_bits() {
    let of = |text: &str| Network::of(text.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:1"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}
