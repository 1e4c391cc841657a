use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

async fn get(path: &str) -> (StatusCode, http::HeaderMap, Vec<u8>) {
    get_as(path, "text/html").await
}

async fn get_as(path: &str, accept: &str) -> (StatusCode, http::HeaderMap, Vec<u8>) {
    let request = Request::get(path)
        .header(header::ACCEPT, accept)
        .header(header::ACCEPT_ENCODING, "gzip, br")
        .body(Body::empty())
        .unwrap();
    let response = crate::pages().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (
        parts.status,
        parts.headers,
        body.collect().await.unwrap().to_bytes().to_vec(),
    )
}

#[tokio::test]
async fn every_path_without_a_file_is_a_page_of_the_application() {
    for path in ["/", "/claim", "/t/tnt_1/sites"] {
        let (status, headers, body) = get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
        assert!(
            headers[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .contains("script-src 'self';")
        );
        assert!(!body.is_empty());
    }
}

#[tokio::test]
async fn what_the_caller_accepts_does_not_decide_what_a_path_is() {
    for accept in ["*/*", "application/json", "text/html"] {
        assert_eq!(get_as("/t/tnt_1/sites", accept).await.0, StatusCode::OK, "{accept}");
        assert_eq!(
            get_as("/api/v1/nothing", accept).await.0,
            StatusCode::NOT_FOUND,
            "{accept}"
        );
    }
}

#[tokio::test]
async fn a_file_or_operation_that_is_not_there_is_not_found() {
    assert_eq!(get("/assets/gone.js").await.0, StatusCode::NOT_FOUND);
    let (status, headers, _) = get("/api/v1/nothing").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let etag = get("/").await.1[header::ETAG].clone();
    let request = Request::get("/")
        .header(header::IF_NONE_MATCH, etag)
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        crate::pages().oneshot(request).await.unwrap().status(),
        StatusCode::NOT_MODIFIED
    );
}
