use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

/// Reads one request to its end and answers 200.
async fn receive(mut stream: TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap();
            if request.len() >= head.len() + 4 + length.parse::<usize>().unwrap() {
                break;
            }
        }
        assert_ne!(
            stream.read_buf(&mut request).await.unwrap(),
            0,
            "the request ended early"
        );
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_the_configured_collector_when_the_process_ends() {
    super::enable_all();
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", collector.local_addr().unwrap());
    let provider = crate::otlp::provider("mpanel-test", &endpoint).unwrap();
    let subscriber = tracing_subscriber::Registry::default().with(crate::otlp::layer(&provider));
    tracing::subscriber::with_default(subscriber, || {
        let _entered = info_span!("create_site", request_id = "req_42").entered();
    });

    let mut ended = tokio::task::spawn_blocking(move || drop(provider));
    let request = tokio::select! {
        accepted = collector.accept() => receive(accepted.unwrap().0).await,
        _ = &mut ended => panic!("nothing was sent"),
    };
    ended.await.unwrap();
    let text = String::from_utf8_lossy(&request);
    assert!(text.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{text}");
    for part in ["application/x-protobuf", "mpanel-test", "create_site", "req_42"] {
        assert!(text.contains(part), "{part}");
    }
}
