use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Peer, Received, strict};
use crate::Encryption;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Wire = BufReader<Box<dyn Stream>>;

/// What a client has said so far.
#[derive(Default)]
struct Said {
    hello: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// What follows an answer.
enum Next {
    Answer(String),
    StartTls,
    Data,
    Quit,
}

pub async fn hold(peer: Peer, socket: TcpStream) {
    let implicit = peer.0.options.encryption == Some(Encryption::Implicit);
    let stream: Box<dyn Stream> = match implicit {
        false => Box::new(socket),
        true => match peer.0.acceptor.accept(socket).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
    };
    // Whoever goes away in the middle of a conversation ends it.
    let _gone = talk(&peer, BufReader::new(stream), implicit).await;
}

async fn talk(peer: &Peer, mut wire: Wire, mut tls: bool) -> std::io::Result<()> {
    say(&mut wire, "220 localhost ESMTP strict").await?;
    let mut said = Said::default();
    loop {
        let mut line = Vec::new();
        if wire.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let next = match strict::command(&line) {
            Ok(command) => obey(peer, &mut said, command, tls),
            Err(offence) => Next::Answer(offence.to_owned()),
        };
        match next {
            Next::Answer(answer) => {
                if answer.starts_with('5') && !answer.starts_with("550 5.1.1") {
                    let what = format!("{answer}: {}", String::from_utf8_lossy(&line).trim_end());
                    peer.state(|state| state.offences.push(what));
                }
                say(&mut wire, &answer).await?;
            }
            Next::Quit => return say(&mut wire, "221 2.0.0 bye").await,
            Next::Data => {
                say(&mut wire, "354 go on").await?;
                let answer = take(peer, &mut wire, &mut said, tls).await?;
                say(&mut wire, &answer).await?;
            }
            Next::StartTls => {
                say(&mut wire, "220 2.0.0 ready").await?;
                // What came before TLS and was not answered yet is nobody's command (CVE-2011-0411).
                if !wire.buffer().is_empty() {
                    peer.state(|state| state.offences.push("commands sent ahead of TLS".to_owned()));
                    return Ok(());
                }
                let stream = peer.0.acceptor.accept(wire.into_inner()).await?;
                wire = BufReader::new(Box::new(stream));
                (said, tls) = (Said::default(), true);
            }
        }
    }
}

fn obey(peer: &Peer, said: &mut Said, command: &str, tls: bool) -> Next {
    let options = &peer.0.options;
    let offers_tls = options.encryption == Some(Encryption::StartTls) && !tls;
    let (verb, arguments) = command.split_once(' ').unwrap_or((command, ""));
    let answer = match verb.to_ascii_uppercase().as_str() {
        "EHLO" if arguments.is_empty() => "501 5.5.4 EHLO and your name".to_owned(),
        "EHLO" => {
            *said = Said {
                hello: true,
                user: said.user.take(),
                ..Said::default()
            };
            let mut answer = String::from("250-localhost\r\n250-8BITMIME\r\n");
            if offers_tls {
                answer.push_str("250-STARTTLS\r\n");
            } else if options.login.is_some() {
                answer.push_str("250-AUTH PLAIN\r\n");
            }
            answer.push_str("250 ENHANCEDSTATUSCODES");
            answer
        }
        "QUIT" => return Next::Quit,
        "NOOP" => "250 2.0.0 yes".to_owned(),
        "RSET" => {
            (said.from, said.to) = (None, Vec::new());
            "250 2.0.0 forgotten".to_owned()
        }
        _ if !said.hello => "503 5.5.1 EHLO first".to_owned(),
        "STARTTLS" if offers_tls => return Next::StartTls,
        "AUTH" if offers_tls => "538 5.7.11 TLS first".to_owned(),
        "AUTH" => sign_in(peer, said, arguments),
        _ if offers_tls => "530 5.7.0 STARTTLS first".to_owned(),
        _ if options.login.is_some() && said.user.is_none() => "530 5.7.0 sign in first".to_owned(),
        "MAIL" if said.from.is_some() => "503 5.5.1 one message at a time".to_owned(),
        "MAIL" => match strict::path(arguments, "FROM:") {
            Ok(from) => {
                said.from = Some(from.to_owned());
                "250 2.1.0 ok".to_owned()
            }
            Err(offence) => offence.to_owned(),
        },
        "RCPT" if said.from.is_none() => "503 5.5.1 MAIL first".to_owned(),
        "RCPT" => match strict::path(arguments, "TO:") {
            Ok(to) => {
                let refused = peer.state(|state| state.refused.iter().find(|(who, _)| who == to).cloned());
                match refused {
                    Some((_, answer)) => answer,
                    None => {
                        said.to.push(to.to_owned());
                        "250 2.1.5 ok".to_owned()
                    }
                }
            }
            Err(offence) => offence.to_owned(),
        },
        "DATA" if said.to.is_empty() => "503 5.5.1 RCPT first".to_owned(),
        "DATA" => return Next::Data,
        _ => "502 5.5.1 no such command".to_owned(),
    };
    Next::Answer(answer)
}

/// `AUTH PLAIN` with its initial response (RFC 4616).
fn sign_in(peer: &Peer, said: &mut Said, arguments: &str) -> String {
    let Some((user, password)) = &peer.0.options.login else {
        return "502 5.5.1 nobody signs in here".to_owned();
    };
    let response = arguments
        .strip_prefix("PLAIN ")
        .and_then(|text| BASE64_STANDARD.decode(text).ok());
    if response == Some(format!("\0{user}\0{password}").into_bytes()) {
        said.user = Some(user.clone());
        "235 2.7.0 welcome".to_owned()
    } else {
        "535 5.7.8 wrong user or password".to_owned()
    }
}

/// Reads a message to its dot, and keeps it if it is one.
async fn take(peer: &Peer, wire: &mut Wire, said: &mut Said, tls: bool) -> std::io::Result<String> {
    let mut data = Vec::new();
    let mut offence = None;
    loop {
        let mut line = Vec::new();
        if wire.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            break;
        }
        match strict::data_line(&line) {
            Ok(text) => {
                data.extend_from_slice(text.strip_prefix(b".").unwrap_or(text));
                data.extend_from_slice(b"\r\n");
            }
            Err(what) => offence = Some(what.to_owned()),
        }
    }
    let data = String::from_utf8_lossy(&data).into_owned();
    let (from, to) = (said.from.take().unwrap_or_default(), std::mem::take(&mut said.to));
    let offence = offence.or_else(|| strict::message(&data).err());
    Ok(peer.state(|state| {
        if let Some(offence) = offence {
            state.offences.push(offence.clone());
            return offence;
        }
        if let Some(answer) = state.answers.pop_front() {
            return answer;
        }
        state.received.push(Received {
            from,
            to,
            data,
            tls,
            user: said.user.clone(),
        });
        format!("250 2.0.0 taken as {}", state.received.len())
    }))
}

async fn say(wire: &mut Wire, answer: &str) -> std::io::Result<()> {
    wire.write_all(format!("{answer}\r\n").as_bytes()).await?;
    wire.flush().await
}
