//! One visitor must not be able to choose what others get: everything that reaches the origin and is not in the key is
//! either taken out or part of `Vary`.

use super::rig::{Rig, run};
use crate::cache::flow::{Asked, Outcome, respond};

/// An origin that repeats whatever it is told.
async fn reflected(lines: &str) -> String {
    let rig = Rig::new();
    let got = rig.send("GET /?a=1", lines);
    let asked = rig.asked().await;
    let mut seen = format!("{} {}\n", asked.request.method, asked.request.uri);
    for (name, value) in &asked.request.headers {
        seen.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    asked.answer(200, "cache-control: max-age=60", &seen);
    got.await.unwrap();
    rig.kept("GET /?a=1", "").await.text().to_owned()
}

#[test]
fn fields_that_say_the_request_is_another_one_do_not_reach_the_origin() {
    run(async {
        for field in [
            "X-Forwarded-Host",
            "X-Forwarded-Scheme",
            "X-Forwarded-Proto",
            "X-Forwarded-Port",
            "X-Forwarded-Prefix",
            "x_forwarded_host",
            "Forwarded",
            "X-Host",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-HTTP-Method-Override",
            "X-HTTP-Method",
            "X-Method-Override",
            "X-Original-Host",
            "Proxy",
            "Base-Url",
            "Front-End-Https",
            "X-Middleware-Subrequest",
            "Range",
            "If-Range",
            "If-None-Match",
            "If-Modified-Since",
        ] {
            let seen = reflected(&format!("{field}: evil")).await;
            assert!(!seen.contains("evil"), "{field}: {seen}");
        }
        assert!(!reflected("accept-encoding: evil, gzip").await.contains("evil"));
    });
}

#[test]
fn a_body_with_get_is_never_answered_for_others() {
    run(async {
        let rig = Rig::new();
        let request = http::Request::get("/").header("content-length", "5").body(()).unwrap();
        let (parts, ()) = request.into_parts();
        let asked = Asked {
            parts: &parts,
            authority: "www.example",
            https: true,
            has_body: true,
        };
        assert!(matches!(
            respond(&rig.cache, &rig.rules, &asked, || rig.origin.clone()).await,
            Outcome::Pass(_)
        ));
    });
}

#[test]
fn methods_variants_and_ignored_parameters_cannot_stand_for_one_another() {
    run(async {
        let rig = Rig::with(|policy| policy.ignore_query = vec!["utm_*".to_owned()]);
        let got = rig.send("GET /?utm_content=x;callback=evil&q=1", "");
        let asked = rig.asked().await;
        assert_eq!(asked.request.uri, "/?q=1");
        asked.answer(200, "cache-control: max-age=60", "good");
        got.await.unwrap();
        // An encoded name is another name, for the key and for the origin.
        let got = rig.send("GET /?utm%5Fcontent=evil&q=1", "");
        let asked = rig.asked().await;
        assert_eq!(asked.request.uri, "/?utm%5Fcontent=evil&q=1");
        asked.answer(200, "cache-control: max-age=60", "evil");
        got.await.unwrap();
        assert_eq!(rig.kept("GET /?q=1", "").await.text(), "good");
        // The answer to a HEAD is never that to a GET.
        let got = rig.send("HEAD /new", "");
        rig.asked().await.answer(200, "cache-control: max-age=60", "");
        got.await.unwrap();
        rig.miss("GET /new", "", "cache-control: max-age=60", "body").await;
    });
}

#[test]
fn answers_for_somebody_known_reach_nobody_else() {
    run(async {
        let rig = Rig::with(|policy| policy.default_ttl = Some(60));
        let got = rig.send("GET /", "cookie: session=1");
        rig.asked().await.answer(200, "", "dear user 1");
        got.await.unwrap();
        rig.miss("GET /", "", "", "dear stranger").await;
        assert_eq!(rig.kept("GET /", "").await.text(), "dear stranger");
        // Who is known does not get the stranger's either.
        let got = rig.send("GET /", "cookie: session=1");
        rig.asked().await.answer(200, "", "dear user 1");
        assert_eq!(got.await.unwrap().text(), "dear user 1");
        // Nor does one wait for the other's.
        let stranger = rig.send("GET /two", "");
        let asked = rig.asked().await;
        let known = rig.send("GET /two", "cookie: session=1");
        assert!(rig.is_quiet().await);
        asked.answer(200, "", "dear stranger");
        rig.asked().await.answer(200, "", "dear user 1");
        assert_eq!(stranger.await.unwrap().text(), "dear stranger");
        assert_eq!(known.await.unwrap().text(), "dear user 1");
        let got = rig.send("GET /", "authorization: Basic YTpi");
        rig.asked().await.answer(200, "cache-control: max-age=60", "secret");
        assert_eq!(got.await.unwrap().text(), "secret");
        assert_eq!(rig.kept("GET /", "").await.text(), "dear stranger");
    });
}

#[test]
fn a_head_that_may_freshen_is_sent_as_for_everybody() {
    run(async {
        let rig = Rig::with(|policy| policy.ignore_query = vec!["utm_*".to_owned()]);
        rig.miss("GET /?q=1", "", "cache-control: max-age=10\nlink: good", "hello")
            .await;
        rig.pass(20);
        let head = rig.send("HEAD /?q=1&utm_x=evil", "x-forwarded-host: evil\nx-original-url: /evil");
        let asked = rig.asked().await;
        assert_eq!(asked.request.uri, "/?q=1");
        for field in ["x-forwarded-host", "x-original-url"] {
            assert!(!asked.request.headers.contains_key(field), "{field}");
        }
        asked.answer(200, "cache-control: max-age=60\nlink: still", "");
        head.await.unwrap();
        assert_eq!(rig.kept("GET /?q=1", "").await.field("link"), "still");
        // With conditions it is the client's own, and tells nothing about what others get.
        rig.pass(100);
        let head = rig.send("HEAD /?q=1", "if-none-match: \"x\"\nx-forwarded-host: evil");
        let asked = rig.asked().await;
        assert!(asked.request.headers.contains_key("if-none-match"));
        asked.answer(200, "cache-control: max-age=60\nlink: evil", "");
        head.await.unwrap();
        let got = rig
            .miss("GET /?q=1", "", "cache-control: max-age=60\nlink: good", "new")
            .await;
        assert_eq!(got.field("link"), "good");
    });
}

#[test]
fn what_a_client_keeps_to_its_connection_tells_no_variants_apart() {
    run(async {
        let rig = Rig::new();
        let answer = "cache-control: max-age=60\nvary: x-kind";
        let got = rig.send("GET /", "connection: close, X-Kind\nx-kind: evil");
        let asked = rig.asked().await;
        // The origin does not see it, and so answers as to one who did not send it.
        assert!(!asked.request.headers.contains_key("x-kind"));
        asked.answer(200, answer, "plain");
        got.await.unwrap();
        assert_eq!(rig.kept("GET /", "").await.text(), "plain");
        assert_eq!(rig.miss("GET /", "x-kind: evil", answer, "evil").await.text(), "evil");
        assert_eq!(
            rig.kept("GET /", "connection: x-kind\nx-kind: evil").await.text(),
            "plain"
        );
    });
}

#[test]
fn directives_for_this_cache_go_no_further_with_what_is_not_kept() {
    run(async {
        let rig = Rig::new();
        let answer = "surrogate-control: no-store\nmpanel-cache-control: no-store\ncache-control: private";
        let first = rig.miss("GET /", "", answer, "mine").await;
        let passed = rig.send("POST /", "");
        rig.asked().await.answer(200, answer, "");
        for got in [first, passed.await.unwrap()] {
            assert_eq!(
                (got.field("surrogate-control"), got.field("mpanel-cache-control")),
                ("", "")
            );
            assert_eq!(got.field("cache-control"), "private");
        }
    });
}
