//! Asking `serve` whether it is ready.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const REQUEST: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Returns once `GET /readyz` over the socket has answered 200. The connection waits in the listener's queue while `serve` starts.
pub async fn wait(socket: &Path) {
    let mut pause = Duration::from_millis(10);
    loop {
        if now(socket).await {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// Whether it answers now.
///
/// # Errors
/// When this process gets no descriptors to ask with.
pub fn once(socket: &Path) -> std::io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(now(socket)))
}

/// The same for who has a runtime.
pub async fn now(socket: &Path) -> bool {
    let answer = tokio::time::timeout(Duration::from_secs(2), ask(socket)).await;
    matches!(answer, Ok(Ok(true)))
}

async fn ask(socket: &Path) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(REQUEST).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(&head == b"HTTP/1.1 200" || &head == b"HTTP/1.0 200")
}
