use std::path::Path;

use serde_json::{Value, json};

use crate::harness::accounts::{PASSWORD, claim, unique};
use crate::harness::client::Credential;
use crate::harness::system::tree;
use crate::harness::{Account, Answer, Api, System};
use crate::walk::estate::{Estate, node};

const METRICS_TOKEN: &str = "a-token-of-the-collector-only";

/// Names of fields under which no answer to a reader has anything.
const SECRET_FIELDS: [&str; 7] = [
    "secret",
    "sealed",
    "password",
    "private",
    "hash",
    "otpauth",
    "backup_code",
];
/// What tokens begin with; a list may show a few characters of one, so that people know it again.
const PREFIXES: [&str; 4] = ["mpk_", "claim_", "activate_", "mps_"];
const SHOWN: usize = 16;

/// Everything that no member may come to see, as text.
struct Planted(Vec<(String, String)>);

impl Planted {
    fn add(&mut self, what: &str, value: impl Into<String>) {
        let value = value.into();
        assert!(value.len() >= 16, "{what} is too short to be looked for");
        self.0.push((what.to_owned(), value));
    }

    fn credential(&mut self, what: &str, api: &Api) {
        match &api.credential {
            Credential::Token(text) | Credential::Session(text) => self.add(what, text),
            Credential::None => unreachable!(),
        }
    }

    /// Every key file of the installation, as it stands there and as the panel might print its bytes.
    fn keys(&mut self, data: &Path) {
        let names: Vec<String> = tree(data).into_iter().filter(|name| name.ends_with(".key")).collect();
        assert!(names.iter().any(|name| name == "keys/master.key"), "{names:?}");
        for name in names {
            let text = std::fs::read_to_string(data.join(&name)).unwrap();
            for line in text.lines().map(str::trim).filter(|line| line.len() >= 16) {
                self.add(&name, line.trim_end_matches('='));
                if let Ok(bytes) = data_encoding::BASE64.decode(line.as_bytes()) {
                    self.add(&name, data_encoding::HEXLOWER.encode(&bytes));
                }
            }
        }
    }

    /// What about an answer is a secret.
    fn found_in(&self, answer: &Answer) -> Vec<String> {
        let text = String::from_utf8_lossy(&answer.bytes);
        let mut found: Vec<String> = self
            .0
            .iter()
            .filter(|(_, value)| text.contains(value.as_str()))
            .map(|(what, _)| what.clone())
            .collect();
        let marks = ["PRIVATE KEY", "$argon2"].into_iter();
        found.extend(marks.filter(|mark| text.contains(mark)).map(str::to_owned));
        for prefix in PREFIXES {
            let long = |rest: &str| {
                rest.chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
                    .count()
            };
            if text.split(prefix).skip(1).any(|rest| long(rest) > SHOWN) {
                found.push(format!("a whole {prefix}…"));
            }
        }
        fields(&answer.body, &mut |name| {
            if SECRET_FIELDS.iter().any(|word| name.contains(word)) {
                found.push(format!("a field {name}"));
            }
        });
        found
    }
}

fn fields(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                each(name);
                fields(value, each);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, each)),
        _ => {}
    }
}

/// Coolify CVE-2025-64420: members read the private key of the server. Whoever only reads or publishes here gets no key, token, sealed
/// value or claim from any operation that reads, whatever operations there will be.
#[tokio::test]
async fn cve_2025_64420_members_read_no_secrets_of_the_infrastructure() {
    let system = System::start_with(&[("MPANEL_METRICS_TOKEN", METRICS_TOKEN)]).await;
    let mut planted = Planted(Vec::new());
    planted.add("the claim token", system.claim_token().await);
    planted.add("the token for figures", METRICS_TOKEN);
    planted.add("a password", PASSWORD);
    planted.keys(&system.data());
    let platform = claim(&system).await;
    planted.credential("the owner's session", &platform.api);
    planted.credential("the owner's token", &platform.token().await);
    let started = platform
        .api
        .post("/me/totp", json!({"password": PASSWORD}))
        .await
        .expect(200);
    planted.add("the owner's second factor", started.text("/secret"));

    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let customer = platform.tenant_below("customer", &plan).await;
    planted.credential("the customer's session", &customer.api);
    planted.credential("the customer's token", &customer.token().await);
    for owner in [&platform, &customer] {
        let body = json!({"email": format!("new{}@member.example", unique()), "name": "New", "role": "admin"});
        let path = format!("/tenants/{}/members", owner.tenant);
        let invited = owner.api.post(&path, body).await.expect(201);
        let link = invited.text("/activation/url_path");
        planted.add("an invitation", link.split_once('#').unwrap().1);
    }
    let estate = Estate::of(customer.clone(), "customer", &node, &plan).await;
    let machine = |name: &str| match name {
        "tenant_id" => Some(platform.tenant.clone()),
        "node_id" => Some(node.clone()),
        "plan_id" => Some(plan.clone()),
        _ => None,
    };
    let site = |name: &str| estate.has(name).then(|| estate.id(name));
    for role in ["developer", "viewer"] {
        reads_everything(&platform.member(role).await, machine, &planted, role).await;
        reads_everything(&customer.member(role).await, site, &planted, role).await;
    }
}

/// Calls every operation that reads, with the ids that there are.
async fn reads_everything(member: &Account, ids: impl Fn(&str) -> Option<String>, planted: &Planted, role: &str) {
    let api = member.api.acting_for(&member.tenant);
    let spec = api.spec().await;
    let (mut read, mut problems) = (0, Vec::new());
    for operation in spec.operations() {
        if operation.method != "GET" || !operation.ids.iter().all(|name| ids(name).is_some()) {
            continue;
        }
        let path = operation.path_with(|name| ids(name).expect("it was there a line above"));
        let answer = api.request("GET", &path).send().await;
        read += usize::from(answer.status == 200);
        for secret in planted.found_in(&answer) {
            problems.push(format!("{} shows a {role} {secret}: {answer}", operation.id));
        }
    }
    assert!(read >= 15, "a {role} read {read} operations only");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A search that finds nothing has to be one that could.
#[test]
fn the_search_for_secrets_finds_what_is_planted() {
    let mut planted = Planted(Vec::new());
    planted.add("a key", "0123456789abcdef");
    let answer = |body: Value| Answer {
        request: "GET /probe".to_owned(),
        status: 200,
        headers: reqwest::header::HeaderMap::new(),
        bytes: body.to_string().into_bytes(),
        body,
    };
    for leak in [
        json!({"items": [{"x": "…0123456789abcdef…"}]}),
        json!({"name": "-----BEGIN PRIVATE KEY-----"}),
        json!({"name": format!("mpk_{}", "A".repeat(43))}),
        json!({"items": [{"sealed_key": null}]}),
    ] {
        assert_eq!(planted.found_in(&answer(leak.clone())).len(), 1, "{leak}");
    }
    let harmless = json!({"items": [{"prefix": "mpk_AbCdEf", "totp_enabled": true, "fingerprint": "00ff"}]});
    assert!(planted.found_in(&answer(harmless)).is_empty());
}
