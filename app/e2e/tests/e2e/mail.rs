//! Accounts by mail: what is mailed is read where it goes, in files and at a real server.

use serde_json::json;

use crate::harness::accounts::{PASSWORD, activate, claim};
use crate::harness::client::Credential;
use crate::harness::{System, eventually, folders};
use mpanel_client_mailer::Encryption;
use mpanel_client_mailer::fake::{Options, Peer};

const NEW: &str = "harbour violet teapot 4";

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_the_mail_in_the_folder() {
    let system = System::start().await;
    let owner = claim(&system).await;
    let plan = owner.plan(None).await;
    let tenant = owner.tenant_below("customer", &plan).await;
    let nobody = system.api();
    for email in [tenant.email.as_str(), "nobody@example.com"] {
        let answer = nobody
            .post("/password-resets", json!({"email": email}))
            .await
            .expect(202);
        assert!(answer.bytes.is_empty(), "{answer}");
    }
    let token = system.mailed(&tenant.email, "reset").await;
    let body = json!({"token": token, "password": NEW});
    let answer = nobody.post("/password-resets/accept", body.clone()).await.expect(201);
    assert!(answer.body["user"]["email_proven"].as_bool().unwrap());
    nobody.post("/password-resets/accept", body).await.expect(410);
    tenant.api.get("/me").await.expect(401);
    let old = json!({"email": tenant.email, "password": PASSWORD});
    nobody.post("/sessions", old).await.expect(401);
    let new = json!({"email": tenant.email, "password": NEW});
    nobody.post("/sessions", new).await.expect(201);
    eventually("the notice is mailed", async || {
        let letters = system.letters(&tenant.email);
        letters
            .iter()
            .any(|letter| letter.subject.contains("set anew"))
            .then_some(())
    })
    .await;
    assert!(system.letters("nobody@example.com").is_empty());
    // Who may read the log may not read the mail.
    let log = system.logs();
    for secret in [token.as_str(), tenant.email.as_str()] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

#[tokio::test]
async fn a_mail_server_takes_an_invitation_and_says_no_for_good_to_another() {
    let login = ("panel".to_owned(), "secret of the panel".to_owned());
    let peer = Peer::start(Options {
        encryption: Some(Encryption::StartTls),
        login: Some(login.clone()),
    })
    .await;
    peer.refuse("gone@example.com", "550 5.1.1 nobody here");
    let authority = folders::fresh().join("authority.pem");
    std::fs::write(&authority, peer.authority()).unwrap();
    let port = peer.port().to_string();
    let system = System::start_with(&[
        ("MPANEL_MAIL_TRANSPORT", "smtp"),
        ("MPANEL_MAIL_FROM", "Example Hosting <panel@example.com>"),
        ("MPANEL_MAIL_SMTP_HOST", "localhost"),
        ("MPANEL_MAIL_SMTP_PORT", &port),
        ("MPANEL_MAIL_SMTP_USER", &login.0),
        ("MPANEL_MAIL_SMTP_PASSWORD", &login.1),
        ("MPANEL_MAIL_SMTP_CA_FILE", authority.to_str().unwrap()),
    ])
    .await;
    let owner = claim(&system).await;
    let test = owner.api.post("/mail/test", json!({})).await.expect(200);
    assert_eq!(
        (test.text("/transport"), test.body["sent"].as_bool()),
        ("smtp".to_owned(), Some(true)),
        "{test}"
    );

    let members = format!("/tenants/{}/members", owner.tenant);
    for email in ["ada@example.com", "gone@example.com"] {
        let body = json!({"email": email, "name": "Ada", "role": "viewer"});
        owner.api.post(&members, body).await.expect(201);
    }
    let mail = eventually("the invitation arrives", async || {
        let mut received = peer.received().into_iter();
        received.find(|mail| mail.to == ["ada@example.com"])
    })
    .await;
    assert!(mail.tls && mail.user.as_deref() == Some("panel"));
    assert!(
        mail.data.contains("From: \"Example Hosting\" <panel@example.com>"),
        "{}",
        mail.data
    );
    let text = mail.data.replace("=\r\n", "").replace("=3D", "=");
    let (_, link) = text.split_once("/activate#").expect("a link");
    let token: String = link
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
        .collect();
    let pending = owner.api.get("/invitations").await.expect(200);
    assert_eq!(pending.body["items"].as_array().unwrap().len(), 2, "{pending}");
    let ada = activate(
        &system.api().with(Credential::None),
        &format!("/activate#{token}"),
        "ada@example.com",
    )
    .await;
    let me = ada.api.get("/me").await.expect(200);
    assert!(me.body["user"]["email_proven"].as_bool().unwrap(), "{me}");
    let dead = eventually("the other one is a dead letter", async || {
        let jobs = owner.api.list("/dead-jobs").await;
        jobs.into_iter().find(|job| job["kind"] == "mail.send")
    })
    .await;
    assert!(dead["error"].as_str().unwrap().contains("nobody here"), "{dead}");
    assert!(!dead.to_string().contains("gone@example.com"), "{dead}");
    assert_eq!(peer.offences(), [""; 0]);
}
