//! nginx and HAProxy in front of a server, configured as the README says, and what a server notices that does not fit to them.

use crate::process::balancer::{Balancer, Kind, NAME};
use crate::process::{EMAIL, Home, Keystead};
use engine::testing::DatabaseKind;

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
