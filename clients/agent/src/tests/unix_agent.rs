use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use crate::protocol::{AgentInfo, Hello, PROTOCOL, Request, Response, read_frame, write_frame};
use crate::{Agent, Error, Timeouts, UnixAgent};

fn info() -> AgentInfo {
    AgentInfo {
        protocol: PROTOCOL,
        version: "1".to_owned(),
        rootless: true,
    }
}

fn welcome(stream: &mut UnixStream) -> Request {
    let hello: Hello = read_frame(stream).unwrap().unwrap();
    assert_eq!(hello.protocol, PROTOCOL);
    write_frame(stream, &Response::Welcome(info())).unwrap();
    read_frame(stream).unwrap().unwrap()
}

fn quick() -> Timeouts {
    let short = Duration::from_millis(200);
    Timeouts {
        connect: Duration::from_secs(20),
        answer: short,
        work: short,
    }
}

#[tokio::test]
async fn a_restart_of_the_agent_goes_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let agent = UnixAgent::with_timeouts(&socket, Timeouts::default());
    let server = thread::spawn(move || {
        // First nobody is there, then one hangs up in the handshake, then one answers.
        let listener = UnixListener::bind(socket).unwrap();
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(welcome(&mut stream), Request::Version {});
        write_frame(&mut stream, &Response::Version(info())).unwrap();
    });
    assert_eq!(agent.version().await.unwrap(), info());
    server.join().unwrap();
}

#[tokio::test]
async fn a_silent_agent_times_out() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        welcome(&mut stream);
        // Until the caller hangs up.
        assert!(read_frame::<Request>(&mut stream).unwrap().is_none());
    });
    let answer = UnixAgent::with_timeouts(socket, quick()).version().await;
    assert!(matches!(answer, Err(Error::TimedOut(_))) && server.join().is_ok());
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_transient() {
    let dir = tempfile::tempdir().unwrap();
    let timeouts = Timeouts {
        connect: Duration::from_millis(120),
        ..Timeouts::default()
    };
    let error = UnixAgent::with_timeouts(dir.path().join("s"), timeouts)
        .version()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)) && error.is_transient());
}

#[tokio::test]
async fn another_program_is_no_agent() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Closing while the question is on its way would say something else. How the asker hangs up does not matter.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let error = UnixAgent::new(socket).version().await.unwrap_err();
    server.join().unwrap();
    assert!(
        matches!(error, Error::Protocol(_)) && !error.is_transient(),
        "{error:?}"
    );
}
