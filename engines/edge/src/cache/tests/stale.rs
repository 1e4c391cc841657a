use super::rig::{Rig, date, run};

#[test]
fn a_stale_answer_is_asked_about_and_its_fields_are_renewed() {
    run(async {
        let rig = Rig::new();
        let modified = date(-3600);
        let answer =
            format!("cache-control: max-age=2\netag: \"a\"\nlast-modified: {modified}\nx: 1\ncontent-type: text/x");
        rig.miss("GET /", "", &answer, "hello").await;
        rig.pass(3);
        let got = rig.send("GET /", "if-none-match: \"other\"");
        let asked = rig.asked().await;
        assert_eq!(asked.request.headers["if-none-match"], "\"a\"");
        assert_eq!(asked.request.headers["if-modified-since"], modified);
        asked.answer(
            304,
            "cache-control: max-age=100\netag: \"a\"\nx: 2\ncontent-length: 9\ncontent-type: text/y",
            "",
        );
        let got = got.await.unwrap();
        assert_eq!((got.status, got.text(), got.field("x")), (200, "hello", "2"));
        assert_eq!(
            (got.field("content-length"), got.field("content-type")),
            ("5", "text/y")
        );
        assert!(got.field("cache-status").contains("fwd-status=304"), "{got:?}");
        rig.pass(50);
        assert_eq!(rig.kept("GET /", "").await.field("x"), "2");
        assert_eq!(rig.cache.counters()[0].revalidated, 1);
    });
}

#[test]
fn no_cache_asks_each_time() {
    run(async {
        let rig = Rig::new();
        let answer = "cache-control: no-cache, max-age=1000\netag: \"a\"";
        rig.miss("GET /", "", answer, "hello").await;
        for _ in 0..2 {
            let got = rig.send("GET /", "");
            rig.asked().await.answer(304, answer, "");
            assert_eq!(got.await.unwrap().text(), "hello");
        }
    });
}

#[test]
fn while_somebody_asks_again_others_get_what_is_there() {
    run(async {
        let rig = Rig::new();
        let answer = "cache-control: max-age=1, stale-while-revalidate=10\netag: \"a\"";
        rig.miss("GET /", "", answer, "old").await;
        rig.pass(5);
        let (first, second) = (rig.send("GET /", ""), rig.send("GET /", ""));
        let asked = rig.asked().await;
        assert_eq!(
            (first.await.unwrap().text(), second.await.unwrap().text()),
            ("old", "old")
        );
        assert!(rig.is_quiet().await, "one asks");
        asked.answer(200, "cache-control: max-age=60", "new");
        rig.is_quiet().await;
        assert_eq!(rig.kept("GET /", "").await.text(), "new");
        // Too late, everybody waits.
        let rig = Rig::new();
        rig.miss("GET /", "", answer, "old").await;
        rig.pass(11);
        assert_eq!(rig.miss("GET /", "", answer, "new").await.text(), "new");
    });
}

#[test]
fn a_failing_origin_is_covered_for_where_that_is_allowed() {
    run(async {
        for (rule, covered) in [
            ("max-age=2, stale-if-error=60", true),
            ("max-age=2", false),
            ("max-age=2, must-revalidate, stale-if-error=60", false),
            ("s-maxage=2, stale-if-error=60", false),
        ] {
            let rig = Rig::new();
            let answer = format!("cache-control: {rule}\netag: \"a\"");
            rig.miss("GET /", "", &answer, "old").await;
            rig.pass(10);
            let got = rig.send("GET /", "");
            rig.asked().await.answer(503, "", "sorry");
            let got = got.await.unwrap();
            assert_eq!(got.text(), if covered { "old" } else { "sorry" }, "{rule}");
            assert_eq!(got.is_hit(), covered, "{rule}");
        }
    });
}

#[test]
fn one_asks_about_a_stale_answer_for_all_who_want_it() {
    run(async {
        let rig = Rig::new();
        rig.miss("GET /", "", "cache-control: max-age=1\netag: \"a\"", "hello")
            .await;
        rig.pass(5);
        let all: Vec<_> = (0..20).map(|_| rig.send("GET /", "")).collect();
        let asked = rig.asked().await;
        assert!(rig.is_quiet().await, "the others wait");
        asked.answer(304, "cache-control: max-age=60", "");
        for got in all {
            assert_eq!(got.await.unwrap().text(), "hello");
        }
    });
}

#[test]
fn a_renewal_that_forbids_keeping_ends_it() {
    run(async {
        let rig = Rig::new();
        rig.miss("GET /", "", "cache-control: max-age=1\netag: \"a\"", "hello")
            .await;
        rig.pass(5);
        let got = rig.send("GET /", "");
        rig.asked().await.answer(304, "cache-control: no-store", "");
        assert_eq!(got.await.unwrap().text(), "hello");
        let asked = rig.send("GET /", "");
        let waiting = rig.asked().await;
        assert!(!waiting.request.headers.contains_key("if-none-match"));
        waiting.answer(200, "", "new");
        assert_eq!(asked.await.unwrap().text(), "new");
    });
}
