//! Who may call, and what is no call.

use std::io::{IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use mpanel_agent_protocol::protocol::{FrameError, Response, read_frame};
use mpanel_agent_protocol::{Agent, ArchiveFormat, Error, Failure, Timeouts, UnixAgent};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::geteuid;
use serde_json::{Value, json};

use crate::node::{Node, blob, is_root, request};

fn frame(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat()
}

fn connect(node: &Node) -> UnixStream {
    let stream = UnixStream::connect(node.data.path().join("agent.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

async fn greeted(node: &Node) -> UnixStream {
    node.agent.version().await.unwrap();
    let mut stream = connect(node);
    stream.write_all(&frame(&json!({"protocol": 1}))).unwrap();
    assert!(matches!(read_frame(&mut stream), Ok(Some(Response::Welcome(_)))));
    stream
}

fn refusal(stream: &mut UnixStream) -> Failure {
    match read_frame(stream) {
        Ok(Some(Response::Failed(failure))) => failure,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn send_with(stream: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
    let sent = sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).unwrap();
    assert_eq!(sent, bytes.len());
}

#[tokio::test]
async fn a_peer_with_another_uid_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let socket = data.path().join("agent.sock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpanel-agent"));
    command
        .arg("--data")
        .arg(data.path())
        .arg("--socket")
        .arg(&socket)
        .stderr(Stdio::piped());
    // Root is no exception: only who is named may call.
    command.args(["--allow-uid", "299999"]);
    if is_root() {
        command.args(["--edge-gid", "299998"])
    } else {
        command.arg("--rootless")
    };
    let mut child = command.spawn().unwrap();
    let agent = UnixAgent::new(socket);
    let uid = geteuid().as_raw();
    let answer = agent.list_sites().await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        matches!(answer, Err(Error::Failed(Failure::Denied { uid: told })) if told == uid),
        "{answer:?}"
    );
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let line: Value = log
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .find(|l: &Value| l["message"] == "peer refused")
        .unwrap();
    assert_eq!(line["peer_uid"], uid);
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused() {
    let node = Node::start();
    node.agent.version().await.unwrap();
    let mut stream = connect(&node);
    stream.write_all(&frame(&json!({"protocol": 2}))).unwrap();
    assert_eq!(refusal(&mut stream), Failure::UnsupportedProtocol { protocol: 1 });
    assert!(matches!(read_frame::<Response>(&mut stream), Ok(None)));
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_ends_the_connection() {
    let node = Node::start();
    let unpack = serde_json::to_value(request(ArchiveFormat::Zip)).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut request = json!({ "unpack_release": unpack });
        *request.pointer_mut(pointer).unwrap() = value;
        request
    };
    let mut extra = json!({ "unpack_release": unpack });
    extra["unpack_release"]["chown"] = json!("root");
    let cases = [
        json!({"run": {"command": "id"}}),
        json!("version"),
        json!({"version": {}, "list_sites": {}}),
        json!({"version": {"verbose": true}}),
        extra,
        with("/unpack_release/site", json!("../../etc")),
        with("/unpack_release/site", json!("site_$(reboot)")),
        with("/unpack_release/release", unpack["site"].clone()),
        with("/unpack_release/uid", json!(0)),
        with("/unpack_release/uid", json!(199_999)),
        with("/unpack_release/uid", json!(4_294_967_295_u32)),
        with("/unpack_release/gid", json!(0)),
        with("/unpack_release/format", json!("rar")),
        with("/unpack_release/limits/max_files", json!(-1)),
    ];
    for case in cases {
        let mut stream = greeted(&node).await;
        stream.write_all(&frame(&case)).unwrap();
        assert!(matches!(refusal(&mut stream), Failure::BadRequest { .. }), "{case}");
        assert!(matches!(read_frame::<Response>(&mut stream), Ok(None)), "{case}");
    }
    let mut stream = greeted(&node).await;
    stream.write_all(&[0xff; 8]).unwrap();
    assert!(matches!(refusal(&mut stream), Failure::BadRequest { .. }));
    assert_eq!(std::fs::read_dir(node.sites()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_blob_must_be_one_regular_file_open_for_reading() {
    let node = Node::start();
    let file = blob(b"x");
    let (pipe, _writer) = std::io::pipe().unwrap();
    let folder = std::fs::File::open(node.data.path()).unwrap();
    let path = node.data.path().join("write-only");
    let write_only = std::fs::File::create(&path).unwrap();
    let unpack = frame(&json!({ "unpack_release": request(ArchiveFormat::Zip) }));
    for fd in [pipe.as_fd(), folder.as_fd(), write_only.as_fd()] {
        let mut stream = greeted(&node).await;
        send_with(&stream, &unpack, &[fd]);
        assert!(matches!(refusal(&mut stream), Failure::BadRequest { .. }));
    }
    let mut stream = greeted(&node).await;
    stream.write_all(&unpack).unwrap();
    assert_eq!(
        refusal(&mut stream),
        Failure::BadRequest {
            detail: "descriptor is missing".to_owned()
        }
    );
    send_with(&stream, &frame(&json!({"list_sites": {}})), &[file.as_fd()]);
    assert_eq!(
        refusal(&mut stream),
        Failure::BadRequest {
            detail: "unexpected descriptor".to_owned()
        }
    );
    for count in [2, 8] {
        let mut stream = greeted(&node).await;
        send_with(&stream, &unpack, &vec![file.as_fd(); count]);
        assert!(matches!(
            read_frame::<Response>(&mut stream),
            Ok(None) | Err(FrameError::Io(_))
        ));
    }
    assert_eq!(std::fs::read_dir(node.sites()).unwrap().count(), 0);
}

#[tokio::test]
async fn too_many_connections_are_turned_away_and_places_come_back() {
    let node = Node::start();
    let mut held = Vec::new();
    for _ in 0..32 {
        held.push(greeted_quietly(&node).await);
    }
    let quick = Timeouts {
        connect: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let agent = UnixAgent::with_timeouts(node.data.path().join("agent.sock"), quick);
    let answer = agent.version().await;
    assert!(
        matches!(
            answer,
            Err(Error::Failed(Failure::Overloaded {}) | Error::Unreachable(_))
        ),
        "{answer:?}"
    );
    drop(held);
    let agent = &node.agent;
    let mut tries = 0;
    while agent.version().await.is_err() {
        tries += 1;
        assert!(tries < 1000, "no place came back");
    }
}

/// Without the call that waits for the agent, once it is up.
async fn greeted_quietly(node: &Node) -> UnixStream {
    if !node.data.path().join("agent.sock").exists() {
        return greeted(node).await;
    }
    let mut stream = connect(node);
    stream.write_all(&frame(&json!({"protocol": 1}))).unwrap();
    assert!(matches!(read_frame(&mut stream), Ok(Some(Response::Welcome(_)))));
    stream
}

#[tokio::test]
async fn an_inherited_socket_is_taken_by_name() {
    let data = tempfile::tempdir().unwrap();
    let socket = data.path().join("agent.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    // Its number is whatever it is here; the names before it stand for other processes' sockets.
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&listener);
    let names: Vec<String> = (3..=number)
        .map(|fd| {
            if fd == number {
                "agent".to_owned()
            } else {
                format!("other{fd}")
            }
        })
        .collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpanel-agent"));
    command
        .env_clear()
        .env("LISTEN_FDS", names.len().to_string())
        .env("LISTEN_FDNAMES", names.join(":"));
    command
        .arg("--data")
        .arg(data.path())
        .args(["--allow-uid", &geteuid().as_raw().to_string()]);
    if is_root() {
        command.args(["--edge-gid", "299998"])
    } else {
        command.arg("--rootless")
    };
    let mut child = command.spawn().unwrap();
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::CLOEXEC).unwrap();
    let info = UnixAgent::new(&socket).version().await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(info.unwrap().rootless, !is_root());
}
