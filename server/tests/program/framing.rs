//! Requests that are malformed, or that could be read in two ways, byte for byte over sockets: at the doors and at the pages.

use crate::data_plane::{furnished, path};
use crate::process::{Keystead, Raw, RawAnswer, free_port};
use engine::testing::DatabaseKind;
use std::time::Duration;

const BODY: &str = r#"{"plaintext":"YQ=="}"#;
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// A running server, and an API key for it.
struct Server {
    keystead: Keystead,
    key: String,
}

impl Server {
    async fn start() -> Self {
        let (home, key) = furnished(DatabaseKind::Sqlite).await;
        Self { keystead: Keystead::on(home).await, key }
    }

    /// Sends a request with these lines after its first headers, and this body.
    async fn ask(&self, lines: &str, body: &str) -> RawAnswer {
        let head = format!("POST {} HTTP/1.1\r\nHost: keystead\r\nConnection: close\r\n", path("encrypt"));
        let key = format!("Content-Type: application/json\r\nAuthorization: ApiKey {}\r\n", self.key);
        Raw::say(self.keystead.port, format!("{head}{key}{lines}\r\n{body}")).await
    }
}

fn length(body: &str) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

/// Writes a body as one chunk.
fn chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_reads_a_body_in_one_way_or_not_at_all() {
    let server = Server::start().await;
    let (length, chunks) = (length(BODY), chunk(BODY));
    for (lines, body, status) in [
        (length.clone(), BODY, 200),
        (CHUNKED.to_owned(), &chunks, 200),
        ("Transfer-Encoding: CHUNKED\r\n".to_owned(), &chunks, 200),
        // The library takes one of two equal lengths (RFC 9112, 6.3).
        (format!("{length}{length}"), BODY, 200),
        (format!("{length}Content-Length: 2\r\n"), BODY, 400),
        (format!("Content-Length: {0}, {0}\r\n", BODY.len()), BODY, 400),
        (format!("Content-Length: +{}\r\n", BODY.len()), BODY, 400),
        ("Content-Length: -1\r\n".to_owned(), BODY, 400),
        ("Transfer-Encoding: gzip, chunked\r\n".to_owned(), &chunks, 501),
        (format!("Transfer-Encoding: gzip\r\n{CHUNKED}"), &chunks, 501),
        ("Transfer-Encoding: identity, chunked\r\n".to_owned(), &chunks, 501),
        ("Transfer-Encoding: chunked, chunked\r\n".to_owned(), &chunks, 400),
        (format!("{CHUNKED}{CHUNKED}"), &chunks, 400),
        ("Transfer-Encoding: gzip\r\n".to_owned(), &chunks, 400),
        ("Transfer-Encoding: chunked, gzip\r\n".to_owned(), &chunks, 400),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), &chunks, 400),
        (format!("Content-Encoding: gzip\r\n{length}"), BODY, 415),
        (format!("Content-Type: text/plain\r\n{length}"), BODY, 400),
        (format!("Content-Type: application/json\r\n{length}"), BODY, 400),
        (format!("Host: keystead\r\n{length}"), BODY, 400),
        (format!("Authorization: ApiKey {}\r\n{length}", server.key), BODY, 401),
        // A line break in a chunk's size, which a reader may take for the end of the line.
        (CHUNKED.to_owned(), &chunks.replacen("\r\n", ";a\rb\r\n", 1), 400),
        (CHUNKED.to_owned(), &chunks.replacen("\r\n", "\n", 1), 400),
        (CHUNKED.to_owned(), &chunks.replacen("0\r\n", "0\r\na: b\rc\r\n", 1), 400),
    ] {
        let answer = server.ask(&lines, body).await;
        assert_eq!(answer.status, status, "{lines:?} {body:?}: {}", answer.text);
        assert_eq!(
            answer.json()["status"].as_u64().unwrap_or(200),
            u64::from(status),
            "{lines:?}: {}",
            answer.text
        );
    }
    let old = format!("POST {} HTTP/1.0\r\n{CHUNKED}\r\n{chunks}", path("encrypt"));
    assert_eq!(Raw::say(server.keystead.port, old).await.status, 400, "HTTP/1.0 has no codings");
}

/// A length beside a coding is legal, and the connection must end (RFC 9112, 6.1), so that nobody takes what follows for a
/// request.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_a_coding_does_not_count_and_ends_the_connection() {
    let server = Server::start().await;
    let port = server.keystead.port;
    for lines in [format!("{CHUNKED}Content-Length: 5\r\n"), format!("Content-Length: 5\r\n{CHUNKED}")] {
        let head = format!("POST {} HTTP/1.1\r\nHost: keystead\r\n", path("encrypt"));
        let key = format!("Content-Type: application/json\r\nAuthorization: ApiKey {}\r\n", server.key);
        let second = format!("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        let mut raw = Raw::connect(port).await;
        raw.send(format!("{head}{key}{lines}\r\n{}{second}", chunk(BODY)).as_bytes()).await;
        let mut said = Vec::new();
        assert!(raw.closed_within(Duration::from_secs(5), &mut said).await, "{lines:?}");
        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with("HTTP/1.1 200") && said.matches("HTTP/1.1 ").count() == 1, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carriage_return_by_itself_is_refused_in_words_and_a_line_feed_ends_a_line() {
    let server = Server::start().await;
    let port = server.keystead.port;
    let length = length(BODY);
    for door in [path("encrypt"), "/api/1/document/wrap".to_owned(), "//api/1/document/wrap".to_owned()] {
        let right = format!(
            "POST {door} HTTP/1.1\r\nHost: keystead\r\nConnection: close\r\nAuthorization: ApiKey {}\r\n{length}\r\n{BODY}",
            server.key
        );
        for (what, request) in [
            ("after a key", right.replace("\r\nContent-Length", "\r\r\nContent-Length")),
            ("before a key", right.replace("ApiKey ", "ApiKey \r")),
            ("for a line's end", right.replace("\r\nConnection", "\rConnection")),
            ("in a name", right.replace("Host:", "Host\r:")),
            ("in the first line", right.replace(" HTTP/1.1\r", " HTTP/1.1\r\r")),
            ("a line that goes on", right.replace("ApiKey ", "ApiKey\r\n ")),
        ] {
            let answer = Raw::say(port, request).await;
            assert_eq!(answer.status, 400, "{what}: {}", answer.text);
            let json = answer.json();
            let said = if door.contains("/api/1/") {
                assert_eq!(json["code"], 102, "{what}: {}", answer.text);
                &json["message"]
            } else {
                assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
                &json["title"]
            };
            assert!(
                said.as_str().is_some_and(|said| said.contains("a CR at its end")),
                "{what}: {}",
                answer.text
            );
            assert!(!answer.text.contains(&server.key[4..12]), "{what}: it quotes the key");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
            assert_eq!(answer.header("connection"), Some("close"), "{what}");
        }
    }
    let page = format!("GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: a\rb\r\n\r\n");
    let page = Raw::say(port, page).await;
    assert_eq!((page.status, page.header("content-type")), (400, Some("text/plain; charset=utf-8")));
    let long = Raw::say(port, format!("GET {}/{} HTTP/1.1\r\n\r\n", path("keys"), "x".repeat(70_000))).await;
    assert!([414, 431].contains(&long.status) && long.json()["title"].is_string(), "{}", long.text);
    // Line feeds alone (RFC 9112, 2.2), and the second request of a connection.
    let lines = format!("Content-Type: application/json\r\nAuthorization: ApiKey {}\r\n{length}", server.key);
    let right =
        format!("POST {} HTTP/1.1\r\nHost: keystead\r\n{lines}\r\n", path("encrypt")).replace('\r', "");
    let mut raw = Raw::connect(port).await;
    raw.send(format!("{right}{BODY}").as_bytes()).await;
    assert!(raw.some().await.starts_with(b"HTTP/1.1 200"));
    raw.send(right.replace("ApiKey ", "ApiKey \r").as_bytes()).await;
    let said = raw.rest(Duration::from_secs(5)).await;
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("urn:keystead:problem:unreadable"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_a_form_in_one_way_or_not_at_all() {
    let server = Server::start().await;
    let port = server.keystead.port;
    let form = "email=a%40example.com&password=x";
    let (length, chunks) = (length(form), chunk(form));
    for (lines, body, status) in [
        (length.clone(), form, 422),
        (CHUNKED.to_owned(), chunks.as_str(), 422),
        ("Transfer-Encoding: gzip, chunked\r\n".to_owned(), &chunks, 501),
        ("Transfer-Encoding: chunked, chunked\r\n".to_owned(), &chunks, 400),
        (format!("Content-Encoding: gzip\r\n{length}"), form, 415),
        (format!("Content-Type: text/plain\r\n{length}"), form, 400),
        (format!("X: a\rb\r\n{length}"), form, 400),
    ] {
        let head =
            format!("POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n");
        let kind = "Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n";
        let answer = Raw::say(port, format!("{head}{kind}{lines}\r\n{body}")).await;
        assert_eq!(answer.status, status, "{lines:?}: {}", answer.text);
        let is_http = !lines.contains("a\rb");
        assert_eq!(answer.text.contains("</html>"), is_http, "{lines:?}");
    }
}

/// A client whose base URL ends with a slash (`TSP_ADDRESS=https://host/`) is served, and counted under the address it means.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_empty_parts_is_served_and_counted_as_the_address_without_them() {
    let (mut home, key) = furnished(DatabaseKind::Sqlite).await;
    let metrics = free_port();
    home.set("KEYSTEAD_METRICS_LISTEN", &format!("127.0.0.1:{metrics}"));
    let server = Keystead::on(home).await;
    let (native, tsp) = (path("encrypt"), "/api/1/document/wrap");
    let tenant = r#"{"tenantId":"production/AF","iclFields":{"requestingId":"x"}}"#;
    for (door, scheme, body) in [(native.as_str(), "ApiKey", BODY), (tsp, "cmk", tenant)] {
        for address in
            [format!("/{door}"), format!("{door}/"), door.replace('/', "//"), format!("http://x/{door}")]
        {
            let head = format!("POST {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}", length(body));
            let lines = format!("Content-Type: application/json\r\nAuthorization:  {scheme}   {key} \t\r\n");
            let answer = Raw::say(server.port, format!("{head}{lines}\r\n{body}")).await;
            assert_eq!(answer.status, 200, "{address}: {}", answer.text);
        }
    }
    let metrics = Raw::get(metrics, "/metrics", "").await.text;
    let counted = |route: &str| {
        let label = format!("route=\"{route}\",status=\"200\"");
        let line = metrics
            .lines()
            .find(|line| line.starts_with("keystead_http_requests_total") && line.contains(&label));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    };
    assert_eq!(counted(tsp), 4, "{metrics}");
    assert_eq!(counted("/api/v1/scopes/{environment}/{country}/encrypt"), 4, "{metrics}");
}
