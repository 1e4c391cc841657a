//! What anybody at all may call, and what wrong bodies do there: they are refused, and use nothing up.

use serde_json::{Value, json};

use super::bad_input::{judge, resolve, send_all};
use crate::harness::accounts::{PASSWORD, activate, claim, unique};
use crate::harness::client::Credential;
use crate::harness::shared::owner;
use crate::harness::spec::{Operation, Spec};
use crate::harness::{Answer, Api, System};

/// Who adds one says here that it is meant to need no credential.
const PUBLIC: [&str; 7] = [
    "activations_create",
    "certificate_authority_get",
    "claims_create",
    "password_resets_accept",
    "password_resets_create",
    "sessions_create",
    "setup_get",
];

/// The operations without a credential.
///
/// # Panics
/// When they are others than [`PUBLIC`].
pub fn public_operations(spec: &Spec) -> Vec<Operation> {
    let all = spec.operations().into_iter();
    let mut public: Vec<Operation> = all.filter(|operation| operation.public).collect();
    public.sort_by(|one, two| one.id.cmp(&two.id));
    let ids: Vec<&str> = public.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(ids, PUBLIC, "these need no credential");
    public
}

#[tokio::test]
async fn nothing_but_what_strangers_need_is_open_to_them() {
    let api = owner().api.with(Credential::None);
    let spec = api.spec().await;
    for operation in public_operations(&spec) {
        let answer = api.request(&operation.method, &operation.path).send().await;
        assert!(answer.status != 401 && answer.status != 403, "{answer}");
    }
}

#[tokio::test]
async fn wrong_bodies_of_strangers_are_refused_and_use_nothing_up() {
    let system = System::start().await;
    let nobody = system.api();
    let token = system.claim_token().await;
    let good = json!({"token": token, "email": "olga@provider.example", "name": "Olga", "password": PASSWORD});
    let mut problems = walk(&nobody, "claims_create", &good).await;
    let owner = claim(&system).await;

    let email = format!("carl{}@bakery.example", unique());
    let body = json!({"kind": "customer", "name": "Bakery", "owner": {"email": email, "name": "Carl"}});
    let created = owner.api.post("/tenants", body).await.expect(201);
    let link = created.text("/activation/url_path");
    let (_, token) = link.split_once('#').unwrap();
    let good = json!({"token": token, "name": "Carl", "password": PASSWORD});
    problems.extend(walk(&nobody, "activations_create", &good).await);
    let carl = activate(&nobody, &link, &email).await;
    let me = carl.api.get("/me").await.expect(200);
    assert_eq!(me.text("/user/name"), "Carl", "a refused request named him");

    let good = json!({"email": email, "password": PASSWORD});
    problems.extend(walk(&nobody, "sessions_create", &good).await);
    assert_eq!(
        carl.api.list("/sessions").await.len(),
        1,
        "a refused login began a session"
    );
    nobody.post("/sessions", good).await.expect(201);

    let good = json!({"email": email});
    problems.extend(walk(&nobody, "password_resets_create", &good).await);
    nobody.post("/password-resets", good).await.expect(202);
    let token = system.mailed(&email, "reset").await;
    let good = json!({"token": token, "password": PASSWORD});
    problems.extend(walk(&nobody, "password_resets_accept", &good).await);
    nobody.post("/password-resets/accept", good).await.expect(201);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What is wrong about the answers of a public operation to wrong bodies.
async fn walk(api: &Api, id: &str, good: &Value) -> Vec<String> {
    let spec = api.spec().await;
    let public = public_operations(&spec);
    let operation = public.iter().find(|operation| operation.id == id).unwrap();
    let schema = &operation.value["requestBody"]["content"]["application/json"]["schema"];
    let mut schema = resolve(&spec.document, schema).clone();
    // Nobody here has a second factor, and a code that nobody asks for is not looked at.
    schema["properties"].as_object_mut().unwrap().remove("totp");
    let sent = send_all(api, &spec.document, (operation, &operation.path), &schema, good).await;
    let wrong = sent
        .iter()
        .filter(|(_, pointer, answer)| !is_refused_secret(pointer.as_deref(), answer));
    wrong
        .filter_map(|(what, pointer, answer)| judge(operation, what, pointer.as_deref(), answer))
        .collect()
}

/// Strangers learn that a secret is not the right one, and not why.
fn is_refused_secret(pointer: Option<&str>, answer: &Answer) -> bool {
    pointer.is_some_and(|pointer| ["/token", "/password"].contains(&pointer)) && [401, 410].contains(&answer.status)
}
