use super::{Figures, judge};
use crate::checks::State;

#[test]
fn an_operation_that_is_stuck_is_warned_about_with_its_kind_and_what_to_do() {
    let of = |stuck: &str| {
        let text = format!("mpanel_operations_stuck{{kind=\"sites.release.deploy\"}} {stuck}\n");
        let checks = judge(&Figures::read(&text), 0.0);
        checks.into_iter().find(|check| check.id == "operations.stuck").unwrap()
    };
    assert_eq!(of("0").state, State::Ok);
    let warned = of("1");
    assert_eq!(warned.state, State::Warning);
    assert!(warned.detail.contains("1 of sites.release.deploy"), "{}", warned.detail);
    assert!(warned.fix.unwrap().contains("mpanel jobs stuck retry"));
}

#[test]
fn an_event_that_nobody_takes_on_any_more_is_warned_about_with_who_did_not() {
    let of = |dead: &str| {
        let text = format!("mpanel_consumer_dead_events{{consumer=\"tenancy.subtree\"}} {dead}\n");
        let checks = judge(&Figures::read(&text), 0.0);
        checks.into_iter().find(|check| check.id == "events.dead").unwrap()
    };
    assert_eq!(of("0").state, State::Ok);
    let warned = of("2");
    assert_eq!(warned.state, State::Warning);
    assert!(warned.detail.contains("2 by tenancy.subtree"), "{}", warned.detail);
}
