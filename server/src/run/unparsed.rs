//! Answers to bytes that are no HTTP request. The HTTP library gives them by itself, with a status and without a body; this
//! adds one that says why, in the words of the door whose address the bytes begin with.

use crate::App;
use crate::api;
use crate::web::headers;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Maximum length of an answer that the library gives by itself. Every answer of Keystead is longer (`headers`).
const BARE: usize = 160;
/// Number of bytes that are remembered of a request: enough for its method and the prefix of a door.
const REMEMBERED: usize = 64;

/// The bytes of a connection.
pub struct Explained<S> {
    stream: S,
    app: App,
    /// The first bytes since the last answer.
    request: [u8; REMEMBERED],
    known: usize,
    /// The answer in place of a bare one, and how much of it has been written.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Explained<S> {
    pub fn new(stream: S, app: App) -> Self {
        Self { stream, app, request: [0; REMEMBERED], known: 0, instead: None }
    }

    fn remember(&mut self, read: &[u8]) {
        let rest = &mut self.request[self.known..];
        let more = rest.len().min(read.len());
        rest[..more].copy_from_slice(&read[..more]);
        self.known += more;
    }

    /// Returns the answer to send in place of a bare one.
    fn instead(&self, bare: &[u8]) -> Option<Vec<u8>> {
        let status = bare_status(bare)?;
        let text = String::from_utf8_lossy(&self.request[..self.known]);
        let path = text.split(' ').nth(1).unwrap_or_default();
        let mut response = match api::in_words(path, status, why(status)) {
            Some(response) => response,
            None => (status, why(status)).into_response(),
        };
        headers::dress(&mut response, self.app.is_https());
        written(response)
    }
}

/// Returns the status of an answer that the library gives by itself.
fn bare_status(answer: &[u8]) -> Option<StatusCode> {
    let is_whole = answer.len() <= BARE && answer.ends_with(b"\r\n\r\n");
    let status = answer.strip_prefix(b"HTTP/1.1 ").filter(|_| is_whole)?.get(..3)?;
    let status = StatusCode::from_bytes(status).ok().filter(StatusCode::is_client_error)?;
    answer.windows(19).any(|line| line == b"content-length: 0\r\n").then_some(status)
}

fn why(status: StatusCode) -> &'static str {
    match status {
        StatusCode::URI_TOO_LONG => "The URL is too long.",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The headers are too large.",
        _ => {
            "This is not a valid HTTP request. A likely cause is a line break (CR or LF) in a header: an API key from a file \
             with the line ends of Windows has a CR at its end."
        }
    }
}

/// Writes a response as HTTP/1.1, the last one of its connection.
fn written(response: Response) -> Option<Vec<u8>> {
    let (parts, body) = response.into_parts();
    // The body is in memory already.
    let body = body.collect().now_or_never()?.ok()?.to_bytes();
    let reason = parts.status.canonical_reason().unwrap_or_default();
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16()).into_bytes();
    for (name, value) in &parts.headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes());
    text.extend(body);
    Some(text)
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.known < REMEMBERED {
            self.remember(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.instead.is_none() {
            this.instead = this.instead(buffer).map(|answer| (answer, 0));
            this.known = 0;
        }
        let Some((answer, done)) = &mut this.instead else {
            return Pin::new(&mut this.stream).poll_write(context, buffer);
        };
        while *done < answer.len() {
            match ready!(Pin::new(&mut this.stream).poll_write(context, &answer[*done..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *done += more,
            }
        }
        this.instead = None;
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [one] = buffers {
            return self.poll_write(context, one);
        }
        self.known = 0;
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_without_a_body_is_bare() {
        let bare = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: Mon, 30 Nov 2026 16:43:38 GMT\r\n\r\n";
        assert_eq!(bare_status(bare), Some(StatusCode::BAD_REQUEST));
        let text = String::from_utf8_lossy(bare);
        for (what, other) in [
            ("another status", text.replace("400 Bad Request", "200 OK")),
            ("a body", text.replace("length: 0", "length: 5") + "abcde"),
            ("a body whose length begins alike", text.replace("length: 0", "length: 05")),
            ("a part", text[..text.len() - 2].to_owned()),
            ("an answer before it", format!("HTTP/1.1 200 OK\r\n\r\n{text}")),
            (
                "more headers than the library gives",
                text.replace("date", &format!("x: {}\r\ndate", "x".repeat(60))),
            ),
            ("nothing", String::new()),
        ] {
            assert_eq!(bare_status(other.as_bytes()), None, "{what}");
        }
    }
}
