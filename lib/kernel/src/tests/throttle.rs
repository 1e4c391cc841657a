use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::clock::ManualClock;
use crate::throttle::{Left, Throttle};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()))
}

#[test]
fn what_is_left_is_told_with_each_use() {
    let clock = clock();
    let throttle = Throttle::new(clock.clone(), 3, Duration::from_secs(60));
    let left = |uses, full, wait| Left { uses, full, wait };
    assert_eq!(throttle.take(&"a"), Ok(left(2, 20, 0)));
    assert_eq!(throttle.take(&"a"), Ok(left(1, 40, 0)));
    assert_eq!(throttle.take(&"a"), Ok(left(0, 60, 20)));
    assert_eq!(throttle.take(&"a"), Err(left(0, 60, 20)));
    clock.advance(SignedDuration::from_millis(19_500));
    assert_eq!(throttle.take(&"a"), Err(left(0, 41, 1)));
    clock.advance(SignedDuration::from_secs(40));
    assert_eq!(throttle.take(&"a"), Ok(left(1, 21, 0)));
}

#[test]
fn a_key_has_its_burst_and_then_its_rate() {
    let clock = clock();
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
    let clock = clock();
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
    let clock = clock();
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

proptest! {
    #[test]
    fn no_more_than_a_burst_and_the_rate_pass_in_any_time(
        burst in 1_u32..20,
        refill in 1_u64..100,
        pauses in prop::collection::vec(0_i64..5_000, 1..200),
    ) {
        let clock = clock();
        let throttle = Throttle::new(clock.clone(), burst, Duration::from_secs(refill));
        let (mut passed, mut elapsed) = (0_u64, 0_u64);
        for pause in pauses {
            clock.advance(SignedDuration::from_millis(pause));
            elapsed += pause.unsigned_abs();
            let looked = throttle.look(&());
            let taken = throttle.take(&());
            prop_assert_eq!(looked.is_ok(), taken.is_ok());
            match taken {
                Ok(left) => {
                    passed += 1;
                    prop_assert!(left.uses < burst);
                }
                Err(left) => prop_assert!(left.uses == 0 && left.wait > 0, "{:?}", left),
            }
            let refilled = elapsed * u64::from(burst) / (refill * 1_000);
            prop_assert!(passed <= u64::from(burst) + refilled + 1);
        }
    }
}
