use std::time::Duration;

use http::{HeaderValue, StatusCode};
use proptest::prelude::*;

use super::rig::{Rig, at, date, fields};
use crate::cache::policy::{Freshness, Refusal, Terms, Times, http_date, judge};
use crate::cache::{CachePolicy, SetCookie};

fn terms_by(change: impl FnOnce(&mut CachePolicy), status: u16, request: &str, lines: &str) -> Result<Terms, Refusal> {
    let rig = Rig::with(change);
    let times = Times {
        sent: at(0),
        received: at(0),
    };
    let status = StatusCode::from_u16(status).unwrap();
    judge(&rig.rules, &fields(request), status, &fields(lines), times)
}

fn lifetime(status: u16, lines: &str) -> Option<u64> {
    terms_by(|policy| policy.heuristic = true, status, "", lines)
        .ok()
        .map(|terms| terms.lifetime.as_secs())
}

#[test]
fn a_lifetime_is_taken_from_the_closest_word_about_it() {
    let expires = format!("date: {}\nexpires: {}", date(0), date(50));
    assert_eq!(lifetime(200, &expires), Some(50));
    assert_eq!(
        lifetime(200, &format!("{expires}\ncache-control: max-age=10")),
        Some(10)
    );
    assert_eq!(
        lifetime(200, &format!("{expires}\ncache-control: max-age=10, s-maxage=7")),
        Some(7)
    );
    assert_eq!(
        lifetime(
            200,
            &format!("{expires}\ncache-control: s-maxage=7\ncdn-cache-control: max-age=3")
        ),
        Some(3)
    );
    // A targeted field says all there is to say.
    assert_eq!(lifetime(200, &format!("{expires}\ncdn-cache-control: public")), None);
    assert_eq!(lifetime(200, &format!("expires: {}\ndate: foo", date(9))), Some(9));
}

#[test]
fn an_end_that_is_no_date_or_two_dates_is_past() {
    for text in [
        "0",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
    ] {
        assert_eq!(http_date(&HeaderValue::from_static(text)), None, "{text}");
        assert_eq!(lifetime(200, &format!("expires: {text}")), None, "{text}");
    }
    let two = format!("expires: {}\nexpires: {}", date(50), date(60));
    assert_eq!(lifetime(200, &two), None);
}

#[test]
fn dates_are_read_in_all_three_forms_and_any_case() {
    let expected = http_date(&HeaderValue::from_static("Thu, 18 Aug 2050 02:01:18 GMT"));
    assert!(expected.is_some());
    for text in [
        "Thursday, 18-Aug-50 02:01:18 GMT",
        "Thu Aug 18 02:01:18 2050",
        "THU, 18 Aug 2050 02:01:18 GMT",
        "Thu, 18 AUG 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 gMT",
    ] {
        assert_eq!(http_date(&HeaderValue::from_static(text)), expected, "{text}");
    }
}

#[test]
fn a_guess_is_a_tenth_of_the_time_without_a_change_where_the_status_allows_it() {
    let old = format!("date: {}\nlast-modified: {}", date(0), date(-1000));
    for status in [200, 203, 204, 404, 405, 410, 414, 501] {
        assert_eq!(lifetime(status, &old), Some(100), "{status}");
    }
    for status in [201, 202, 403, 502, 503, 504, 599] {
        assert_eq!(lifetime(status, &old), None, "{status}");
    }
    assert_eq!(lifetime(599, &format!("{old}\ncache-control: public")), Some(100));
    // Without leave, there is no guess, but what can be asked about is still kept.
    let asked = terms_by(|_| {}, 200, "", &old).unwrap();
    assert_eq!(asked.lifetime, Duration::ZERO);
}

#[test]
fn what_is_for_one_or_for_nobody_is_not_kept() {
    for lines in [
        "cache-control: private, max-age=60",
        "cache-control: no-store, max-age=60",
        "cache-control: max-age=60\nvary: *",
        "cache-control: max-age=60\nvary: accept, X-Forwarded-For",
        "cache-control: max-age=60\nvary: x-real-ip",
        "cache-control: max-age=60\nvary: foo, *",
        "cache-control: max-age=60\nset-cookie: a=b",
        "cache-control: max-age=60\ncdn-cache-control: private",
        "cache-control: max-age=0",
        "",
    ] {
        assert_eq!(lifetime(200, lines), None, "{lines}");
    }
    assert_eq!(lifetime(206, "cache-control: max-age=60"), None);
    assert_eq!(lifetime(599, "cache-control: max-age=60"), Some(60));
    assert_eq!(
        lifetime(599, "cache-control: max-age=60, no-store, must-understand"),
        None
    );
    assert_eq!(
        lifetime(200, "cache-control: max-age=60, no-store, must-understand"),
        Some(60)
    );
    let kept = terms_by(
        |policy| policy.set_cookie = SetCookie::Strip,
        200,
        "",
        "cache-control: max-age=60\nset-cookie: a=b",
    );
    assert!(kept.is_ok());
}

#[test]
fn credentials_need_the_origins_word_that_the_answer_is_for_all() {
    let known = "authorization: Basic YTpi";
    let ask = |lines: &str| terms_by(|_| {}, 200, known, lines).is_ok();
    assert!(!ask("cache-control: max-age=60"));
    for word in ["public", "must-revalidate", "s-maxage=60"] {
        assert!(ask(&format!("cache-control: max-age=60, {word}")), "{word}");
    }
    // A cookie may be what the answer is about, unless the origin says how long it holds for everybody.
    let default = |policy: &mut CachePolicy| policy.default_ttl = Some(60);
    assert!(terms_by(default, 200, "cookie: a=b", "").is_err());
    assert!(terms_by(default, 200, "cookie: a=b", "cache-control: max-age=60").is_ok());
    assert!(terms_by(default, 200, "", "").is_ok());
}

#[test]
fn failures_are_kept_as_long_as_the_site_says() {
    let negative = |policy: &mut CachePolicy| {
        policy.status_ttl.insert(404, 10);
        policy.max_ttl = Some(100);
    };
    assert_eq!(
        terms_by(negative, 404, "", "").unwrap().lifetime,
        Duration::from_secs(10)
    );
    assert_eq!(terms_by(negative, 500, "", ""), Err(Refusal::Failure));
    let long = terms_by(negative, 200, "", "cache-control: max-age=1000").unwrap();
    assert_eq!(long.lifetime, Duration::from_secs(100));
}

#[test]
fn age_is_the_first_number_the_date_or_the_way_whichever_is_most() {
    let age = |lines: &str| {
        let terms = terms_by(|_| {}, 200, "", &format!("cache-control: max-age=100000\n{lines}")).unwrap();
        terms.age(at(3000)).as_secs()
    };
    for (lines, expected) in [
        ("age: 30", 33),
        ("age: 0, 7200", 3),
        ("age: 7200, 0", 7203),
        ("age: 7200\nage: 0", 7203),
        ("age: abc", 3),
        ("age: -7200", 3),
        ("age: 7200.0", 3),
        ("age: 7200;foo=bar", 3),
    ] {
        assert_eq!(age(lines), expected, "{lines}");
    }
    assert_eq!(age(&format!("date: {}", date(-40))), 43);
    assert_eq!(age(&format!("date: {}", date(40))), 3);
}

#[test]
fn stale_answers_are_used_only_where_the_origin_does_not_forbid_it() {
    let at_ten = |lines: &str| {
        let sites = |policy: &mut CachePolicy| (policy.stale_while_revalidate, policy.stale_if_error) = (60, 60);
        match terms_by(sites, 200, "", &format!("etag: \"a\"\n{lines}"))
            .unwrap()
            .freshness(at(10_000))
        {
            Freshness::Stale {
                while_revalidate,
                if_error,
                ..
            } => (while_revalidate, if_error),
            Freshness::Fresh(_) => panic!("{lines} is fresh"),
        }
    };
    assert_eq!(at_ten("cache-control: max-age=5"), (true, true));
    assert_eq!(
        at_ten("cache-control: max-age=5, stale-while-revalidate=2, stale-if-error=9"),
        (false, true)
    );
    for word in ["must-revalidate", "proxy-revalidate", "s-maxage=5", "no-cache"] {
        assert_eq!(
            at_ten(&format!("cache-control: max-age=5, {word}")),
            (false, false),
            "{word}"
        );
    }
}

proptest! {
    #[test]
    fn nothing_becomes_fresh_by_growing_older(max_age in 0_u32..10_000, age in 0_u32..10_000, first in 0_u64..20_000, more in 0_u64..20_000) {
        let lines = format!("etag: \"a\"\ncache-control: max-age={max_age}\nage: {age}");
        let terms = terms_by(|_| {}, 200, "", &lines).unwrap();
        let fresh = |seconds: u64| matches!(terms.freshness(at(seconds * 1000)), Freshness::Fresh(_));
        prop_assert_eq!(fresh(first), u64::from(age) + first < u64::from(max_age));
        prop_assert!(fresh(first) || !fresh(first + more));
    }

    #[test]
    fn private_and_no_store_are_never_kept(extra in "(public|max-age=9|s-maxage=9|must-revalidate|immutable)", word in "(private|no-store)", status in 200_u16..600) {
        prop_assert_eq!(lifetime(status, &format!("etag: \"a\"\ncache-control: {extra}, {word}")), None);
        prop_assert_eq!(lifetime(status, &format!("etag: \"a\"\ncache-control: {word}\ncache-control: {extra}")), None);
    }
}
