//! `mpanel site`: what is sent for what is said.

use clap::Parser;
use serde_json::json;

use super::server::{Asked, Fake, Said, say};
use crate::Cli;
use crate::cli::Commands;
use crate::cli::connection::Cx;
use crate::cli::failure::Failure;
use crate::cli::site;

const SITE: &str = "site_01h2xcejqtf2nbrexx3vqjhp41";

/// Runs a line of `mpanel site` against a server that answers so.
async fn run(
    line: &str,
    answers: impl Fn(&Asked) -> Said + Send + Sync + 'static,
) -> (Result<(), Failure>, Vec<Asked>) {
    let fake = Fake::start(answers).await;
    let words = ["mpanel", "site"].into_iter().chain(line.split(' '));
    let words = words.map(|word| if word == "''" { "" } else { word });
    let Ok(Cli {
        command: crate::Commands::Client(Commands::Site(with)),
    }) = Cli::try_parse_from(words)
    else {
        panic!("{line} is not understood");
    };
    let cx = Cx {
        api: fake.api(),
        json: true,
    };
    let result = site::run(&cx, with.command).await;
    (result, fake.asked())
}

#[tokio::test]
async fn an_update_sends_what_is_named_and_nothing_else() {
    for (options, body) in [
        ("--name Handbook", json!({"name": "Handbook"})),
        ("--spa-fallback on", json!({"settings": {"spa_fallback": true}})),
        (
            "--not-found-page errors/404.html",
            json!({"settings": {"not_found_page": "errors/404.html"}}),
        ),
        ("--not-found-page ''", json!({"settings": {"not_found_page": null}})),
        (
            "--https-redirect off --keep-releases 5 --name A",
            json!({"name": "A", "settings": {"https_redirect": false, "keep_releases": 5}}),
        ),
    ] {
        let (result, asked) = run(&format!("update {SITE} {options}"), |_| say(200, json!({"id": SITE}))).await;
        result.unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].method.as_str(), "PATCH");
        assert!(asked[0].path.ends_with(&format!("/sites/{SITE}")), "{}", asked[0].path);
        assert_eq!(asked[0].json(), body, "{options}");
    }
    let nothing = Cli::try_parse_from(["mpanel", "site", "update", SITE]);
    assert!(nothing.unwrap_err().to_string().contains("--keep-releases"));
}

fn releases(asked: &Asked) -> Said {
    let release = |id: &str, number: u32, state: &str| json!({"id": id, "number": number, "state": state});
    let operation = json!({"operation_id": "op_1", "id": "op_1", "state": "succeeded", "steps": []});
    match (asked.method.as_str(), asked.path.rsplit('/').next().unwrap()) {
        ("GET", last) if last.starts_with("releases") => say(
            200,
            json!({"items": [release("rel_2", 2, "active"), release("rel_1", 1, "ready")], "next_cursor": null}),
        ),
        ("GET", "op_1") => say(200, operation),
        ("GET", id) => say(200, release(id, 1, "ready")),
        _ => say(202, operation),
    }
}

async fn asked_for(line: &str) -> Vec<String> {
    let (result, asked) = run(line, releases).await;
    result.unwrap();
    let call = |asked: &Asked| {
        let path = asked.path.split(['?', '#']).next().unwrap_or_default();
        format!(
            "{} {}",
            asked.method,
            path.rsplit_once(SITE).map_or(path, |(_, rest)| rest)
        )
    };
    asked.iter().map(call).collect()
}

#[tokio::test]
async fn releases_are_named_by_number_or_id() {
    let list = "GET /releases";
    let calls = asked_for(&format!("release show {SITE} 1")).await;
    assert_eq!(calls, [list, "GET /releases/rel_1"]);
    let calls = asked_for(&format!("release show {SITE} rel_9")).await;
    assert_eq!(calls, ["GET /releases/rel_9"]);
    let calls = asked_for(&format!("release activate {SITE} #1 --no-wait")).await;
    assert_eq!(calls, [list, "POST /releases/rel_1/activate"]);
    let calls = asked_for(&format!("release delete {SITE} 1")).await;
    assert_eq!(calls[..2], [list, "DELETE /releases/rel_1"]);
    assert!(calls[2].ends_with("/operations/op_1"));
    let calls = asked_for(&format!("rollback {SITE}")).await;
    assert_eq!(calls[..2], [list, "POST /releases/rel_1/activate"]);
    let (missing, _) = run(&format!("release show {SITE} 7"), releases).await;
    assert_eq!(missing.unwrap_err().exit_code(), 5);
}

#[tokio::test]
async fn uploads_can_be_looked_at_and_given_up() {
    let calls = asked_for(&format!("upload show {SITE} upl_1")).await;
    assert_eq!(calls, ["GET /uploads/upl_1"]);
    let calls = asked_for(&format!("upload delete {SITE} upl_1")).await;
    assert_eq!(calls, ["DELETE /uploads/upl_1"]);
}
