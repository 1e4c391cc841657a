use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::server::{Fake, say};
use crate::cli::api::{Api, Server, Trust, fingerprint, is_local};
use crate::cli::connection::{Cx, Page, all};
use crate::cli::failure::{Failure, Problem};
use crate::cli::operation;

#[test]
fn the_kind_of_a_failure_decides_the_exit_code() {
    let of = |status| Failure::Problem(Box::new(Problem::new(status, None, "{}"))).exit_code();
    let table = [
        (400, 7),
        (401, 3),
        (402, 6),
        (403, 4),
        (404, 5),
        (409, 6),
        (410, 9),
        (412, 6),
        (413, 7),
        (422, 7),
        (429, 8),
        (500, 1),
        (502, 8),
        (503, 8),
        (504, 8),
    ];
    for (status, code) in table {
        assert_eq!(of(status), code, "status {status}");
    }
    let text = String::new;
    assert_eq!(Failure::Unreachable(text()).exit_code(), 8);
    assert_eq!(Failure::Usage(text()).exit_code(), 2);
    assert_eq!(Failure::NotSignedIn(text()).exit_code(), 3);
    assert_eq!(Failure::Operation(text()).exit_code(), 10);
    assert_eq!(Failure::Other(anyhow::anyhow!("x")).exit_code(), 1);
}

#[tokio::test]
async fn a_problem_is_told_with_its_fields_and_its_request() {
    let document = json!({
        "type": "about:blank", "title": "Invalid request", "status": 422, "code": "request.invalid",
        "detail": "two values are wrong", "request_id": "req_1",
        "errors": [{"pointer": "/name", "code": "x", "message": "is empty"}, {"pointer": "/ttl", "code": "y", "message": "is too small"}],
    });
    let body = document.to_string();
    let fake = Fake::start(move |_| say(422, &body).with("content-type", "application/problem+json")).await;
    let failure = fake.api().post(&["zones"], &json!({})).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "two values are wrong\n  /name: is empty\n  /ttl: is too small\n  request req_1"
    );
    assert_eq!((failure.exit_code(), failure.code()), (7, "request.invalid"));
}

#[tokio::test]
async fn an_answer_that_is_no_problem_document_is_told_all_the_same() {
    let fake = Fake::start(|_| say(503, "<html>away</html>").with("retry-after", 7)).await;
    let failure = fake.api().get(&["me"]).await.unwrap_err();
    assert!(failure.to_string().contains("not available"), "{failure}");
    assert!(failure.is_temporary());
    let Failure::Problem(problem) = failure else { panic!() };
    assert_eq!((problem.retry_after, problem.document), (Some(7), None));
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let fake = Fake::start(|_| say(200, "{}")).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_ne!(free.port(), fake.port);
    let api = Api::new(&Server::parse(&format!("http://{free}")).unwrap(), &Trust::System).unwrap();
    let failure = api.get(&["me"]).await.unwrap_err();
    assert_eq!(failure.exit_code(), 8);
    assert!(failure.to_string().contains(&free.to_string()), "{failure}");
}

#[tokio::test]
async fn names_below_localhost_are_this_machine() {
    let fake = Fake::start(|_| say(200, "{}")).await;
    for name in ["panel.localhost", "localhost", "a.b.LOCALHOST"] {
        let server = Server::parse(&format!("http://{name}:{}", fake.port)).unwrap();
        Api::new(&server, &Trust::System).unwrap().get(&["me"]).await.unwrap();
    }
    assert!(is_local("x.localhost.") && !is_local("localhost.example.com") && !is_local("notlocalhost"));
}

#[tokio::test]
async fn the_panels_own_socket_needs_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("serve.sock");
    let fake = Fake::on_socket(&path, |asked| say(200, json!({"path": asked.path})));
    let api = Api::new(&Server::Socket(path), &Trust::System).unwrap();
    let answer = api.get(&["me"]).await.unwrap();
    assert_eq!(answer.text("/path"), "/api/v1/me");
    // The panel takes a request without these for one of this machine.
    assert!(
        fake.asked()[0]
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("x-forwarded"))
    );
}

#[tokio::test]
async fn what_a_person_types_stays_one_segment_of_the_path() {
    let fake = Fake::start(|_| say(200, "{}")).await;
    fake.api().get(&["sites", "../tenants?x=1#y"]).await.unwrap();
    assert_eq!(fake.asked()[0].path, "/api/v1/sites/..%2Ftenants%3Fx=1%23y");
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let fake = Fake::start(|asked| match asked.path.contains("cursor=two") {
        false => say(200, json!({"items": [{"id": 1}], "next_cursor": "two"})),
        true => say(200, json!({"items": [{"id": 2}], "next_cursor": null})),
    })
    .await;
    let items = all(&fake.api(), &["sites"], &[("filter[x]", "a b")]).await.unwrap();
    assert_eq!(items, [json!({"id": 1}), json!({"id": 2})]);
    let paths: Vec<String> = fake.asked().iter().map(|asked| asked.path.clone()).collect();
    let first = "/api/v1/sites?filter%5Bx%5D=a+b";
    assert_eq!(paths, [first.to_owned(), format!("{first}&limit=200&cursor=two")]);
    let cx = Cx {
        api: fake.api(),
        json: true,
    };
    cx.list(&["sites"], &[], &Page::default(), &[("ID", "/id")], "none")
        .await
        .unwrap();
}

#[tokio::test]
async fn an_operation_is_followed_through_an_outage_to_its_end() {
    let count = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => say(
            200,
            json!({"state": "running", "steps": [{"key": "a", "title": "Unpack", "state": "running"}]}),
        ),
        1 => say(503, "away"),
        2 => say(
            200,
            json!({"state": "succeeded", "steps": [{"key": "a", "title": "Unpack", "state": "done"}]}),
        ),
        _ => say(
            200,
            json!({"state": "failed", "steps": [], "error": {"code": "x", "message": "the archive is damaged"}}),
        ),
    })
    .await;
    let cx = Cx {
        api: fake.api(),
        json: false,
    };
    assert_eq!(
        operation::follow(&cx, "op_1").await.unwrap().text("/state"),
        "succeeded"
    );
    let failure = operation::follow(&cx, "op_1").await.unwrap_err();
    assert_eq!(failure.exit_code(), 10);
    assert!(failure.to_string().contains("the archive is damaged"));
}

#[test]
fn a_fingerprint_is_that_of_the_certificate() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, made.cert.der());
    let expected = crate::cli::hex(hash.as_ref());
    let shown = fingerprint(&made.cert.pem()).unwrap();
    assert_eq!(crate::cli::authority::normal(&shown), expected);
    assert!(shown.starts_with(&expected[..2].to_ascii_uppercase()) && shown.as_bytes()[2] == b':');
    assert_eq!(fingerprint("nothing").unwrap_err().exit_code(), 7);
}
