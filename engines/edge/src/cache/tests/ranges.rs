use bytes::Bytes;

use super::rig::{Rig, date, run};

#[test]
fn parts_are_cut_from_the_whole() {
    run(async {
        let rig = Rig::new();
        let answer = format!(
            "cache-control: max-age=60\netag: \"a\"\ndate: {}\nlast-modified: {}",
            date(0),
            date(-100)
        );
        rig.miss("GET /", "", &answer, "0123456789").await;
        for (range, status, body, field) in [
            ("bytes=0-1", 206, "01", "bytes 0-1/10"),
            ("bytes=8-", 206, "89", "bytes 8-9/10"),
            ("bytes=-3", 206, "789", "bytes 7-9/10"),
            ("bytes=4-100", 206, "456789", "bytes 4-9/10"),
            ("bytes=10-", 416, "", "bytes */10"),
            ("bytes=0-1, 4-5", 200, "0123456789", ""),
            ("bytes=5-1", 200, "0123456789", ""),
            ("lines=0-1", 200, "0123456789", ""),
        ] {
            let got = rig.kept("GET /", &format!("range: {range}")).await;
            assert_eq!(
                (got.status, got.text(), got.field("content-range")),
                (status, body, field),
                "{range}"
            );
            assert_eq!(got.field("content-length"), body.len().to_string());
        }
        for (condition, status) in [
            ("\"a\"".to_owned(), 206),
            ("\"b\"".to_owned(), 200),
            ("W/\"a\"".to_owned(), 200),
            (date(-100), 206),
            (date(-101), 200),
        ] {
            let lines = format!("range: bytes=0-1\nif-range: {condition}");
            assert_eq!(rig.kept("GET /", &lines).await.status, status, "{condition}");
        }
    });
}

#[test]
fn conditions_are_met_from_what_is_kept() {
    run(async {
        let rig = Rig::new();
        let answer = format!(
            "cache-control: max-age=60\netag: W/\"a,b\"\ndate: {}\nlast-modified: {}",
            date(0),
            date(-100)
        );
        rig.miss("GET /", "", &answer, "hello").await;
        for (lines, status) in [
            ("if-none-match: \"a,b\"".to_owned(), 304),
            ("if-none-match: \"x\", W/\"a,b\"".to_owned(), 304),
            ("if-none-match: *".to_owned(), 304),
            (format!("if-none-match: \"x\"\nif-modified-since: {}", date(0)), 200),
            (
                format!("if-none-match: \"a,b\"\nif-modified-since: {}", date(-9000)),
                304,
            ),
            (format!("if-modified-since: {}", date(-100)), 304),
            (format!("if-modified-since: {}", date(-101)), 200),
        ] {
            let got = rig.kept("GET /", &lines).await;
            assert_eq!(got.status, status, "{lines}");
            if status == 304 {
                assert_eq!(
                    (got.text(), got.field("content-length"), got.field("etag")),
                    ("", "", "W/\"a,b\"")
                );
            }
        }
        // Conditions on a change are not ours to judge.
        let got = rig.send("GET /", "if-match: \"x\"");
        rig.asked().await.answer(412, "", "");
        assert!(got.await.unwrap().passed);
    });
}

#[test]
fn a_part_that_is_asked_for_first_fetches_the_whole() {
    run(async {
        let rig = Rig::new();
        let got = rig.send("GET /", "range: bytes=2-3");
        let asked = rig.asked().await;
        assert!(!asked.request.headers.contains_key("range"));
        asked.answer(200, "cache-control: max-age=60", "012345");
        let got = got.await.unwrap();
        assert_eq!((got.status, got.text()), (206, "23"));
        assert_eq!(rig.kept("GET /", "").await.text(), "012345");
    });
}

#[test]
fn a_part_of_what_is_too_large_to_keep_comes_from_the_origin() {
    run(async {
        let rig = Rig::with(|policy| policy.max_object_bytes = 100);
        let got = rig.send("GET /", "range: bytes=2-3");
        let _body = rig.asked().await.begin(200, "cache-control: max-age=60", Some(1000));
        let asked = rig.asked().await;
        assert_eq!(asked.request.headers["range"], "bytes=2-3");
        asked.answer(206, "content-range: bytes 2-3/1000", "23");
        assert_eq!(got.await.unwrap().text(), "23");
    });
}

#[test]
fn a_large_body_comes_whole_from_its_pieces() {
    run(async {
        let rig = Rig::new();
        let got = rig.send("GET /", "");
        let body = rig.asked().await.begin(200, "cache-control: max-age=60", None);
        let mut expected = String::new();
        for at in 0..3000 {
            let piece = format!("{at:>100}");
            expected.push_str(&piece);
            body.send(Ok(Bytes::from(piece))).unwrap();
        }
        drop(body);
        assert_eq!(got.await.unwrap().text(), expected);
        assert_eq!(rig.kept("GET /", "").await.text(), expected);
        let got = rig.kept("GET /", "range: bytes=65500-200000").await;
        assert_eq!(got.text(), &expected[65500..=200_000]);
    });
}
