//! A client for HTTP/1.1, as small as measuring asks: one request at a time on a kept-alive connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Longer than any answer that is right.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body of a success.
    ///
    /// # Errors
    /// With what was answered instead.
    pub fn json(&self) -> Result<Value> {
        let text = String::from_utf8_lossy(&self.body);
        ensure!((200..300).contains(&self.status), "answered {}: {text}", self.status);
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }
}

/// Sends `head` (a request line and fields, without the last empty line) and `body`, and reads the answer.
///
/// # Errors
/// When the connection breaks, or what comes is no answer.
pub fn exchange<S: Read + Write>(stream: &mut BufReader<S>, head: &str, body: &[u8]) -> Result<Answer> {
    let mut request = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(body);
    stream.get_mut().write_all(&request)?;
    stream.get_mut().flush()?;
    read(stream)
}

/// Reads one answer.
///
/// # Errors
/// As [`exchange`].
pub fn read(stream: &mut impl BufRead) -> Result<Answer> {
    let status_line = line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("no status line: {status_line:?}"))?;
    let mut headers = Vec::new();
    loop {
        let field = line(stream)?;
        let Some((name, value)) = field.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = line(stream)?;
            let size = usize::from_str_radix(&size, 16).with_context(|| format!("no size of a chunk: {size:?}"))?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk)?;
            if size == 0 {
                break;
            }
            answer.body.extend_from_slice(&chunk[..size]);
        }
    } else if let Some(length) = answer.header("content-length") {
        answer.body = vec![0; length.parse()?];
        stream.read_exact(&mut answer.body)?;
    }
    Ok(answer)
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        bail!("the connection was closed");
    }
    Ok(line.trim_end().to_owned())
}

/// A connection to the panel, and the fields sent with every request.
#[derive(Debug)]
pub struct Api {
    address: SocketAddr,
    fields: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Api {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            fields: String::new(),
            stream: None,
        }
    }

    /// Another connection for the same caller.
    pub fn another(&self) -> Self {
        Self {
            address: self.address,
            fields: self.fields.clone(),
            stream: None,
        }
    }

    pub fn set_field(&mut self, name: &str, value: &str) {
        self.fields += &format!("{name}: {value}\r\n");
    }

    /// The fields as they are sent, each with its line's end.
    pub fn fields(&self) -> &str {
        &self.fields
    }

    /// The fields as arguments for `wrk`.
    pub fn wrk_fields(&self) -> Vec<String> {
        self.fields
            .lines()
            .flat_map(|field| ["-H".to_owned(), field.to_owned()])
            .collect()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// # Errors
    /// When there is no answer.
    pub fn send(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(connect(self.address)?),
        };
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{}", self.address, self.fields);
        if !body.is_empty() {
            head += &format!("Content-Type: {kind}\r\n");
        }
        let answer = exchange(&mut stream, &head, body).with_context(|| format!("{method} {path}"))?;
        if answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    /// # Errors
    /// When the answer is no success.
    pub fn get(&mut self, path: &str) -> Result<Value> {
        let answer = self.send("GET", path, "", &[])?;
        answer.json().with_context(|| format!("GET {path}"))
    }

    /// # Errors
    /// As [`Api::get`].
    pub fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.send("POST", path, "application/json", &serde_json::to_vec(body)?)?;
        answer.json().with_context(|| format!("POST {path}"))
    }
}

/// # Errors
/// When nobody listens.
pub fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The text under a JSON pointer.
///
/// # Errors
/// When there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .with_context(|| format!("no {pointer} in {value}"))
}
