use jiff::Timestamp;
use jiff::tz::TimeZone;
use mpanel_server::recovery::Noted;

use crate::up::backups::Schedule;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noted(made: Option<&str>, failed: Option<&str>) -> Noted {
    let seconds = |moment: Option<&str>| moment.map_or(0, |text| at(text).as_second());
    Noted {
        at: seconds(made),
        failed_at: seconds(failed),
        ..Noted::default()
    }
}

fn nightly() -> Schedule {
    Schedule {
        hour: 3,
        zone: TimeZone::get("Europe/Berlin").unwrap(),
    }
}

#[test]
fn a_backup_is_due_once_a_day_at_the_hour_of_the_place_and_when_it_was_missed() {
    let due = |now: &str, made: Option<&str>| nightly().is_due(at(now), &noted(made, None));
    assert!(due("2026-11-23T12:00:00Z", None), "there is none yet");
    let yesterday = Some("2026-11-22T02:00:01Z");
    assert!(!due("2026-11-23T01:59:59Z", yesterday), "in Berlin it is not 3 yet");
    assert!(due("2026-11-23T02:00:00Z", yesterday));
    assert!(due("2026-11-23T17:00:00Z", yesterday), "the machine was off");
    assert!(!due("2026-11-23T17:00:00Z", Some("2026-11-23T02:00:00Z")));
    assert!(
        !due("2026-11-23T17:00:00Z", Some("2026-11-23T16:00:00Z")),
        "somebody made one"
    );
    assert!(
        due("2026-11-23T17:00:00Z", Some("2027-11-23T02:00:00Z")),
        "the clock was wrong"
    );
    // In summer the same hour is another one.
    assert!(due("2026-07-02T01:00:00Z", Some("2026-07-01T01:00:00Z")));
    assert!(!due("2026-07-02T00:59:59Z", Some("2026-07-01T01:00:00Z")));
}

#[test]
fn the_nights_in_which_clocks_change_have_one_backup_each() {
    let schedule = Schedule { hour: 2, ..nightly() };
    // On 29 March 2026 there is no 2 o'clock: it comes at 3. On 25 October there are two, and the first counts.
    for (due, made_at) in [
        ("2026-03-29T01:00:00Z", "2026-03-28T01:00:00Z"),
        ("2026-10-25T00:00:00Z", "2026-10-24T00:00:00Z"),
    ] {
        let moment = at(due);
        let made = noted(Some(made_at), None);
        assert!(
            !schedule.is_due(moment - jiff::SignedDuration::from_secs(1), &made),
            "{due}"
        );
        assert!(schedule.is_due(moment, &made), "{due}");
        let made = noted(Some(due), None);
        for hours in 1..23 {
            let later = moment + jiff::SignedDuration::from_hours(hours);
            assert!(!schedule.is_due(later, &made), "{due} and {hours} hours");
        }
    }
}

#[test]
fn one_that_failed_is_tried_again_after_an_hour() {
    let made = Some("2026-11-22T02:00:01Z");
    let due = |now: &str, failed: &str| nightly().is_due(at(now), &noted(made, Some(failed)));
    assert!(!due("2026-11-23T02:30:00Z", "2026-11-23T02:00:00Z"));
    assert!(due("2026-11-23T03:00:00Z", "2026-11-23T02:00:00Z"));
    assert!(
        due("2026-11-23T02:30:00Z", "2026-11-23T01:59:00Z"),
        "that was the day before's"
    );
    assert!(
        due("2026-11-23T02:30:00Z", "2027-11-23T02:00:00Z"),
        "the clock was wrong"
    );
}
