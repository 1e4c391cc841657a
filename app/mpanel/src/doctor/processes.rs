//! What should run, and whether it answers.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mpanel_process::procfs;
use tokio::net::{TcpStream, UdpSocket};

use crate::checks::Check;
use crate::up::{ready, state};

const PATIENCE: Duration = Duration::from_secs(2);
/// A question for the root's name servers, which we do not have: every name server answers it, if only to refuse (RFC 1035 §4.1).
const QUESTION: &[u8] = b"\x6d\x70\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01";
const START: &str = "start it: `systemctl start mpanel`, or `mpanel up`";

pub async fn all(data: &Path) -> Vec<Check> {
    let known = state::load(data);
    let mut checks = vec![supervisor(data)];
    let dead: Vec<&str> = known
        .children
        .iter()
        .filter(|child| !lives(child))
        .map(|child| child.name.as_str())
        .collect();
    checks.push(match (known.children.len(), dead.as_slice()) {
        (0, _) => Check::failure("processes", "processes", "none was ever started here", START),
        (all, []) => Check::ok("processes", "processes", format!("all {all} run")),
        (_, dead) => Check::failure(
            "processes",
            "processes",
            format!("not running: {}", dead.join(", ")),
            format!(
                "the supervisor starts them again; why they end stands in {}",
                data.join("logs").display()
            ),
        ),
    });
    checks.push(panel(data).await);
    for (setting, id, title) in [
        ("edge_http", "edge.http", "sites over HTTP"),
        ("edge_https", "edge.https", "sites over HTTPS"),
    ] {
        if let Some(address) = address(&known, setting) {
            checks.push(listens(id, title, address).await);
        }
    }
    if let Some(address) = address(&known, "dns") {
        checks.push(answers(address).await);
    }
    checks
}

/// Whose pid stands in the lock.
fn supervisor(data: &Path) -> Check {
    let (id, title) = ("supervisor", "supervisor");
    let pid = std::fs::read_to_string(data.join("lock")).ok();
    let pid: Option<u32> = pid.and_then(|text| text.trim().parse().ok());
    let runs = |pid: &u32| {
        procfs::stat(*pid).is_some_and(procfs::Stat::is_alive)
            && procfs::name(*pid).is_some_and(|name| name.starts_with("mpanel"))
    };
    match pid.filter(runs) {
        Some(pid) => Check::ok(id, title, format!("runs (pid {pid})")),
        None => Check::failure(
            id,
            title,
            "does not run; sites and DNS may go on without it, and nothing brings them back",
            START,
        ),
    }
}

fn lives(child: &state::Child) -> bool {
    procfs::stat(child.pid).is_some_and(|stat| stat.is_alive() && stat.start == child.start)
}

fn address(known: &state::State, setting: &str) -> Option<SocketAddr> {
    let mut address: SocketAddr = known.addresses.get(setting)?.parse().ok()?;
    // What listens everywhere is asked here.
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    Some(address)
}

async fn panel(data: &Path) -> Check {
    let (id, title) = ("panel", "panel");
    let socket = data.join("run/serve.sock");
    match ready::now(&socket).await {
        true => Check::ok(id, title, "answers, and changes can be made"),
        false => Check::failure(
            id,
            title,
            "does not answer, or has no database",
            format!(
                "see {}; PostgreSQL's messages are beside it",
                data.join("logs/serve.log").display()
            ),
        ),
    }
}

async fn listens(id: &'static str, title: &'static str, address: SocketAddr) -> Check {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Check::ok(id, title, format!("{address} takes connections")),
        Ok(Err(error)) => Check::failure(id, title, format!("{address}: {error}"), START),
        Err(_) => Check::failure(
            id,
            title,
            format!("{address} does not answer"),
            "look whether a firewall is in the way, and into the edge's log",
        ),
    }
}

async fn answers(address: SocketAddr) -> Check {
    let (id, title) = ("dns", "name server");
    let ask = async {
        let own: SocketAddr = match address {
            SocketAddr::V4(_) => ([0; 4], 0).into(),
            SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
        };
        let socket = UdpSocket::bind(own).await?;
        socket.connect(address).await?;
        socket.send(QUESTION).await?;
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer).await?;
        Ok::<_, std::io::Error>(length >= 12 && answer[..2] == QUESTION[..2])
    };
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Ok(true)) => Check::ok(id, title, format!("{address} answers over UDP")),
        Ok(Ok(false)) => Check::failure(id, title, format!("what answers at {address} is no name server"), START),
        Ok(Err(error)) => Check::failure(id, title, format!("{address}: {error}"), START),
        Err(_) => Check::failure(id, title, format!("{address} does not answer over UDP"), START),
    }
}
