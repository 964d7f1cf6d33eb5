//! A minimal HTTP client: enough to set a server up and to send it single requests.

use anyhow::{Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub struct Client {
    stream: BufReader<TcpStream>,
    headers: String,
}

impl Client {
    /// # Errors
    /// When no server listens on the port.
    pub fn open(port: u16, headers: &[(String, String)]) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Ok(Self { stream: BufReader::new(stream), headers })
    }

    /// Sends a request, for example `POST /path`; returns the body of the answer.
    ///
    /// # Errors
    /// When the answer is no success.
    pub fn ask(&mut self, what: &str, body: &str) -> Result<String> {
        let (headers, length) = (&self.headers, body.len());
        let head = format!("{what} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.stream.get_mut().write_all(format!("{head}{body}").as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let is_done = line.starts_with("HTTP/1.1 20");
        let mut length = 0;
        loop {
            let mut header = String::new();
            self.stream.read_line(&mut header)?;
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        let answer = String::from_utf8(answer)?;
        ensure!(is_done, "{what} was answered with {line}{answer}");
        Ok(answer)
    }
}
