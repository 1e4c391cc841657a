//! One question of the edge, over TLS.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};

const PATIENCE: Duration = Duration::from_secs(5);
/// What anybody may read, and only the panel has.
const PANEL: &str = "/api/v1/setup";

/// Asks for a site's first page. What it answers is the customer's affair, unless it is an error of the server.
pub(super) async fn site(edge: SocketAddr, host: &str) -> Result<(), String> {
    match status(edge, Method::HEAD, host, "/").await {
        Ok(status) if !status.is_server_error() => Ok(()),
        Ok(status) => Err(format!("the edge does not show https://{host}: {status}")),
        Err(error) => Err(format!("the edge does not show https://{host}: {error:#}")),
    }
}

/// Asks for the panel, through the edge.
pub(super) async fn panel(edge: SocketAddr) -> Result<(), String> {
    match status(edge, Method::GET, "localhost", PANEL).await {
        Ok(StatusCode::OK) => Ok(()),
        Ok(status) => Err(format!("the edge does not pass the panel on: {status}")),
        Err(error) => Err(format!("the edge does not pass the panel on: {error:#}")),
    }
}

async fn status(edge: SocketAddr, method: Method, host: &str, path: &str) -> anyhow::Result<StatusCode> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the guard keeps customers from private addresses; this asks the edge of this machine, at its own address"
    )]
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(Policy::none())
        .no_proxy()
        .resolve(host, edge)
        // Whether the certificate is one that people trust is not the edge's doing.
        .tls_danger_accept_invalid_certs(true)
        .build()?;
    let url = format!("https://{host}:{}{path}", edge.port());
    Ok(client.request(method, url).send().await?.status())
}
