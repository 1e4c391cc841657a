use std::io::Write;

use super::rig::{Reply, Rig, connect, read_all, read_head, site};

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("a/index.html", "home");
    rig.host("a.example", site("a"));
    rig
}

/// Everything the server says to these bytes until it closes.
fn converse(rig: &Rig, bytes: &str) -> String {
    let mut stream = connect(rig.http());
    stream.write_all(bytes.as_bytes()).unwrap();
    String::from_utf8(read_all(&mut stream)).unwrap()
}

#[test]
fn requests_with_two_framings_are_refused_and_the_connection_closed() {
    let rig = rig();
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x4\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: a\r\n continued\r\n",
        "Content Length: 4\r\n",
    ] {
        let answer = converse(
            &rig,
            &format!("POST / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n{smuggled}"),
        );
        assert!(answer.starts_with("HTTP/1.1 400"), "{fields:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{fields:?}: {answer}");
    }
}

#[test]
fn a_chunked_request_behind_another_in_one_packet_is_understood_and_an_unclear_one_refused() {
    let rig = rig();
    let first = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let second = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    let unclear = second.replacen("\r\n", "\r\nContent-Length: 5\r\n", 1);
    for (sent, statuses) in [
        (format!("{first}{second}{last}"), &["200", "405", "200"][..]),
        (format!("{first}{unclear}{last}"), &["200", "400"]),
    ] {
        let answer = converse(&rig, &sent);
        let found = answer.match_indices("HTTP/1.1 ");
        let found: Vec<&str> = found.map(|(at, _)| &answer[at + 9..at + 12]).collect();
        assert_eq!(found, statuses);
    }
}

#[test]
fn an_ordinary_chunked_request_is_understood_even_in_pieces() {
    let rig = rig();
    let mut stream = connect(rig.http());
    for round in 0..2 {
        for piece in [
            "POST / HT",
            "TP/1.1\r\nHost: a.example\r\nTransfer-Enc",
            "oding: chunked\r\n",
            "\r\n4\r\nabcd\r\n0\r\n\r\n",
        ] {
            stream.write_all(piece.as_bytes()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let head = read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 405"), "{round}: {head}");
        let length: usize = Reply::parse(head.as_bytes())
            .field("content-length")
            .unwrap()
            .parse()
            .unwrap();
        std::io::Read::read_exact(&mut stream, &mut vec![0; length]).unwrap();
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let rig = rig();
    rig.write("a/b.html", "second");
    let answer = converse(
        &rig,
        "GET / HTTP/1.1\r\nHost: a.example\r\n\r\nGET /b.html HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    );
    assert!(
        answer.find("home").unwrap() < answer.find("second").unwrap(),
        "{answer}"
    );
}

#[test]
fn garbage_is_answered_with_400_or_silence() {
    let rig = rig();
    for bytes in [
        "\r\n\r\nnonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    ] {
        let answer = converse(&rig, bytes);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{bytes:?}: {answer}"
        );
    }
}

#[test]
fn a_head_that_is_too_large_is_answered_with_431() {
    let rig = rig();
    let answer = converse(
        &rig,
        &format!("GET / HTTP/1.1\r\nHost: a.example\r\nX: {}\r\n\r\n", "x".repeat(70_000)),
    );
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many: String = (0..200).map(|n| format!("X-{n}: x\r\n")).collect();
    let answer = converse(&rig, &format!("GET / HTTP/1.1\r\nHost: a.example\r\n{many}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[test]
fn tunnels_are_not_offered() {
    let rig = rig();
    let reply = rig.ask("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nConnection: close\r\n\r\n");
    assert_eq!(reply.status, 405);
    assert_eq!(
        rig.ask("OPTIONS * HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
            .status,
        405
    );
}
