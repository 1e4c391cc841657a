use axum::body::Body;
use axum::extract::Request;
use axum::routing::post;
use axum::{Router, middleware};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::read_leftover;

/// A server that refuses every body after its first bytes.
fn refusing(folder: &std::path::Path) -> std::path::PathBuf {
    let refuse = async |request: Request| {
        let mut body = request.into_body();
        http_body_util::BodyExt::frame(&mut body).await;
        (StatusCode::INSUFFICIENT_STORAGE, Body::from("refused"))
    };
    let app = Router::new()
        .route("/", post(refuse))
        .layer(middleware::from_fn(read_leftover));
    let socket = folder.join("http.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    tokio::spawn(async move { axum::serve(listener, app).await });
    socket
}

async fn answer(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    while !text.ends_with("refused") {
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(read > 0, "broken off after {text:?}");
        text += std::str::from_utf8(&bytes[..read]).unwrap();
    }
    text
}

#[tokio::test]
async fn who_is_refused_in_the_middle_of_sending_can_send_on_and_ask_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = UnixStream::connect(refusing(folder.path())).await.unwrap();
    for _ in 0..2 {
        let length = 8 * 1024 * 1024;
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; length / 2]).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 507 "));
        stream.write_all(&vec![b'x'; length / 2]).await.unwrap();
    }
}

#[tokio::test]
async fn who_sends_without_end_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = UnixStream::connect(refusing(folder.path())).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 507 "));
    let chunk = vec![b'x'; 1024 * 1024];
    let mut sent = 0;
    while stream.write_all(&chunk).await.is_ok() {
        sent += 1;
        assert!(sent < 64, "all of it is read");
    }
    assert!(sent >= 15, "{sent} MiB");
}
