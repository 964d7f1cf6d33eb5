//! The bound on answers. An endpoint that answers without end must not fill the memory of this server.
//!
//! The HTTP library bounds the rest: 100 headers and about 400 KiB before the body, 16 KiB after it, 16 KiB of chunk extensions.
//! It keeps nothing of answers 1xx. Over HTTP/2 it takes at most 5 MiB that nobody has read yet from one connection.

use aws_sdk_kms::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// Maximum bytes of an answer's body. The longest answer of KMS that Keystead reads has about 9 KiB.
const BODY: usize = 64 * 1024;

/// Returns a client that reads at most [`BODY`] bytes of each answer, whatever its status.
pub fn client(inner: SharedHttpClient) -> SharedHttpClient {
    http_client_fn(move |settings, components| {
        SharedHttpConnector::new(Bounded(inner.http_connector(settings, components)))
    })
}

#[derive(Debug)]
struct Bounded(SharedHttpConnector);

#[derive(Debug, thiserror::Error)]
#[error("the answer is longer than {BODY} bytes")]
struct TooLong;

impl HttpConnector for Bounded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { bound(answer.await?) })
    }
}

fn bound(answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    if answer.body().content_length().is_some_and(|bytes| bytes > BODY as u64) {
        return Err(ConnectorError::other(TooLong.into(), None));
    }
    Ok(answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, BODY))))
}

#[cfg(test)]
mod tests {
    use crate::SecretText;
    use crate::custody::kms::{Failure, For, Kms, KmsCredentials, Settings};
    use crate::testing::kms::{ARN, SECRET, access_key_id, arn, data_key, region};
    use data_encoding::BASE64;
    use domain::base::id::ScopeId;
    use domain::custody::customer_key::CustomerKey;
    use domain::custody::preflight::FailureCode;
    use std::time::{Duration, Instant};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::task::JoinHandle;

    /// Maximum bytes that the client may take, with what the two sockets hold.
    const TAKEN: usize = 2 * 1024 * 1024;

    fn listener() -> TcpListener {
        let socket = TcpSocket::new_v4().expect("a socket");
        // A small buffer: what the server could send is what the client has read, or little more.
        socket.set_send_buffer_size(64 * 1024).expect("a buffer");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        socket.listen(8).expect("it listens")
    }

    async fn answer(mut stream: TcpStream, head: String, piece: Vec<u8>) -> usize {
        let mut request = [0; 8 * 1024];
        let _ = stream.read(&mut request).await;
        let mut sent = 0;
        let _ = stream.write_all(head.as_bytes()).await;
        while !piece.is_empty() && stream.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        if piece.is_empty() {
            // The body that the head announces never comes.
            let _ = stream.read(&mut request).await;
        }
        sent
    }

    /// Calls Decrypt at a server that sends the head, and then the piece again and again. Returns the result, how many bytes the
    /// server could send, and how long the call took.
    async fn call(head: String, piece: Vec<u8>) -> (Result<Vec<u8>, Failure>, usize, Duration) {
        let listener = listener();
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server: JoinHandle<usize> = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            answer(stream, head, piece).await
        });
        let kms = Kms::new(&Settings { endpoint_url: Some(url), private_endpoints: false });
        let key = CustomerKey { region: region(), cmk: arn(), data_key: data_key() };
        let with =
            KmsCredentials { access_key_id: access_key_id(), secret_access_key: SecretText::new(SECRET) };
        let began = Instant::now();
        let done = kms.decrypt(ScopeId(uuid::Uuid::nil()), &key, &with, For::Use).await;
        let took = began.elapsed();
        drop(kms);
        let sent = tokio::time::timeout(Duration::from_secs(5), server).await;
        let sent = sent.expect("the client closes the connection").expect("the server ends");
        (done.map(|plain| plain.expose().to_vec()), sent, took)
    }

    fn head(status: u16, headers: &str) -> String {
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\n{headers}")
    }

    #[tokio::test]
    async fn an_answer_without_end_is_an_outage_and_fills_no_memory() {
        let body = vec![b' '; 64 * 1024];
        let chunk = [b"10000\r\n", &*body, b"\r\n"].concat();
        let filler = b"x-filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
        for status in [200, 400, 500] {
            for (what, headers, piece) in [
                ("chunks", "transfer-encoding: chunked\r\n\r\n", chunk.clone()),
                ("a length", "content-length: 9999999999\r\n\r\n", body.clone()),
                ("a length alone", "content-length: 65537\r\n\r\n", Vec::new()),
                ("small chunks", "transfer-encoding: chunked\r\n\r\n", b"8\r\n        \r\n".repeat(5_000)),
                ("trailers", "transfer-encoding: chunked\r\n\r\n0\r\n", filler.to_vec()),
                ("neither", "\r\n", body.clone()),
                ("headers", "", filler.to_vec()),
                ("one header", "x-filler: ", body.clone()),
            ] {
                let (done, sent, took) = call(head(status, headers), piece).await;
                let failure = Failure::unreachable(FailureCode::NOT_UNDERSTOOD);
                assert_eq!(done, Err(failure), "{status} with {what}");
                assert!(sent < TAKEN, "{status} with {what}: {sent} bytes");
                assert!(took < Duration::from_secs(2), "{status} with {what}: {took:?}");
            }
        }
    }

    #[tokio::test]
    async fn answers_1xx_without_end_end_with_the_time_out() {
        let early = "HTTP/1.1 103 X\r\nx: y\r\n\r\n";
        let (done, _, took) = call(early.to_owned(), early.repeat(1000).into_bytes()).await;
        assert_eq!(done, Err(Failure::unreachable(FailureCode::TIMEOUT)));
        assert!(took < Duration::from_secs(3), "{took:?}");
    }

    #[tokio::test]
    async fn an_answer_of_64_kib_is_read() {
        let plain = BASE64.encode(&[7; 32]);
        let json = format!(r#"{{"KeyId":"{ARN}","Plaintext":"{plain}"}}"#);
        for (bytes, is_read) in [(super::BODY, true), (super::BODY + 1, false)] {
            let body = json.clone() + &" ".repeat(bytes - json.len());
            for headers in [
                format!("content-length: {bytes}\r\n\r\n{body}"),
                format!("transfer-encoding: chunked\r\n\r\n{bytes:x}\r\n{body}\r\n0\r\n\r\n"),
            ] {
                let (done, ..) = call(head(200, &headers), Vec::new()).await;
                let expected = if is_read {
                    Ok(vec![7; 32])
                } else {
                    Err(Failure::unreachable(FailureCode::NOT_UNDERSTOOD))
                };
                assert_eq!(done, expected, "{bytes} bytes");
            }
        }
    }
}
