//! `mpanel activate` and `mpanel totp`: what is asked of the server, and what of the person.

use clap::Parser;
use serde_json::json;

use super::server::{Asked, Fake, Said, say};
use crate::cli::Commands;
use crate::cli::activate::{self, Link};
use crate::cli::failure::Failure;
use crate::cli::{login, totp};
use crate::{Cli, Commands as Root};

fn command(line: &[&str]) -> Commands {
    let words = ["mpanel"].iter().chain(line);
    match Cli::try_parse_from(words) {
        Ok(Cli {
            command: Root::Client(command),
        }) => command,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn a_link_is_read_as_it_was_handed_over() {
    let parsed = |panel, token| Link { panel, token };
    assert_eq!(
        Link::parse(" https://panel.example.com/activate#act_1 "),
        parsed(Some("https://panel.example.com/activate"), "act_1")
    );
    assert_eq!(Link::parse("/activate#act_1"), parsed(None, "act_1"));
    assert_eq!(Link::parse("act_1"), parsed(None, "act_1"));
}

async fn totp_with_token(words: &[&str], answer: fn(&Asked) -> Said) -> (Result<(), Failure>, Vec<Asked>) {
    let fake = Fake::start(answer).await;
    let url = fake.url();
    let line = [&["totp"], words, &["--url", &url, "--token", "mpk_kept"]].concat();
    let Commands::Totp(with) = command(&line) else { panic!() };
    (totp::run(&with.global, with.command).await, fake.asked())
}

#[tokio::test]
async fn a_code_confirms_the_second_factor_with_the_token_that_is_kept() {
    let (result, asked) = totp_with_token(&["confirm", "123456", "--json"], |_| {
        say(200, json!({"backup_codes": ["one", "two"]}))
    })
    .await;
    result.unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].method.as_str(), asked[0].path.as_str()),
        ("POST", "/api/v1/me/totp/confirm")
    );
    assert_eq!(asked[0].json(), json!({"code": "123456"}));
    assert_eq!(asked[0].header("authorization"), "Bearer mpk_kept");
    let (result, _) = totp_with_token(&["confirm", "000000"], |_| {
        say(
            422,
            json!({"code": "identity.totp.wrong_code", "detail": "this code is wrong"}),
        )
    })
    .await;
    assert_eq!(result.unwrap_err().exit_code(), 7);
}

#[tokio::test]
async fn nothing_is_sent_while_nobody_can_be_asked_for_the_password() {
    for words in [&["setup"], &["disable"]] {
        let (result, asked) = totp_with_token(words, |_| say(200, "{}")).await;
        let failure = result.unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("--password-stdin"), "{failure}");
        assert!(asked.is_empty());
    }
}

#[tokio::test]
async fn a_second_factor_of_an_account_that_joins_is_asked_for_once_the_server_wants_it() {
    let fake = Fake::start(|asked| match asked.json().get("totp") {
        None => say(
            401,
            json!({"code": "identity.session.totp_required", "detail": "enter the code"}),
        ),
        Some(_) => say(201, json!({"user": {"email": "carl@example.com"}})),
    })
    .await;
    let body = json!({"token": "act_1", "password": "secret"});
    // A test run has no terminal: the option that answers is named.
    let failure = login::post_with_code(&fake.api(), &["activations"], body.clone(), None)
        .await
        .unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.to_string().contains("--totp"), "{failure}");
    let joined = login::post_with_code(&fake.api(), &["activations"], body, Some("123456")).await;
    assert_eq!(joined.unwrap().text("/user/email"), "carl@example.com");
    assert_eq!(
        fake.asked().last().unwrap().json(),
        json!({"token": "act_1", "password": "secret", "totp": "123456"})
    );
}

#[tokio::test]
async fn an_activation_asks_for_its_password_before_anything_is_sent() {
    let fake = Fake::start(|_| say(201, "{}")).await;
    let link = format!("{}activate#act_1", fake.url());
    let Commands::Activate(activate) = command(&["activate", &link, "--name", "Carl"]) else {
        panic!()
    };
    let failure = activate::run(activate).await.unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.to_string().contains("--password-stdin"), "{failure}");
    assert!(fake.asked().is_empty());
}

#[test]
fn the_picture_of_an_address_is_a_square_that_shows_on_any_background() {
    let picture =
        totp::picture("otpauth://totp/mPanel:ada%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=mPanel").unwrap();
    let widths: Vec<usize> = picture
        .lines()
        .map(|line| {
            let row = line
                .strip_prefix("\x1b[30;107m")
                .and_then(|rest| rest.strip_suffix("\x1b[0m"));
            row.unwrap().chars().count()
        })
        .collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
    // Two modules stand above one another in each character.
    assert_eq!(widths.len(), widths[0].div_ceil(2));
    // The quiet zone around it is the white background, which the terminal's own would not be.
    assert!(picture.starts_with("\x1b[30;107m    "), "{picture}");
}
