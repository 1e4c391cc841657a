//! Stands in for `mpanel serve|edge|dns` and `mpanel-agent` in the supervisor's tests: answers every connection and datagram on
//! its inherited listeners with its process name, pid and uid. As `serve` it also answers `/readyz`.

use std::io::{Read, Write};
use std::thread;

use mpanel_process::inherited::Inherited;

fn main() {
    let mut inherited = Inherited::from_env();
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        arguments
            .iter()
            .skip_while(|argument| *argument != name)
            .nth(1)
            .cloned()
    };
    let process = after("--process").unwrap_or_else(|| "agent".to_owned());
    if std::env::var_os("LANG").is_none() || std::env::vars_os().any(|(name, _)| name == "HOME") {
        panic!("the environment is not the supervisor's");
    }
    let answer = format!("{process} {}\n", std::process::id());
    eprintln!("started with {arguments:?}");

    let mut threads = Vec::new();
    for name in ["edge-http", "edge-https", "panel", "dns-tcp"] {
        if let Some(listener) = inherited.tcp(name).expect("a TCP listener") {
            listener.set_nonblocking(false).expect("a socket can block");
            let answer = answer.clone();
            threads.push(thread::spawn(move || {
                for stream in listener.incoming() {
                    let _gone = stream.and_then(|mut stream| stream.write_all(answer.as_bytes()));
                }
            }));
        }
    }
    for name in ["serve", "feed", "agent"] {
        if let Some(listener) = inherited.unix(name).expect("a Unix listener") {
            listener.set_nonblocking(false).expect("a socket can block");
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
            threads.push(thread::spawn(move || {
                for stream in listener.incoming() {
                    let Ok(mut stream) = stream else { continue };
                    let _request = stream.read(&mut [0; 1024]);
                    let _gone = stream.write_all(answer.as_bytes());
                }
            }));
        }
    }
    if let Some(socket) = inherited.udp("dns-udp").expect("a UDP socket") {
        socket.set_nonblocking(false).expect("a socket can block");
        threads.push(thread::spawn(move || {
            while let Ok((_, peer)) = socket.recv_from(&mut [0; 512]) {
                let _gone = socket.send_to(answer.as_bytes(), peer);
            }
        }));
    }
    for thread in threads {
        thread.join().expect("a listener's thread");
    }
}
