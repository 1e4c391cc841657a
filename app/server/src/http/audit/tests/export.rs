use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_kernel::ids::AuditId;
use serde_json::{Value, json};

use super::super::export::csv_line;
use super::support::World;

#[tokio::test]
async fn an_export_is_the_bytes_that_are_kept_line_by_line() {
    let world = World::new().await;
    // More than one page of it.
    for n in 0..510 {
        world.happens(world.one, &format!("thing_{n}"), json!({"n": n})).await;
    }
    let answer = world.get(world.one, "/audit/export?filter[text]=thing").await;
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let disposition = answer.headers["content-disposition"].to_str().unwrap();
    assert_eq!(
        disposition,
        format!("attachment; filename=\"audit-{}.ndjson\"", world.one)
    );
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 510);
    for (n, line) in lines.iter().enumerate() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["subject"], format!("thing_{}", 509 - n));
        assert_eq!(value.to_string(), *line, "the canonical form");
    }
    let third: Value = serde_json::from_str(lines[2]).unwrap();
    let path = format!(
        "/audit/export?filter[text]=thing&after={}",
        third["id"].as_str().unwrap()
    );
    assert_eq!(world.get(world.one, &path).await.text(), lines[3..].join("\n") + "\n");
}

#[tokio::test]
async fn an_export_ends_soon_after_the_right_to_it() {
    let world = World::new().await;
    for n in 0..501 {
        world.happens(world.one, &format!("thing_{n}"), json!({})).await;
    }
    let owner = || world.cx(world.one, Role::Owner);
    let elsewhere = world.cx(world.two, Role::Owner);
    for (now, goes_on) in [
        (Some(owner()), true),
        (None, false),
        (Some(world.cx(world.one, Role::Viewer)), false),
        (Some(elsewhere), false),
    ] {
        let path = "/audit/export?filter[text]=thing";
        let mut body = world.answer(owner(), Method::GET, path, None).await.into_body();
        assert!(body.frame().await.unwrap().is_ok(), "the first page");
        *world.known.0.lock().unwrap() = now;
        world.clock.advance(SignedDuration::from_secs(10));
        assert_eq!(body.frame().await.unwrap().is_ok(), goes_on);
    }
}

#[tokio::test]
async fn an_export_is_written_down_before_it_begins() {
    let world = World::new().await;
    let answer = world.get(world.one, "/audit/export?format=csv&filter[kind]=site").await;
    assert_eq!(answer.status, StatusCode::OK);
    let log = world.get(world.one, "/audit").await.json();
    let line = &log["items"][0];
    assert_eq!(line["action"], "spine.audit.exported");
    assert_eq!(line["after"], json!({"format": "csv", "filter": {"kind": "site"}}));
    let viewer = world.cx(world.one, Role::Viewer);
    let refused = world.ask(viewer, Method::GET, "/audit/export", None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_table_has_no_cell_that_a_spreadsheet_would_run() {
    let world = World::new().await;
    world
        .happens(world.one, "=cmd|' /C calc'!A0", json!({"name": "a \"quoted\"\r\nline"}))
        .await;
    let table = world
        .get(world.one, "/audit/export?format=csv&filter[action]=test")
        .await
        .text();
    let mut records = table.split_inclusive("\"\r\n");
    assert!(
        records
            .next()
            .unwrap()
            .starts_with("\"time\",\"id\",\"tenant\",\"action\"")
    );
    let record = records.next().unwrap();
    assert!(record.contains(",\"'=cmd|' /C calc'!A0\","), "{record}");
    assert!(
        record.contains(r#""{""name"":""a \""quoted\""\r\nline""}""#),
        "{record}"
    );
    assert_eq!(records.next(), None, "one record");
}

#[test]
fn cells_that_begin_a_formula_begin_with_an_apostrophe_instead() {
    let line = |cell: &str| {
        let mut out = Vec::new();
        csv_line(&mut out, [cell.to_owned()].into_iter());
        String::from_utf8(out).unwrap()
    };
    for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
        assert_eq!(line(formula), format!("\"'{formula}\"\r\n"));
    }
    for plain in ["", "a=1", "2026-01-01", "{\"a\":\"=1\"}"] {
        assert_eq!(line(plain), format!("\"{}\"\r\n", plain.replace('"', "\"\"")));
    }
}

#[tokio::test]
async fn an_export_of_many_logs_reads_one_after_the_other_and_goes_on_where_it_was_cut() {
    let world = World::new().await;
    // More than a page in the first, so that the second begins in the middle of one.
    for n in 0..505 {
        world.happens(world.one, &format!("one_{n}"), json!({})).await;
        if n < 3 {
            world.happens(world.two, &format!("two_{n}"), json!({})).await;
        }
    }
    let path = "/audit/export?scope=subtree&filter[action]=test";
    let text = world.get(world.platform, path).await.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let subjects: Vec<&str> = lines.iter().filter_map(|line| line["subject"].as_str()).collect();
    let newest_first = |name: &str, count: usize| (0..count).rev().map(|n| format!("{name}_{n}")).collect::<Vec<_>>();
    let mut logs = [
        (world.one, newest_first("one", 505)),
        (world.two, newest_first("two", 3)),
    ];
    logs.sort_unstable();
    assert_eq!(subjects, logs.map(|(_, lines)| lines).concat());

    for cut in [3, 506] {
        let last = lines[cut - 1]["id"].as_str().unwrap();
        let rest = world.get(world.platform, &format!("{path}&after={last}")).await.text();
        let whole: Vec<&str> = text.lines().skip(cut).collect();
        assert_eq!(rest.lines().collect::<Vec<_>>(), whole, "{cut}");
    }
    let unknown = AuditId::generate();
    let refused = world.get(world.platform, &format!("{path}&after={unknown}")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["errors"][0]["pointer"], "?after");
}

#[tokio::test]
async fn an_export_of_nothing_is_an_empty_file_or_a_header() {
    let world = World::new().await;
    let path = "/audit/export?scope=subtree&filter[subject]=nobody";
    assert_eq!(world.get(world.platform, path).await.text(), "");
    let table = world.get(world.platform, &format!("{path}&format=csv")).await.text();
    assert_eq!(table.lines().count(), 1, "{table}");
}
