//! Clients that keep a connection until the server ends it, and then open another. They send no request twice.

use super::RawAnswer;
use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A request: a page, or a service's request with its API key.
pub enum Question<'a> {
    Page { path: &'a str },
    Service { path: &'a str, key: &'a str, json: &'a str },
}

impl Question<'_> {
    pub fn path(&self) -> &str {
        match self {
            Self::Page { path } | Self::Service { path, .. } => path,
        }
    }
}

pub enum Kept {
    Http1(Http1),
    Http2(Http2),
}

impl Kept {
    pub fn http1(port: u16) -> Self {
        Self::Http1(Http1 { port, stream: None, told: 0 })
    }

    /// Creates a client that speaks HTTP/2 without asking (prior knowledge).
    pub fn http2(port: u16) -> Self {
        Self::Http2(Http2 { port, sender: None, told: 0 })
    }

    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// When the request is lost: no connection, or no complete answer.
    pub async fn ask(&mut self, question: &Question<'_>) -> Result<RawAnswer, String> {
        match self {
            Self::Http1(client) => client.ask(question).await.map_err(|error| format!("{error:?}")),
            Self::Http2(client) => client.ask(question).await,
        }
    }

    /// Returns how often the server told it to go: `Connection: close`, or GOAWAY.
    pub fn told(&self) -> u64 {
        match self {
            Self::Http1(client) => client.told,
            Self::Http2(client) => client.told,
        }
    }
}

pub struct Http1 {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
    told: u64,
}

impl Http1 {
    async fn ask(&mut self, question: &Question<'_>) -> io::Result<RawAnswer> {
        let host = format!("HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", self.port);
        let request = match question {
            Question::Page { path } => format!("GET {path} {host}\r\n"),
            Question::Service { path, key, json } => format!(
                "POST {path} {host}Authorization: ApiKey {key}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{json}",
                json.len()
            ),
        };
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(("127.0.0.1", self.port)).await?),
        };
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            if stream.read_line(&mut text).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status =
            text.get(9..12).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let mut answer = RawAnswer { status, text };
        let size = answer.header("content-length").and_then(|size| size.parse().ok());
        let mut body = vec![0; size.ok_or(io::ErrorKind::InvalidData)?];
        stream.read_exact(&mut body).await?;
        if answer.header("connection").is_some_and(|word| word.eq_ignore_ascii_case("close")) {
            self.told += 1;
        } else {
            self.stream = Some(stream);
        }
        answer.text.push_str(&String::from_utf8_lossy(&body));
        Ok(answer)
    }
}

pub struct Http2 {
    port: u16,
    sender: Option<SendRequest<Full<Bytes>>>,
    told: u64,
}

impl Http2 {
    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream =
            TcpStream::connect(("127.0.0.1", self.port)).await.map_err(|error| format!("{error:?}"))?;
        let made = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(|error| format!("{error:?}"))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn request(&self, question: &Question<'_>) -> Request<Full<Bytes>> {
        let address = |path: &str| format!("http://127.0.0.1:{}{path}", self.port);
        let made = match question {
            Question::Page { path } => Request::get(address(path)).body(Full::default()),
            Question::Service { path, key, json } => Request::post(address(path))
                .header("authorization", format!("ApiKey {key}"))
                .header("content-type", "application/json")
                .body(Bytes::copy_from_slice(json.as_bytes()).into()),
        };
        made.expect("a request")
    }

    async fn ask(&mut self, question: &Question<'_>) -> Result<RawAnswer, String> {
        let mut request = self.request(question);
        loop {
            let mut sender = match self.sender.take() {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            if sender.ready().await.is_err() {
                self.told += 1;
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => {
                    self.sender = Some(sender);
                    let status = response.status().as_u16();
                    let body = response.into_body().collect().await.map_err(|error| format!("{error:?}"))?;
                    let text = format!("\r\n\r\n{}", String::from_utf8_lossy(&body.to_bytes()));
                    return Ok(RawAnswer { status, text });
                }
                // A request that comes back was never on its way: GOAWAY came first.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => {
                        self.told += 1;
                        request = unsent;
                    }
                    None => return Err(format!("{:?}", error.into_error())),
                },
            }
        }
    }
}
