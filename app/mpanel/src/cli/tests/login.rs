use clap::Parser;
use mpanel_crypto::Secret;
use serde_json::json;

use super::server::{Fake, say};
use crate::cli::login::{Login, sign_in};
use crate::cli::profiles::Profiles;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    login: Login,
}

pub fn line(url: &str, more: &[&str]) -> Login {
    let fixed = ["login", url, "--email", "ada@example.com"];
    Line::parse_from(fixed.iter().chain(more)).login
}

async fn panel() -> Fake {
    Fake::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/api/v1/sessions") if asked.json().get("totp").is_none() => say(
            401,
            json!({"code": "identity.session.totp_required", "detail": "a code is needed"}),
        ),
        ("POST", "/api/v1/sessions") => say(201, json!({"user": {"email": "ada@example.com"}}))
            .with("set-cookie", "other=1; Path=/")
            .with("set-cookie", "__Host-mpanel_session=abc; Path=/; Secure; HttpOnly"),
        ("POST", "/api/v1/api-tokens") => say(201, json!({"id": "tok_2", "token": "mpk_new"})),
        ("DELETE", _) => say(204, ""),
        _ => say(404, "{}"),
    })
    .await
}

#[tokio::test]
async fn a_login_leaves_a_token_and_no_session() {
    let fake = panel().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cli.toml");
    std::fs::write(
        &file,
        format!(
            "[profile.default]\nurl = \"{}\"\ntoken = \"mpk_old\"\ntoken_id = \"tok_1\"\n",
            fake.url()
        ),
    )
    .unwrap();
    let login = line(&fake.url(), &["--totp", "123456", "--token-name", "ci"]);
    sign_in(&login, || Ok(Secret::new("secret".to_owned())), &file)
        .await
        .unwrap();

    let kept = Profiles::load(&file).unwrap();
    let (_, profile) = kept.get(None).unwrap();
    assert_eq!(
        (profile.token.as_str(), profile.token_id.as_deref()),
        ("mpk_new", Some("tok_2"))
    );
    let asked = fake.asked();
    let lines: Vec<String> = asked.iter().map(|one| format!("{} {}", one.method, one.path)).collect();
    assert_eq!(
        lines,
        [
            "POST /api/v1/sessions",
            "POST /api/v1/api-tokens",
            "DELETE /api/v1/sessions/current",
            "DELETE /api/v1/api-tokens/tok_1",
        ]
    );
    assert_eq!(
        asked[0].json(),
        json!({"email": "ada@example.com", "password": "secret", "totp": "123456"})
    );
    assert_eq!(asked[1].json(), json!({"name": "ci", "scopes": ["*"]}));
    for one in &asked[1..3] {
        assert_eq!(one.header("cookie"), "__Host-mpanel_session=abc");
        assert_eq!(one.header("mpanel-csrf"), "1");
    }
    assert_eq!(
        (asked[3].header("authorization"), asked[3].header("cookie")),
        ("Bearer mpk_new", "")
    );
}

#[tokio::test]
async fn a_token_that_cannot_be_kept_is_revoked_and_the_one_before_stays() {
    let fake = panel().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cli.toml");
    let profile = format!(
        "[profile.default]\nurl = \"{}\"\ntoken = \"mpk_old\"\ntoken_id = \"tok_1\"\n",
        fake.url()
    );
    std::fs::write(&file, profile).unwrap();
    let login = line(&fake.url(), &["--totp", "123456"]);
    let password = || {
        // From here on nothing can be written to the file.
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        Ok(Secret::new("secret".to_owned()))
    };
    sign_in(&login, password, &file).await.unwrap_err();
    let revoked: Vec<String> = fake
        .asked()
        .into_iter()
        .filter(|one| one.method == "DELETE" && one.path.contains("api-tokens"))
        .map(|one| one.path)
        .collect();
    assert_eq!(revoked, ["/api/v1/api-tokens/tok_2"]);
}

#[tokio::test]
async fn a_second_factor_that_nobody_can_be_asked_for_is_a_matter_of_the_command_line() {
    let fake = panel().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cli.toml");
    let login = line(&fake.url(), &[]);
    let failure = sign_in(&login, || Ok(Secret::new("secret".to_owned())), &file)
        .await
        .unwrap_err();
    // On a terminal it is asked for; in a test run it cannot be.
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.to_string().contains("--totp"), "{failure}");
    assert!(!file.exists());
}
