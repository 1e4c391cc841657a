//! People without a browser: an owner who sets up a second factor, and a customer who is invited twice.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::person::Person;
use crate::harness::accounts::PASSWORD;
use crate::harness::{System, eventually, totp};

const EMAIL: &str = "olga@provider.example";

/// As over the network, where owners have no token before they have a second factor: every command signs in by password.
#[tokio::test]
async fn an_owner_without_a_token_sets_up_a_second_factor_and_signs_in_with_it() {
    let system = System::start_with(&[("MPANEL_RATE_LOGINS_PER_MINUTE_ACCOUNT", "1000")]).await;
    let url = format!("http://{}", system.address("panel"));
    let owner = Person::new(&system, "owner");
    let password = format!("{PASSWORD}\n");
    let signed_in = |words: &[&str]| -> Vec<String> {
        let who = ["--url", &url, "--email", EMAIL, "--password-stdin"];
        [words, &who].concat().into_iter().map(str::to_owned).collect()
    };
    let run = |words: &[&str]| {
        let words = signed_in(words);
        owner.run(&words.iter().map(String::as_str).collect::<Vec<_>>(), &password)
    };
    let claim = signed_in(&["claim", "--claim-token-stdin", "--name", "Olga"]);
    let claim: Vec<&str> = claim.iter().map(String::as_str).collect();
    owner.tells(&claim, &format!("{}\n{PASSWORD}\n", system.claim_token().await));

    let (code, out, err) = run(&["totp", "setup", "--json"]);
    assert_eq!(code, 0, "{err}");
    let started: serde_json::Value = serde_json::from_str(&out).unwrap();
    let secret = started["secret"].as_str().unwrap();
    assert!(started["otpauth_uri"].as_str().unwrap().starts_with("otpauth://totp/"));
    let (code, _, _) = run(&["totp", "confirm", "abcdef"]);
    assert_eq!(code, 7, "any code will do");
    let (code, codes, err) = run(&["totp", "confirm", &totp::code(secret, 0)]);
    assert_eq!(code, 0, "{err}");
    let codes: Vec<&str> = codes.lines().collect();
    assert!(codes.len() >= 8, "{codes:?}");

    let (code, _, err) = run(&["login"]);
    assert_eq!(code, 2, "the password alone opens it: {err}");
    let (code, _, err) = run(&["login", "--totp", codes[0]]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(owner.json(&["me"])["user"]["totp_enabled"], true);
    // With the token that is kept the password is enough.
    owner.tells(&["totp", "disable", "--password-stdin"], &password);
    assert_eq!(owner.json(&["me"])["user"]["totp_enabled"], false);
}

#[tokio::test]
async fn a_remote_owner_is_told_what_is_missing_and_gets_to_work() {
    let Some(address) = outward() else {
        eprintln!("this machine has no address but loopback: nothing is remote here");
        return;
    };
    let mut system = System::prepare(&[]);
    system.option("--panel", &SocketAddr::new(address, 0).to_string());
    system.up().await;
    let url = format!("https://{}/", system.address("panel"));
    let fingerprint = std::fs::read_to_string(system.data().join("run/ca-fingerprint")).unwrap();
    let owner = Person::new(&system, "remote");
    let password = format!("{PASSWORD}\n");
    let options = [
        "--url",
        &url,
        "--ca-fingerprint",
        fingerprint.trim(),
        "--email",
        EMAIL,
        "--password-stdin",
    ];
    eventually("the panel answers a stranger at its address", async || {
        let (code, _, _) = owner.run(&[&["login"], &options[..]].concat(), &password);
        (code == 3).then_some(())
    })
    .await;
    let claim = [&["claim", "--claim-token-stdin", "--name", "Olga"], &options[..]].concat();
    owner.tells(&claim, &format!("{}\n{PASSWORD}\n", system.claim_token().await));
    let (code, told) = owner.fails(&[&["login"], &options[..]].concat(), &password);
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("mpanel totp setup"), "{told}");
    let started = owner.json_given(&[&["totp", "setup"], &options[..]].concat(), &password);
    let code = totp::code(started["secret"].as_str().unwrap(), 0);
    let codes = owner.tells(&[&["totp", "confirm", &code], &options[..]].concat(), &password);
    let backup = codes.lines().next().unwrap();
    owner.tells(&[&["login", "--totp", backup], &options[..]].concat(), &password);
    owner.json(&["plan", "create", "Starter", "--sites", "5"]);
}

fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[tokio::test]
async fn who_has_an_account_joins_with_its_password_and_its_second_factor() {
    let system = System::start().await;
    let provider = Person::new(&system, "provider");
    let data = system.data().display().to_string();
    let claim = [
        "claim",
        "--data",
        &data,
        "--email",
        EMAIL,
        "--name",
        "Olga",
        "--password-stdin",
        "--create-token",
    ];
    provider.tells(&claim, &format!("{PASSWORD}\n"));
    let invite = |name: &str| {
        let owner = ["--owner-email", "carl@bakery.example", "--owner-name", "Carl"];
        let made = provider.json(&[&["tenant", "create", name], &owner[..]].concat());
        made["activation"]["url_path"].as_str().unwrap().to_owned()
    };
    let url = format!("http://{}", system.address("panel"));
    let carl = Person::new(&system, "carl");
    let activate = |link: &str, more: &[&str]| {
        let words = ["activate", link, "--url", &url, "--password-stdin"];
        carl.run(&[&words[..], more].concat(), &format!("{PASSWORD}\n"))
    };
    let (code, _, err) = activate(&invite("Bakery"), &["--name", "Carl Crust", "--create-token"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(carl.json(&["me"])["user"]["name"], "Carl Crust");
    let started = carl.json_given(&["totp", "setup", "--password-stdin"], &format!("{PASSWORD}\n"));
    let code = totp::code(started["secret"].as_str().unwrap(), 0);
    let codes = carl.json(&["totp", "confirm", &code]);

    // The second invitation is for the account that there is: the password is not enough for it.
    let link = invite("Shop");
    let (code, _, err) = activate(&link, &[]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("--totp"), "{err}");
    let backup = codes["backup_codes"][0].as_str().unwrap();
    let (code, out, err) = activate(&link, &["--totp", backup]);
    assert_eq!(code, 0, "{out}{err}");
    let me = carl.json(&["me"]);
    assert_eq!(me["memberships"].as_array().map(Vec::len), Some(2), "{me}");
}
