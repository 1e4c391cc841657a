//! A tiny HTTP server that answers as the test says and remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, UnixListener};

use crate::cli::api::{Api, Server, Trust};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    /// With the query.
    pub path: String,
    pub headers: hyper::HeaderMap,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An answer.
pub struct Said {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

pub fn say(status: u16, body: impl ToString) -> Said {
    Said {
        status,
        headers: Vec::new(),
        body: body.to_string(),
    }
}

impl Said {
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// The running server.
#[derive(Clone)]
pub struct Fake {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Answers = Arc<dyn Fn(&Asked) -> Said + Send + Sync>;

impl Fake {
    pub async fn start(answers: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
        };
        let (asked, answers): (_, Answers) = (fake.asked.clone(), Arc::new(answers));
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, asked.clone(), answers.clone());
            }
        });
        fake
    }

    pub async fn over_tls(
        acceptor: tokio_rustls::TlsAcceptor,
        answers: impl Fn(&Asked) -> Said + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
        };
        let (asked, answers): (_, Answers) = (fake.asked.clone(), Arc::new(answers));
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, asked, answers) = (acceptor.clone(), asked.clone(), answers.clone());
                spawn(async move {
                    // A client that does not believe the certificate leaves.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, asked, answers);
                    }
                });
            }
        });
        fake
    }

    pub fn on_socket(path: &std::path::Path, answers: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let fake = Self {
            port: 0,
            asked: Arc::default(),
        };
        let (asked, answers): (_, Answers) = (fake.asked.clone(), Arc::new(answers));
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, asked.clone(), answers.clone());
            }
        });
        fake
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub fn https_url(&self) -> String {
        format!("https://127.0.0.1:{}/", self.port)
    }

    pub fn api(&self) -> Api {
        Api::new(&Server::parse(&self.url()).unwrap(), &Trust::System).unwrap()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve<S>(stream: S, asked: Arc<Mutex<Vec<Asked>>>, answers: Answers)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (asked, answers) = (asked.clone(), answers.clone());
        async move {
            let (parts, body) = request.into_parts();
            let one = Asked {
                method: parts.method,
                path: parts.uri.to_string(),
                headers: parts.headers,
                body: body.collect().await.unwrap().to_bytes().to_vec(),
            };
            let said = answers(&one);
            asked.lock().unwrap().push(one);
            let mut response = Response::builder().status(said.status);
            for (name, value) in said.headers {
                response = response.header(name, value);
            }
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(said.body))).unwrap())
        }
    });
    spawn(async move {
        // A client that leaves is no failure of the test.
        let _left = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    });
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    drop(tokio::spawn(task));
}
