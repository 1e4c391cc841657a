//! The stream of events: what happens in a tenant is told to its people, to nobody else, and to none of them for longer than they
//! are its people.

use serde_json::json;

use crate::harness::accounts::{PASSWORD, unique};
use crate::harness::client::Credential;
use crate::harness::shared::owner;
use crate::harness::{Account, Api, PATIENCE};
use crate::walk::estate::{Estate, node};

/// An open stream, and what it has carried.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(api: &Api, last_event: Option<&str>) -> Self {
        let mut request = api.request("GET", "/events");
        if let Some(id) = last_event {
            request = request.header("last-event-id", id);
        }
        let response = request.begin().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// Takes in what comes; `false` when it has ended.
    async fn more(&mut self) -> bool {
        let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_elapsed| panic!("nothing comes after:\n{}", self.text));
        // A stream that is cut off ends in an error, or does not.
        let Ok(Some(bytes)) = chunk else { return false };
        self.text += &String::from_utf8_lossy(&bytes);
        true
    }

    /// Reads until the stream tells of `needle`.
    async fn until(&mut self, needle: &str) {
        while !self.text.contains(needle) {
            assert!(self.more().await, "the stream ended:\n{}", self.text);
        }
    }

    async fn end(mut self) {
        while self.more().await {}
    }

    fn first_id(&self) -> String {
        let id = self.text.lines().find_map(|line| line.strip_prefix("id:"));
        id.unwrap_or_else(|| panic!("no id in:\n{}", self.text))
            .trim()
            .to_owned()
    }
}

/// The last thing that happens, so that a stream that tells of it has told of everything before.
async fn last_of_all(tenant: &Account) -> String {
    let body = json!({"apex": format!("last{}.example", unique())});
    tenant.api.post("/zones", body).await.expect(201).id()
}

/// What a stream of `own` may carry: everything of it, and nothing of `other`.
fn judge(stream: &Stream, own: &Estate, other: &Estate, last: &str) {
    let text = &stream.text;
    for name in ["site_id", "zone_id", "release_id", "token_id"] {
        assert!(text.contains(&own.id(name)), "nothing of the own {name}:\n{text}");
    }
    for id in other.own_ids().map(String::as_str).chain([last, &other.owner.email]) {
        assert!(!text.contains(id), "tells of another's {id}:\n{text}");
    }
}

#[tokio::test]
async fn a_stream_tells_of_its_own_tenant_alone() {
    let platform = owner();
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let (one, two) = tokio::join!(
        platform.tenant_below("reseller", &plan),
        platform.tenant_below("reseller", &plan)
    );
    // Each listens by session and by token, and hears from the beginning.
    let mut streams = Vec::new();
    for tenant in [&one, &two] {
        let token = tenant.token().await;
        streams.push((Stream::open(&tenant.api, None).await, Stream::open(&token, None).await));
    }
    let (one, two) = tokio::join!(
        Estate::of(one, "reseller", &node, &plan),
        Estate::of(two, "reseller", &node, &plan)
    );
    let lasts = (last_of_all(&one.owner).await, last_of_all(&two.owner).await);
    let sides = [(&one, &two, &lasts.0, &lasts.1), (&two, &one, &lasts.1, &lasts.0)];
    for ((mut session, mut token), (own, other, last, others_last)) in streams.into_iter().zip(sides) {
        session.until(last).await;
        token.until(last).await;
        judge(&session, own, other, others_last);
        judge(&token, own, other, others_last);
        // The past that a stream resumes with is no other.
        let mut resumed = Stream::open(&own.owner.api, Some(&session.first_id())).await;
        resumed.until(last).await;
        judge(&resumed, own, other, others_last);

        // Nobody listens to another tenant, however they ask.
        let there = own.owner.api.acting_for(&other.owner.tenant);
        assert_eq!(there.get("/events").await.status, 404);
        let asked = own
            .owner
            .api
            .get(&format!("/events?tenant={}", other.owner.tenant))
            .await;
        assert_eq!(asked.status, 404, "{asked}");
    }
    let nobody = platform.api.with(Credential::None);
    nobody.get("/events").await.expect(401);
}

#[tokio::test]
async fn a_stream_ends_with_the_right_to_it() {
    let platform = owner();
    let plan = platform.plan(None).await;
    let tenant = platform.tenant_below("customer", &plan).await;
    let member = tenant.member("viewer").await;
    let member_token = member.token().await;
    let body = json!({"name": "short", "scopes": ["*"]});
    let short = tenant.api.post("/api-tokens", body).await.expect(201);
    let short_api = tenant.api.with(Credential::Token(short.text("/token")));
    let second = sign_in_again(&tenant).await;

    let stays = Stream::open(&tenant.api, None).await;
    let by_membership = Stream::open(&member.api, None).await;
    let by_members_token = Stream::open(&member_token, None).await;
    let by_token = Stream::open(&short_api, None).await;
    let by_session = Stream::open(&second, None).await;

    let path = format!("/tenants/{}/members/{}", tenant.tenant, member.user);
    tenant.api.delete(&path).await.expect(204);
    let short = short.body["id"]
        .as_str()
        .or_else(|| short.body["api_token"]["id"].as_str());
    tenant
        .api
        .delete(&format!("/api-tokens/{}", short.unwrap()))
        .await
        .expect(204);
    second.delete("/sessions/current").await.expect(204);

    tokio::join!(
        by_membership.end(),
        by_members_token.end(),
        by_token.end(),
        by_session.end()
    );
    // They tell nobody who comes again, and those who stay go on hearing.
    for api in [&member.api, &member_token, &short_api, &second] {
        let again = api.get("/events").await;
        assert!([401, 403, 404].contains(&again.status), "{again}");
    }
    let mut stays = stays;
    let last = last_of_all(&tenant).await;
    stays.until(&last).await;
}

async fn sign_in_again(who: &Account) -> Api {
    let body = json!({"email": who.email, "password": PASSWORD});
    let answer = who.api.with(Credential::None).post("/sessions", body).await.expect(201);
    who.api.with(Credential::Session(answer.cookie()))
}
