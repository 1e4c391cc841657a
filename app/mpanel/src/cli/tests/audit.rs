//! `mpanel audit`: what is sent for what is said.

use clap::Parser;
use jiff::SignedDuration;
use mpanel_kernel::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::server::{Asked, Fake, Said, say};
use crate::Cli;
use crate::cli::Commands;
use crate::cli::audit::{self, moment};
use crate::cli::connection::Cx;
use crate::cli::failure::Failure;

const PERSON: &str = "usr_01h2xcejqtf2nbrexx3vqjhp41";

async fn run(
    line: &str,
    answers: impl Fn(&Asked) -> Said + Send + Sync + 'static,
) -> (Result<(), Failure>, Vec<Asked>) {
    let fake = Fake::start(answers).await;
    let Ok(Cli {
        command: crate::Commands::Client(Commands::Audit(with)),
    }) = Cli::try_parse_from(["mpanel", "audit"].into_iter().chain(line.split(' ')))
    else {
        panic!("{line} is not understood");
    };
    let mut api = fake.api();
    api.set_header("mpanel-tenant", "tnt_1").unwrap();
    let result = audit::run(&Cx { api, json: true }, with.command).await;
    (result, fake.asked())
}

fn members(asked: &Asked) -> Said {
    match asked.path.ends_with("/members") {
        true => say(
            200,
            json!({"items": [{"user_id": PERSON, "email": "anna@example.org", "name": "Anna"}]}),
        ),
        false => say(200, json!({"items": [], "next_cursor": null})),
    }
}

#[tokio::test]
async fn a_name_is_looked_for_among_the_members_and_an_id_is_taken_as_it_is() {
    for who in ["anna@example.org", "ANNA"] {
        let (result, asked) = run(&format!("list --actor {who}"), members).await;
        result.unwrap();
        assert_eq!(asked[0].path, "/api/v1/tenants/tnt_1/members");
        assert!(
            asked[1].path.contains(&format!("filter%5Bactor%5D={PERSON}")),
            "{}",
            asked[1].path
        );
    }
    for id in [PERSON, "system:jobs.retention", "sva_1"] {
        let (result, asked) = run(&format!("list --actor {id}"), members).await;
        result.unwrap();
        assert_eq!(asked.len(), 1, "{id}");
    }
    let (result, _) = run("list --actor nobody", members).await;
    assert_eq!(result.unwrap_err().exit_code(), 5);
}

#[tokio::test]
async fn what_is_wanted_is_asked_for() {
    let line = "list --since 2026-11-01 --until 2026-11-02T03:04:05Z --refused --below --kind site --text x";
    let (result, asked) = run(line, members).await;
    result.unwrap();
    let query = asked[0].path.split_once('?').unwrap().1;
    assert_eq!(
        query,
        "filter%5Bkind%5D=site&filter%5Bsince%5D=2026-11-01T00%3A00%3A00Z&filter%5Buntil%5D=2026-11-02T03%3A04%3A05Z\
         &filter%5Boutcome%5D=refused&filter%5Btext%5D=x&scope=subtree"
    );
}

#[tokio::test]
async fn an_export_is_written_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.csv");
    let line = format!("export --format csv --after aud_1 --output {}", file.display());
    let (result, asked) = run(&line, |_| say(200, "\"a\",\"'=1\"\r\n")).await;
    result.unwrap();
    assert_eq!(asked[0].path, "/api/v1/audit/export?format=csv&after=aud_1");
    assert_eq!(std::fs::read(&file).unwrap(), b"\"a\",\"'=1\"\r\n");
}

#[tokio::test]
async fn whoever_may_not_read_details_still_sees_the_line() {
    let (result, asked) = run("show aud_1", |asked| match asked.path.ends_with("/details") {
        true => say(403, json!({"status": 403, "code": "request.forbidden", "detail": "no"})),
        false => say(200, json!({"id": "aud_1", "has_details": true})),
    })
    .await;
    result.unwrap();
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn retention_changes_what_is_named_and_keeps_the_rest() {
    let answers = |kind: &'static str| {
        move |asked: &Asked| match asked.path.ends_with("/me") {
            true => say(200, json!({"memberships": [{"tenant": {"id": "tnt_1", "kind": kind}}]})),
            false => say(
                200,
                json!({"days": 90, "least_days": 30, "effective_days": 90, "held_for": "case 12"}),
            ),
        }
    };
    let (result, asked) = run("retention --days 120", answers("customer")).await;
    result.unwrap();
    let last = asked.last().unwrap();
    assert_eq!(last.json(), json!({"days": 120}));
    let (result, asked) = run("retention --release", answers("platform")).await;
    result.unwrap();
    let last = asked.last().unwrap();
    assert_eq!(last.json(), json!({"days": 90, "least_days": 30, "release_hold": true}));
}

#[tokio::test]
async fn an_erasure_names_the_person() {
    let (result, asked) = run("erase anna@example.org --yes", |asked| match asked.method.as_str() {
        "DELETE" => say(204, ""),
        _ => members(asked),
    })
    .await;
    result.unwrap();
    let last = asked.last().unwrap();
    assert_eq!(last.path, format!("/api/v1/audit/people/{PERSON}"));
}

#[test]
fn moments_are_days_times_or_a_while_ago() {
    assert_eq!(moment("2026-11-23").unwrap().to_string(), "2026-11-23T00:00:00Z");
    assert_eq!(
        moment("2026-11-23T08:00:00+02:00").unwrap().to_string(),
        "2026-11-23T06:00:00Z"
    );
    let two_days_ago = || SystemClock.now() - SignedDuration::from_hours(48);
    let (before, meant, after) = (two_days_ago(), moment("2d").unwrap(), two_days_ago());
    assert!(before <= meant && meant <= after);
    for wrong in ["", "d", "2y", "yesterday", "-2d", "2026-13-01"] {
        assert!(moment(wrong).is_err(), "{wrong}");
    }
}
