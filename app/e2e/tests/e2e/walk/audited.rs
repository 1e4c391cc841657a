//! What the audit log says of everything that a test has changed.

use serde_json::Value;

use crate::harness::accounts::unique;
use crate::harness::spec::Spec;
use crate::harness::{Account, Api};

/// Operations that change something and need no line for it, with the reason. It may only become shorter.
const UNAUDITED: [(&str, &str); 1] = [(
    "uploads_append",
    "a piece of a file; that the upload began, and that it is whole, are written down",
)];

/// How people of the tests are called, and what their addresses end in.
const PEOPLE: [&str; 6] = [
    "Olga Owner",
    "Tina Tenant",
    "Max Member",
    "@provider.example",
    "@tenant.example",
    "@member.example",
];

/// From where they come. The panel has the same address, so what the platform does by itself may name it.
const ADDRESS: &str = "127.0.0.1";

/// Each change so far left a line with its request's id, in the log of the tenant for which it was made.
///
/// # Panics
/// When one left none, or one that is excused did.
pub async fn every_change_is_written_down(platform: &Account, spec: &Spec) {
    let changes = spec.changes();
    assert!(changes.len() > 50, "the walk changed {} things only", changes.len());
    let mut problems = Vec::new();
    for made in changes {
        let lines = lines_of(&platform.api, &made.request).await;
        let excused = UNAUDITED.iter().any(|(operation, _)| *operation == made.operation);
        // Excused pieces can be the last ones, which are written down.
        if lines.is_empty() && !excused {
            problems.push(format!("{} left no line", made.operation));
        }
        let Some(tenant) = &made.tenant else { continue };
        if !excused && !lines.iter().any(|line| line["tenant_id"] == tenant.as_str()) {
            problems.push(format!("{} left no line in the log of its tenant", made.operation));
        }
    }
    problems.sort();
    problems.dedup();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

async fn lines_of(platform: &Api, request: &str) -> Vec<Value> {
    let path = format!("/audit?scope=subtree&filter[request]={request}");
    platform.list(&path).await
}

/// Neither the audit log nor the feed, into which the outbox goes, tells more of people than their ids: whoever is erased must not
/// go on standing there.
///
/// # Panics
/// When they do.
pub async fn nobody_is_named(platform: &Account, tenants: &[&Account]) {
    let log = platform.api.get("/audit/export?scope=subtree").await.expect(200);
    let log = String::from_utf8(log.bytes).unwrap();
    assert!(log.lines().count() > 50, "the log is not all there");
    let mut problems = told_by("the log", log.lines());
    for tenant in tenants {
        let events = events(&tenant.api).await;
        problems.extend(told_by("the feed", events.lines()));
    }
    problems.dedup();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn told_by<'a>(what: &str, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let by_people = |line: &str| !line.contains("\"actor\":\"system:");
    let tells =
        |line: &&str| PEOPLE.iter().any(|person| line.contains(person)) || (line.contains(ADDRESS) && by_people(line));
    lines.filter(tells).map(|line| format!("{what}: {line}")).collect()
}

/// All events of a tenant up to one that is made here.
async fn events(api: &Api) -> String {
    // Places in the feed name its history, which the first event of a stream that begins now tells.
    let mut now = open(api, None).await;
    let last = change(api).await;
    let told = read_to(&mut now, &last).await;
    let id = told
        .lines()
        .find_map(|line| line.strip_prefix("id: ").or_else(|| line.strip_prefix("id:")));
    let epoch = id.and_then(|id| id.trim().split_once(':')).unwrap().0;
    let mut past = open(api, Some(&format!("{epoch}:0"))).await;
    read_to(&mut past, &last).await
}

async fn open(api: &Api, after: Option<&str>) -> reqwest::Response {
    let mut request = api.request("GET", "/events");
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let stream = request.begin().await.unwrap();
    assert_eq!(stream.status(), 200);
    stream
}

/// The id of a request that changes something.
async fn change(api: &Api) -> String {
    let body = serde_json::json!({"name": format!("last {}", unique()), "scopes": ["*"]});
    let answer = api.post("/api-tokens", body).await.expect(201);
    answer.header("x-request-id")
}

async fn read_to(stream: &mut reqwest::Response, request: &str) -> String {
    let mut text = String::new();
    while !text.contains(request) {
        let piece = stream.chunk().await.unwrap().expect("the stream has no end");
        text.push_str(&String::from_utf8_lossy(&piece));
        assert!(!text.contains("event: reset"), "the feed begins later than the test");
    }
    text
}
