//! A client that sends exactly the bytes it is given.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The answer to a request.
pub struct RawAnswer {
    pub status: u16,
    pub text: String,
}

impl RawAnswer {
    /// Returns the body as JSON, or null when it is none.
    pub fn json(&self) -> serde_json::Value {
        let body = self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the session cookie that was set, ready to be sent back.
    pub fn cookie(&self) -> Option<String> {
        let pair = self.header("set-cookie")?.split(';').next()?;
        pair.starts_with("keystead-").then(|| pair.to_owned())
    }
}

/// A connection.
pub struct Raw(TcpStream);

impl Raw {
    pub async fn connect(port: u16) -> Self {
        Self(TcpStream::connect(("127.0.0.1", port)).await.expect("a connection"))
    }

    /// Requests a page from another network than the tests' other clients.
    pub async fn get_from_elsewhere(port: u16, path: &str) -> RawAnswer {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 9], 0).into()).expect("an address of this machine");
        let stream = socket.connect(([127, 0, 0, 1], port).into()).await.expect("a connection");
        let answer = Self(stream).asked(Self::question(port, path, "")).await;
        answer.unwrap_or_else(|| RawAnswer { status: 0, text: String::new() })
    }

    /// Sends bytes; returns whether the server accepted them within ten seconds.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = tokio::time::timeout(Duration::from_secs(10), self.0.write_all(bytes)).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// Reads for a while; returns whether the connection was closed meanwhile.
    pub async fn closed_within(&mut self, patience: Duration, said: &mut Vec<u8>) -> bool {
        let listen = async { while self.0.read_buf(said).await.is_ok_and(|count| count > 0) {} };
        tokio::time::timeout(patience, listen).await.is_ok()
    }

    pub async fn rest(&mut self, patience: Duration) -> String {
        let mut said = Vec::new();
        let _ = tokio::time::timeout(patience, self.0.read_to_end(&mut said)).await;
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Reads the first bytes of the answer.
    pub async fn some(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        let count = self.0.read(&mut bytes).await.expect("an answer");
        bytes.truncate(count);
        bytes
    }

    async fn try_ask(port: u16, request: String) -> Option<RawAnswer> {
        Self(TcpStream::connect(("127.0.0.1", port)).await.ok()?).asked(request).await
    }

    async fn asked(mut self, request: String) -> Option<RawAnswer> {
        self.send(request.as_bytes()).await;
        let text = self.rest(Duration::from_secs(30)).await;
        let status = text.get(9..12).and_then(|status| status.parse().ok())?;
        text.contains("\r\n\r\n").then_some(RawAnswer { status, text })
    }

    /// Sends a request word for word.
    pub async fn say(port: u16, request: String) -> RawAnswer {
        Self::ask(port, request).await
    }

    async fn ask(port: u16, request: String) -> RawAnswer {
        let answer = Self::try_ask(port, request).await;
        answer.unwrap_or_else(|| RawAnswer { status: 0, text: String::new() })
    }

    fn question(port: u16, path: &str, cookie: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
        format!("{head}Cookie: {cookie}\r\n\r\n")
    }

    /// Returns `None` when no server listens, or when the connection broke before the answer.
    pub async fn try_get(port: u16, path: &str, cookie: &str) -> Option<RawAnswer> {
        Self::try_ask(port, Self::question(port, path, cookie)).await
    }

    pub async fn get(port: u16, path: &str, cookie: &str) -> RawAnswer {
        Self::ask(port, Self::question(port, path, cookie)).await
    }

    pub async fn post(port: u16, path: &str, cookie: &str, form: &str) -> RawAnswer {
        Self::post_with(port, path, &format!("Cookie: {cookie}\r\n"), form).await
    }

    /// Returns `None` as [`Raw::try_get`] does.
    pub async fn try_post(port: u16, path: &str, cookie: &str, form: &str) -> Option<RawAnswer> {
        Self::try_ask(port, Self::command(port, path, &format!("Cookie: {cookie}\r\n"), form)).await
    }

    /// Sends a service's request: JSON, with an API key. Returns `None` when the connection broke before the answer.
    pub async fn try_service(port: u16, path: &str, key: &str, json: &str) -> Option<RawAnswer> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nAuthorization: ApiKey {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n",
            json.len()
        );
        Self::try_ask(port, format!("{head}\r\n{json}")).await
    }

    async fn post_with(port: u16, path: &str, more: &str, form: &str) -> RawAnswer {
        Self::ask(port, Self::command(port, path, more, form)).await
    }

    fn command(port: u16, path: &str, more: &str, form: &str) -> String {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            form.len()
        );
        format!("{head}{more}\r\n{form}")
    }

    pub async fn sign_in(port: u16, email: &str, password: &str) -> RawAnswer {
        Self::sign_in_from(port, 0, email, password).await
    }

    /// Signs in as through a proxy, so that each try can come from a network of its own.
    pub async fn sign_in_from(port: u16, network: u16, email: &str, password: &str) -> RawAnswer {
        let [high, low] = network.to_be_bytes();
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("email", email)
            .append_pair("password", password)
            .finish();
        Self::post_with(port, "/sign-in", &format!("X-Forwarded-For: 10.1.{high}.{low}\r\n"), &form).await
    }
}
