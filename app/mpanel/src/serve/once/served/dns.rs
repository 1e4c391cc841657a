//! One question of a name server: who is responsible for the zone.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// Two processes share the port, and the kernel chooses one by the client's port: so often both are asked, but for one time in
/// thirty thousand.
const TIMES: u16 = 16;
const PATIENCE: Duration = Duration::from_secs(2);
const SOA: u16 = 6;

/// Asks for the zone's SOA, over UDP and TCP.
pub(super) async fn zone(server: SocketAddr, apex: &str) -> Result<(), String> {
    for id in 0..TIMES {
        let question = question(id, apex);
        for (protocol, answer) in [
            ("UDP", within(udp(server, &question)).await),
            ("TCP", within(tcp(server, &question)).await),
        ] {
            answer
                .and_then(|answer| check(&question, &answer))
                .map_err(|error| format!("the name servers do not answer for {apex} over {protocol}: {error}"))?;
        }
    }
    Ok(())
}

async fn within(answer: impl Future<Output = anyhow::Result<Vec<u8>>>) -> anyhow::Result<Vec<u8>> {
    tokio::time::timeout(PATIENCE, answer).await?
}

async fn udp(server: SocketAddr, question: &[u8]) -> anyhow::Result<Vec<u8>> {
    let own: SocketAddr = match server {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn tcp(server: SocketAddr, question: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let mut message = u16::try_from(question.len())?.to_be_bytes().to_vec();
    message.extend_from_slice(question);
    stream.write_all(&message).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// RFC 1035 §4.1.
pub(super) fn question(id: u16, apex: &str) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in apex.split('.').filter(|label| !label.is_empty()) {
        // An apex is a valid name: its labels have 63 bytes at most.
        message.push(u8::try_from(label.len()).unwrap_or(63));
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend(SOA.to_be_bytes());
    message.extend(1_u16.to_be_bytes());
    message
}

/// An authoritative answer to this question with something in it.
pub(super) fn check(question: &[u8], answer: &[u8]) -> anyhow::Result<()> {
    ensure!(
        answer.len() >= 12 && answer[..2] == question[..2],
        "it answers something else"
    );
    let (flags, code) = (answer[2], answer[3] & 0x0f);
    ensure!(flags & 0x80 != 0, "it answers by a question");
    ensure!(code == 0, "it answers with code {code}");
    ensure!(flags & 0x04 != 0, "it does not answer by itself");
    ensure!(answer[6..8] != [0, 0], "it answers nothing");
    Ok(())
}
