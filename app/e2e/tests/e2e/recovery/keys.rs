use serde_json::json;

use super::world::{World, refused, restored, run, sign_in, text, told};
use crate::harness::accounts::PASSWORD;
use crate::harness::client::Credential;
use crate::harness::{Api, System, eventually, totp};

/// Gives the account a second factor; it goes on as what is returned.
async fn second_factor(api: &Api) -> Api {
    let started = api.post("/me/totp", json!({"password": PASSWORD})).await.expect(200);
    let code = totp::code(&started.text("/secret"), 0);
    let confirmed = api.post("/me/totp/confirm", json!({"code": code})).await.expect(200);
    // The session goes on with another token.
    api.with(Credential::Session(confirmed.cookie()))
}

#[tokio::test]
async fn without_its_key_an_archive_says_what_is_lost_and_comes_back_with_new_certificates() {
    let world = World::new().await;
    let member = world.customer.member("developer").await;
    second_factor(&member.api).await;
    let (file, answer) = world.backup("keyless.tar.zst", &["--without-keys"]);
    assert_eq!(answer["keys"], false);
    let mut system = System::prepare(&[]);
    let (file, data) = (text(&file), text(&system.data()));
    let refusal = refused(&["restore", &file, "--data", &data, "--yes"]);
    assert!(
        refusal.contains("--key") && refusal.contains("--keys-lost"),
        "{refusal}"
    );

    let (code, out, err) = run(&["restore", &file, "--data", &data, "--yes", "--keys-lost"]);
    assert_eq!(code, 0, "{out}{err}");
    for part in [
        "1 second factors of people",
        "1 keys of the internal authority",
        "keys of certificates",
    ] {
        assert!(err.contains(part), "{part} is not in:\n{err}");
    }
    system.up().await;
    assert_ne!(
        system.authority().await,
        world.system.authority().await,
        "it is the old authority"
    );
    world.assert_in(&system).await;
    // Whoever had a second factor signs in without it, and may do nothing but set up another.
    let member = sign_in(&system, &member.email).await;
    assert_eq!(member.get("/me").await.expect(200).body["totp_setup_required"], true);
    let refusal = member.get("/sites").await.expect(403);
    assert_eq!(refusal.body["code"], "identity.totp.setup_required", "{refusal}");
    let member = second_factor(&member).await;
    member.get("/sites").await.expect(200);
    let owner = sign_in(&system, &world.owner.email).await;
    let audit = owner.get("/audit?filter[action]=recovery.keys.lost").await.expect(200);
    assert_eq!(
        audit.body["items"][0]["after"]["sealed"]["identity.users.totp_secret"], 1,
        "{audit}"
    );
}

#[tokio::test]
async fn with_its_key_from_elsewhere_everything_comes_back() {
    let world = World::new().await;
    let (file, _) = world.backup("keyless.tar.zst", &["--without-keys"]);
    let key = world.system.scratch().join("key");
    let (_, exported, _) = run(&["keys", "export", "--data", &text(&world.system.data())]);
    std::fs::write(&key, exported).unwrap();
    let system = restored(&file, &["--key", &text(&key)]).await;
    assert_eq!(system.authority().await, world.system.authority().await);
    world.assert_in(&system).await;
}

#[tokio::test]
async fn an_installation_whose_key_is_gone_says_what_to_do_and_goes_on_either_way() {
    let mut world = World::new().await;
    let data = text(&world.system.data());
    let (_, exported, _) = run(&["keys", "export", "--data", &data]);
    let message = refused(&["keys", "rotate", "--data", &data]);
    assert!(message.contains("running"), "{message}");
    world.system.power_cut().await;
    let key = world.system.data().join("keys/master.key");
    std::fs::remove_file(&key).unwrap();
    world.system.spawn();
    eventually("the supervisor says what is wrong", async || {
        let output = world.system.output();
        let said = [
            "mPanel cannot start",
            "mpanel keys import",
            "mpanel restore --keys-lost",
        ];
        said.iter().all(|part| output.contains(part)).then_some(())
    })
    .await;
    assert!(!key.exists(), "a new key was made over values that need the old one");
    world.system.power_cut().await;

    // Back from its copy.
    let copy = world.system.scratch().join("copy");
    std::fs::write(&copy, &exported).unwrap();
    told(&["keys", "import", &text(&copy), "--data", &data]);
    world.system.up().await;
    let authority = world.system.authority().await;

    // Rotated: nothing changes for anybody.
    world.system.power_cut().await;
    let rotated = told(&["keys", "rotate", "--data", &data]);
    assert_ne!(rotated["old"], rotated["new"]);
    world.system.up().await;
    assert_eq!(world.system.authority().await, authority);
    world.assert_in(&world.system).await;
    let refusal = {
        world.system.power_cut().await;
        refused(&["keys", "import", &text(&copy), "--data", &data])
    };
    assert!(refusal.contains("the database needs"), "{refusal}");

    // And lost for good.
    let refusal = refused(&["restore", "--keys-lost", "--data", &data, "--yes"]);
    assert!(refusal.contains("nothing is lost"), "{refusal}");
    std::fs::remove_file(&key).unwrap();
    told(&["restore", "--keys-lost", "--data", &data, "--yes"]);
    world.system.up().await;
    assert_ne!(world.system.authority().await, authority);
    world.assert_in(&world.system).await;
}
