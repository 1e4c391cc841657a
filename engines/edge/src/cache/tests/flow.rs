use super::rig::{Rig, date, run};
use crate::cache::{Mode, SetCookie};

const FRESH: &str = "cache-control: max-age=60";

#[test]
fn a_second_request_is_answered_from_memory_with_its_age() {
    run(async {
        let rig = Rig::new();
        let answer = format!(
            "{FRESH}\ndate: {}\nx-test: 1\nconnection: x\nsurrogate-key: secret",
            date(0)
        );
        let first = rig.miss("GET /a?b=c", "", &answer, "hello").await;
        assert_eq!((first.status, first.text(), first.field("age")), (200, "hello", "0"));
        assert!(first.field("cache-status").contains("fwd=miss; stored"), "{first:?}");
        rig.pass(5);
        let second = rig.kept("GET /a?b=c", "").await;
        assert_eq!((second.status, second.text(), second.field("age")), (200, "hello", "5"));
        assert_eq!(second.field("cache-status"), "mpanel; hit; ttl=55");
        assert_eq!((second.field("x-test"), second.field("date")), ("1", date(0).as_str()));
        assert_eq!((second.field("connection"), second.field("surrogate-key")), ("", ""));
        rig.pass(55);
        assert_eq!(rig.miss("GET /a?b=c", "", FRESH, "again").await.text(), "again");
        let counted = &rig.cache.counters()[0];
        assert_eq!(
            (counted.hits, counted.misses, counted.held, counted.saved_bytes),
            (1, 2, 1, 5)
        );
        assert_eq!(counted.hit_ratio(), Some(1.0 / 3.0));
    });
}

#[test]
fn head_is_answered_from_get_and_tells_whether_it_still_holds() {
    run(async {
        let rig = Rig::new();
        let answer = "cache-control: max-age=10\nx: 1";
        rig.miss("GET /", "", answer, "hello").await;
        let head = rig.kept("HEAD /", "").await;
        assert_eq!(
            (head.text(), head.field("content-length"), head.field("x")),
            ("", "5", "1")
        );
        rig.pass(20);
        let head = rig.send("HEAD /", "");
        let asked = rig.asked().await;
        assert_eq!(asked.request.method, "HEAD");
        asked.answer(200, "cache-control: max-age=1000\nx: 2\ncontent-length: 5", "");
        assert!(head.await.unwrap().passed);
        let fresh = rig.kept("GET /", "").await;
        assert_eq!((fresh.text(), fresh.field("x")), ("hello", "2"));
        rig.pass(2000);
        let head = rig.send("HEAD /", "");
        rig.asked()
            .await
            .answer(200, "cache-control: max-age=1000\ncontent-length: 6", "");
        head.await.unwrap();
        assert_eq!(rig.miss("GET /", "", FRESH, "longer").await.text(), "longer");
    });
}

#[test]
fn a_change_makes_its_address_and_those_it_names_untrue() {
    run(async {
        let rig = Rig::new();
        for path in ["/a?q=1", "/b", "/c/d", "/other"] {
            rig.miss(&format!("GET {path}"), "", FRESH, path).await;
        }
        for (method, status) in [("POST", 500), ("PROPFIND", 200), ("OPTIONS", 200)] {
            let got = rig.send(&format!("{method} /a?q=1"), "");
            rig.asked().await.answer(status, "", "");
            assert!(got.await.unwrap().passed);
            rig.kept("GET /a?q=1", "").await;
        }
        let got = rig.send("M-SEARCH /a?q=1", "");
        let fields = "location: https://www.example/b\ncontent-location: c/d";
        rig.asked().await.answer(200, fields, "");
        got.await.unwrap();
        for path in ["/a?q=1", "/b", "/c/d"] {
            rig.miss(&format!("GET {path}"), "", FRESH, path).await;
        }
        // Another host's addresses are not the origin's to forget.
        let got = rig.send("POST /x", "");
        rig.asked()
            .await
            .answer(303, "location: https://else.example/other", "");
        got.await.unwrap();
        rig.kept("GET /other", "").await;
    });
}

#[test]
fn what_may_not_be_kept_is_not_waited_for_the_next_time() {
    run(async {
        let rig = Rig::new();
        let first = rig.send("GET /", "");
        let waiting = rig.send("GET /", "");
        let asked = rig.asked().await;
        assert!(rig.is_quiet().await, "the second waits");
        asked.answer(200, "cache-control: private", "one");
        assert_eq!(first.await.unwrap().text(), "one");
        rig.asked().await.answer(200, "cache-control: private", "two");
        assert_eq!(waiting.await.unwrap().text(), "two");
        let both = [rig.send("GET /", ""), rig.send("GET /", "")];
        let asked = [rig.asked().await, rig.asked().await];
        for (at, waiting) in asked.into_iter().enumerate() {
            // Once it may be kept, it is.
            waiting.answer(200, FRESH, ["three", "four"][at]);
        }
        for got in both {
            got.await.unwrap();
        }
        rig.kept("GET /", "").await;
    });
}

#[test]
fn variants_live_side_by_side() {
    run(async {
        let rig = Rig::new();
        let answer = format!("{FRESH}\nvary: accept-language");
        rig.miss("GET /", "accept-language: de", &answer, "hallo").await;
        rig.miss("GET /", "accept-language: en", &answer, "hello").await;
        assert_eq!(rig.kept("GET /", "accept-language: DE").await.text(), "hallo");
        assert_eq!(rig.kept("GET /", "accept-language: en\nother: 1").await.text(), "hello");
        assert_eq!(rig.miss("GET /", "", &answer, "none").await.text(), "none");
    });
}

#[test]
fn cookies_that_are_set_are_kept_only_where_the_site_says_so() {
    run(async {
        let set = format!("{FRESH}\nset-cookie: id=1");
        let rig = Rig::new();
        assert_eq!(rig.miss("GET /", "", &set, "1").await.field("set-cookie"), "id=1");
        rig.miss("GET /", "", &set, "2").await;
        for (rule, cookie) in [(SetCookie::Strip, ""), (SetCookie::Keep, "id=1")] {
            let rig = Rig::with(|policy| policy.set_cookie = rule);
            assert_eq!(rig.miss("GET /", "", &set, "1").await.field("set-cookie"), cookie);
            assert_eq!(rig.kept("GET /", "").await.field("set-cookie"), cookie);
        }
    });
}

#[test]
fn the_wordpress_preset_knows_who_is_known() {
    run(async {
        let rig = Rig::with(|policy| policy.mode = Mode::Wordpress);
        // Pages say nothing about caching; advertisements' parameters and other cookies do not matter.
        let got = rig.send("GET /post?utm_source=mail&p=1", "cookie: _ga=1");
        let asked = rig.asked().await;
        assert_eq!(asked.request.uri, "/post?p=1");
        assert!(!asked.request.headers.contains_key("cookie"));
        asked.answer(200, "vary: cookie", "page");
        got.await.unwrap();
        assert_eq!(rig.kept("GET /post?p=1&fbclid=9", "cookie: _ga=2").await.text(), "page");
        for cookie in [
            "wordpress_logged_in_ab=1",
            "a=b; comment_author_x=me",
            "woocommerce_items_in_cart=1",
            "wp-postpass_1=x",
        ] {
            let got = rig.send("GET /post?p=1", &format!("cookie: {cookie}"));
            let asked = rig.asked().await;
            assert!(asked.request.headers.contains_key("cookie"));
            asked.answer(200, "", "mine");
            assert!(got.await.unwrap().passed, "{cookie}");
        }
        for path in [
            "/wp-admin/index.php",
            "//wp-admin/",
            "/wp%2Dlogin.php",
            "/cart/",
            "/checkout",
            "/wp-json/x",
        ] {
            let got = rig.send(&format!("GET {path}"), "");
            rig.asked().await.answer(200, "", "private");
            assert!(got.await.unwrap().passed, "{path}");
        }
        assert_eq!(rig.miss("GET /cartography", "", "", "public").await.text(), "public");
        rig.kept("GET /cartography", "").await;
        // What WordPress says itself still counts.
        let logged_out = "cache-control: no-cache, must-revalidate, max-age=0";
        rig.miss("GET /nonce", "", logged_out, "1").await;
        rig.miss("GET /nonce", "", logged_out, "2").await;
    });
}

#[test]
fn policies_that_make_no_sense_name_the_field() {
    let rig = Rig::new();
    let refused = |change: fn(&mut crate::CachePolicy)| {
        let mut policy = crate::CachePolicy::default();
        change(&mut policy);
        rig.cache.rules(&policy, "h", "").unwrap_err()
    };
    assert!(refused(|policy| policy.bypass_paths = vec!["admin".into()]).starts_with("cache.bypass_paths"));
    assert!(refused(|policy| policy.status_ttl = [(99, 1)].into()).starts_with("cache.status_ttl"));
    assert!(refused(|policy| policy.bypass_cookies = vec!["*".into()]).starts_with("cache.bypass_cookies"));
    assert!(refused(|policy| policy.ignore_query = vec![String::new()]).starts_with("cache.ignore_query"));
    let off = crate::CachePolicy {
        mode: Mode::Off,
        ..crate::CachePolicy::default()
    };
    assert!(rig.cache.rules(&off, "h", "").unwrap().is_none());
}
