use serde_json::{Value, json};

use crate::harness::shared::owner;
use crate::harness::{Account, Answer, Api};

/// Characters that lists of forbidden ones forget, beside the whole of ASCII: other line ends, spaces and look-alikes of what is
/// forbidden, which normalising turns into it.
const FORGOTTEN: &str = "\u{0085}\u{00a0}\u{00ad}\u{200b}\u{2028}\u{2029}\u{202e}\u{2044}\u{2215}\u{ff04}\u{ff07}\u{ff0e}\u{ff0f}\u{ff1b}\u{ff3c}\u{ff40}\u{ff5c}\u{feff}";

/// Of these, what is allowed in the name of a domain, which is kept in its ASCII form.
const BECOME_ASCII: &str = "\u{ff0e}\u{00ad}\u{200b}\u{2044}\u{2215}\u{feff}";

/// Every character that may be in the middle of none of a name's valid forms.
fn foreign(allowed: impl Fn(char) -> bool) -> impl Iterator<Item = char> {
    let ascii = (0..128_u8).map(char::from);
    ascii.chain(FORGOTTEN.chars()).filter(move |c| !allowed(*c))
}

fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

async fn refused(api: &Api, path: &str, body: Value, pointer: &str) -> Option<String> {
    let answer: Answer = api.post(path, body.clone()).await;
    let named = answer.body["errors"][0]["pointer"] == pointer;
    (answer.status != 422 || !named).then(|| format!("{path} {body}: {answer}"))
}

/// The bad fix: CyberPanel (CVE-2024-51378) and Coolify forbade the characters of the last attack, and the next attack used others.
/// Here a value says what it may be, so everything else is refused, whether somebody has thought of it or not.
#[tokio::test]
async fn blacklists_are_not_the_fix_what_is_not_allowed_is_refused_character_by_character() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let api = &customer.api;
    let zone = api
        .post("/zones", json!({"apex": "allowed.example"}))
        .await
        .expect(201)
        .id();
    let records = format!("/zones/{zone}/records");
    let mut problems = Vec::new();
    for c in foreign(is_label) {
        let slug = json!({"name": "x", "slug": format!("ab{c}cd")});
        problems.extend(refused(api, "/sites", slug, "/slug").await);
    }
    // Look-alikes are either refused or become what they look like or nothing (UTS 46) before anybody looks; see below for the rest.
    for c in foreign(|c| is_label(c) || c == '.' || BECOME_ASCII.contains(c)) {
        let name = format!("ab{c}cd.example");
        problems.extend(refused(api, "/sites", json!({"name": "x", "domain": name}), "/domain").await);
        problems.extend(refused(api, "/zones", json!({"apex": name}), "/apex").await);
        let address = json!({"name": "www", "type": "A", "ttl": 300, "data": format!("192.0.2.1{c}")});
        if !c.is_ascii_whitespace() {
            problems.extend(refused(api, &records, address, "/data").await);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    nothing_came_of_it(&customer, &records).await;

    // Whatever a name was written in, what is kept, answered and passed on is plain ASCII.
    for (number, c) in BECOME_ASCII.chars().enumerate() {
        let body = json!({"name": "x", "domain": format!("kept{number}{c}cd.example")});
        let made = api.post("/sites", body).await.expect(201);
        let domains = api.list(&format!("/sites/{}/domains", made.id())).await;
        assert!(!domains.is_empty());
        for domain in domains {
            let name = domain["name"].as_str().unwrap();
            assert!(
                name.chars().all(|c| is_label(c) || c == '.'),
                "{name:?} of U+{:04X}",
                u32::from(c)
            );
        }
    }
}

async fn nothing_came_of_it(customer: &Account, records: &str) {
    assert!(customer.api.list("/sites").await.is_empty());
    assert_eq!(customer.api.list("/zones").await.len(), 1);
    let made = customer.api.list(records).await;
    assert!(made.iter().all(|record| record["name"] != "www"), "{made:?}");
}
