//! nginx, HAProxy and Caddy in front of a server, configured as the README says, and what a server notices that does not fit to them.

use crate::data_plane::until;
use crate::process::balancer::{Balancer, Kind, NAME};
use crate::process::{EMAIL, Home, Keystead, Raw, free_port};
use engine::testing::DatabaseKind;
use rustix::process::Signal;
use std::time::Duration;

/// Asks for a page, as a browser does that opened the public URL with its port.
async fn page(proxy: &Balancer, port: u16) -> String {
    let head = format!("GET /sign-in HTTP/1.1\r\nHost: {NAME}:{port}\r\nConnection: close\r\n\r\n");
    proxy.ask_over_tls(&head).await
}

/// The public URL has a port that is not the default one. nginx sends `$host`, which has none; HAProxy sends what the browser sent.
async fn a_public_url_with_a_port_is_answered_and_an_unnamed_proxy_is_noticed(kind: Kind) {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_LOG", "info");
    home.set("KEYSTEAD_PUBLIC_URL", &format!("https://{NAME}:8443"));
    home.set("KEYSTEAD_TRUSTED_PROXIES", "");
    home.administrator(EMAIL).await;
    home.log = Some(home.data().join("log"));
    let server = Keystead::on(home).await;
    let proxy = Balancer::start(kind, [server.port; 2]).await;
    for _ in 0..3 {
        let answer = page(&proxy, 8443).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("</html>"), "{answer}");
    }
    let log = std::fs::read_to_string(server.home.log.as_ref().expect("a log")).expect("the log");
    let told: Vec<_> = log.lines().filter(|line| line.contains("KEYSTEAD_TRUSTED_PROXIES")).collect();
    assert_eq!(told.len(), 2, "one line at the start, one for the proxy: {log}");
    assert!(told[0].contains("KEYSTEAD_TRUSTED_PROXIES is empty"), "{log}");
    assert!(told[1].contains("proxy=127.0.0.1"), "{log}");
    assert!(!log.contains("does not answer for"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_url_with_a_port_is_answered_behind_nginx() {
    a_public_url_with_a_port_is_answered_and_an_unnamed_proxy_is_noticed(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_url_with_a_port_is_answered_behind_haproxy() {
    a_public_url_with_a_port_is_answered_and_an_unnamed_proxy_is_noticed(Kind::Haproxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_url_with_a_port_is_answered_behind_caddy() {
    a_public_url_with_a_port_is_answered_and_an_unnamed_proxy_is_noticed(Kind::Caddy).await;
}

/// A server that refuses a request answers before it has read all of the body, so the proxy fails to send the rest. It must not count
/// that against the server: two such requests would take both servers from everybody.
async fn refused_bodies_take_no_server_from_others(kind: Kind) {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_PUBLIC_URL", &format!("https://{NAME}"));
    home.make_root_key();
    let server = Keystead::on(home).await;
    let proxy = Balancer::start(kind, [server.port; 2]).await;
    let body = "x".repeat(1_000_000);
    for round in 0..20 {
        let mut client = Raw::connect(proxy.port).await;
        let path = if round % 2 == 0 { "/api/v1/scopes/production/DE/encrypt" } else { "/sign-in" };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ApiKey x\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        client.send(head.as_bytes()).await;
        client.send(body.as_bytes()).await;
        let mut said = Vec::new();
        client.closed_within(Duration::from_secs(10), &mut said).await;
        // A service learns that its key does not work. The doors read the rest of its body, so the proxy has nothing else to say.
        let said = String::from_utf8_lossy(&said);
        assert!(round % 2 == 1 || said.starts_with("HTTP/1.1 401"), "{kind:?}, {}: {said}", round + 1);
        let answer = Raw::get(proxy.port, "/healthz", "").await;
        assert_eq!(answer.status, 200, "after {} requests: {}", round + 1, answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_bodies_take_no_server_from_others_behind_nginx() {
    refused_bodies_take_no_server_from_others(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_bodies_take_no_server_from_others_behind_haproxy() {
    refused_bodies_take_no_server_from_others(Kind::Haproxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_bodies_take_no_server_from_others_behind_caddy() {
    refused_bodies_take_no_server_from_others(Kind::Caddy).await;
}

/// The short forms of HAProxy's checks are HTTP/1.0 without `Host`, and the shortest is `OPTIONS /`.
#[tokio::test(flavor = "multi_thread")]
async fn the_checks_that_haproxy_makes_by_default_are_answered() {
    const CHECKS: [(&str, bool); 5] = [
        ("option httpchk", false),
        ("option httpchk OPTIONS *", false),
        ("option httpchk GET /readyz", false),
        ("option httpchk OPTIONS /healthz", true),
        ("option httpchk GET /healthz", true),
    ];
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_PUBLIC_URL", &format!("https://{NAME}"));
    home.set("KEYSTEAD_LAME_DUCK_SECONDS", "60");
    home.make_root_key();
    let server = Keystead::on(home).await;
    let ports = CHECKS.map(|_| free_port());
    let mut text =
        "defaults\n    mode http\n    timeout connect 2s\n    timeout client 5s\n    timeout server 5s\n    \
                    default-server check inter 50ms fall 1 rise 1\n"
            .to_owned();
    for ((check, _), port) in CHECKS.iter().zip(ports) {
        text += &format!(
            "listen on-{port}\n    bind 127.0.0.1:{port}\n    {check}\n    server only 127.0.0.1:{}\n",
            server.port
        );
    }
    let _proxy = Balancer::haproxy(&text, ports[0]).await;
    let status = async |port| Raw::try_get(port, "/healthz", "").await.map(|answer| answer.status);
    // HAProxy takes a server for good until it has checked it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for ((check, _), port) in CHECKS.iter().zip(ports) {
        assert_eq!(status(port).await, Some(200), "{check}");
    }
    server.signal(Signal::TERM);
    for ((check, lives_on), port) in CHECKS.iter().zip(ports) {
        let expected = if *lives_on { 200 } else { 503 };
        until(check, async || status(port).await == Some(expected)).await;
    }
}
