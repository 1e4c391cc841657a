//! `mpanel password reset`, `mpanel invitation` and `mpanel mail`: what is asked of the server.

use clap::Parser;
use serde_json::{Value, json};

use super::server::{Asked, Fake, Said, say};
use crate::cli::connection::Cx;
use crate::cli::failure::Failure;
use crate::cli::{Commands, mail};
use crate::{Cli, Commands as Root};

async fn run(words: &[&str], answer: fn(&Asked) -> Said) -> (Result<(), Failure>, Vec<Asked>) {
    let fake = Fake::start(answer).await;
    let url = fake.url();
    let line = [&["mpanel"], words, &["--url", &url, "--token", "mpk_kept"]].concat();
    let Root::Client(command) = Cli::try_parse_from(line).unwrap().command else {
        panic!("no command of the client")
    };
    let result = match command {
        Commands::Password(on) => mail::password(&on.global, on.args.command.unwrap()).await,
        Commands::Email(with) => mail::email(&Cx::connect(&with.global).await.unwrap(), with.command).await,
        Commands::Invitation(with) => mail::invitations(&Cx::connect(&with.global).await.unwrap(), with.command).await,
        Commands::Mail(with) => mail::mail(&Cx::connect(&with.global).await.unwrap(), with.command).await,
        other => panic!("{other:?}"),
    };
    (result, fake.asked())
}

fn paths(asked: &[Asked]) -> Vec<(&str, &str)> {
    asked
        .iter()
        .map(|asked| (asked.method.as_str(), asked.path.as_str()))
        .collect()
}

#[tokio::test]
async fn a_link_to_a_new_password_is_asked_for_without_a_token() {
    let (result, asked) = run(&["password", "reset", "ada@example.com"], |_| say(202, Value::Null)).await;
    result.unwrap();
    assert_eq!(paths(&asked), [("POST", "/api/v1/password-resets")]);
    assert_eq!(asked[0].json(), json!({"email": "ada@example.com"}));
    assert_eq!(
        asked[0].header("authorization"),
        "",
        "whoever has forgotten the password has none"
    );
}

#[tokio::test]
async fn an_address_is_confirmed_by_the_link_or_by_what_stands_behind_its_hash() {
    for link in ["https://panel.example.com/confirm-email#email_1", "email_1"] {
        let (result, asked) = run(&["email", "confirm", link], |_| say(204, Value::Null)).await;
        result.unwrap();
        assert_eq!(paths(&asked), [("POST", "/api/v1/me/email/confirm")]);
        assert_eq!(asked[0].json(), json!({"token": "email_1"}));
    }
}

#[tokio::test]
async fn who_waits_is_found_by_address() {
    let answer = |asked: &Asked| match asked.method.as_str() {
        "GET" => say(
            200,
            json!({"items": [{"user_id": "usr_1", "email": "ada@example.com"}], "next_cursor": null}),
        ),
        _ => say(204, Value::Null),
    };
    let (result, asked) = run(&["invitation", "revoke", "ADA@example.com"], answer).await;
    result.unwrap();
    assert_eq!(
        paths(&asked),
        [("GET", "/api/v1/invitations"), ("DELETE", "/api/v1/invitations/usr_1")]
    );
    let (result, asked) = run(&["invitation", "revoke", "bob@example.com"], answer).await;
    assert!(result.unwrap_err().to_string().contains("bob@example.com"));
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_test_that_failed_fails_and_says_why() {
    let said = json!({"transport": "smtp", "to": "ada@example.com", "sent": false, "answer": "535 wrong password"});
    static SAID: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    SAID.set(said).unwrap();
    let (result, _) = run(&["mail", "test"], |_| say(200, SAID.get().unwrap().clone())).await;
    assert!(result.unwrap_err().to_string().contains("535 wrong password"));
}
