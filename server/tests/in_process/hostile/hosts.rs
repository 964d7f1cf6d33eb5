//! All the ways in which a request can name a host.

use crate::support::House;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, Version};

const PUBLIC: &str = "https://keys.example.com";

/// Requests the sign-in page; returns whether Keystead answers. A new Keystead redirects to the setup, unless the host is
/// not its own.
async fn is_answered(house: &House, target: &str, version: Version, headers: &[(&str, &str)]) -> bool {
    let mut request = Request::get(target).version(version);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = house.answer(request.body(Body::empty()).expect("a request")).await;
    match answer.status {
        StatusCode::SEE_OTHER => {
            assert_eq!(answer.location(), "/setup", "an address of ours never names a host");
            true
        }
        status => {
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{target} {headers:?}");
            false
        }
    }
}

#[tokio::test]
async fn only_the_public_host_and_this_machine_are_answered() {
    let house = House::with(&[("KEYSTEAD_PUBLIC_URL", PUBLIC)]).await;
    for (host, expected) in [
        ("keys.example.com", true),
        ("keys.example.com:443", true),
        ("KEYS.Example.COM", true),
        ("localhost", true),
        ("LOCALHOST:8080", true),
        ("127.0.0.1:3000", true),
        ("[::1]", true),
        ("[::1]:3000", true),
        ("[0:0:0:0:0:0:0:1]:3000", true),
        ("keys.example.com.", false),
        ("keys.example.com:80", false),
        ("keys.example.com:0443x", false),
        ("keys.example.com:99999", false),
        ("keys.example.com:-1", false),
        ("keys.example.com:443:443", false),
        ("evil.example", false),
        ("evilkeys.example.com", false),
        ("keys.example.com.evil.example", false),
        ("localhost.evil.example", false),
        ("evil.localhost", false),
        ("127.0.0.1.evil.example", false),
        ("keys.example.com@evil.example", false),
        ("evil.example@keys.example.com", false),
        ("user:word@127.0.0.1", false),
        ("keys.example.com, evil.example", false),
        ("keys.example.com,keys.example.com", false),
        ("keys.example.com evil.example", false),
        ("keys.example.com\tevil.example", false),
        ("keys.example.com/evil", false),
        ("keys.example.com?evil", false),
        ("keys.example.com#evil", false),
        ("keys.example.com\\evil", false),
        ("keys%2eexample.com", false),
        ("https://keys.example.com", false),
        ("10.0.0.1", false),
        ("0.0.0.0:3000", false),
        ("[::]", false),
        ("[::ffff:10.0.0.1]", false),
        ("[fe80::1%25eth0]", false),
        ("[::1", false),
        ("::1", false),
        ("[]", false),
        (":443", false),
        (" ", false),
        ("", false),
    ] {
        let answered = is_answered(&house, "/sign-in", Version::HTTP_11, &[("host", host)]).await;
        assert_eq!(answered, expected, "{host:?}");
    }
}

#[tokio::test]
async fn every_name_in_a_request_must_be_ours() {
    let house = House::with(&[("KEYSTEAD_PUBLIC_URL", PUBLIC)]).await;
    let (ours, evil) = ("keys.example.com", "evil.example");
    let in_full = format!("http://{ours}/sign-in");
    let evil_in_full = format!("http://{evil}/sign-in");
    for (target, version, headers, expected) in [
        ("/sign-in", Version::HTTP_10, vec![], false),
        ("/sign-in", Version::HTTP_11, vec![], false),
        ("/sign-in", Version::HTTP_10, vec![("host", ours)], true),
        ("/sign-in", Version::HTTP_11, vec![("host", ours), ("host", ours)], false),
        ("/sign-in", Version::HTTP_11, vec![("host", ours), ("host", evil)], false),
        ("/sign-in", Version::HTTP_11, vec![("host", evil), ("x-forwarded-host", ours)], false),
        ("/sign-in", Version::HTTP_11, vec![("host", ours), ("x-forwarded-host", evil)], true),
        ("/sign-in", Version::HTTP_11, vec![("host", evil), ("forwarded", "host=keys.example.com")], false),
        (&in_full, Version::HTTP_11, vec![("host", ours)], true),
        (&evil_in_full, Version::HTTP_11, vec![("host", ours)], false),
        (&in_full, Version::HTTP_11, vec![("host", evil)], false),
        (&in_full, Version::HTTP_2, vec![], true),
        (&evil_in_full, Version::HTTP_2, vec![], false),
        (&evil_in_full, Version::HTTP_2, vec![("host", ours)], false),
        ("http://user:word@keys.example.com/sign-in", Version::HTTP_2, vec![], false),
    ] {
        let answered = is_answered(&house, target, version, &headers).await;
        assert_eq!(answered, expected, "{target} {version:?} {headers:?}");
    }
}

/// A proxy such as nginx with `Host $host` leaves out the port of the public URL.
#[tokio::test]
async fn the_public_host_is_answered_with_its_port_or_without_one() {
    let house = House::with(&[("KEYSTEAD_PUBLIC_URL", "https://keys.example.com:8443")]).await;
    for (host, expected) in [
        ("keys.example.com:8443", true),
        ("keys.example.com", true),
        ("KEYS.example.com", true),
        ("127.0.0.1:3000", true),
        ("keys.example.com:443", false),
        ("keys.example.com:80", false),
        ("keys.example.com:", false),
        ("keys.example.com.", false),
        ("evil.example", false),
        ("evil.example:8443", false),
        ("keys.example.com@evil.example", false),
    ] {
        let answered = is_answered(&house, "/sign-in", Version::HTTP_11, &[("host", host)]).await;
        assert_eq!(answered, expected, "{host:?}");
    }
    for (host, origin, status) in [
        ("keys.example.com", "https://keys.example.com:8443", StatusCode::SEE_OTHER),
        ("keys.example.com", "https://keys.example.com", StatusCode::FORBIDDEN),
        ("keys.example.com", "http://keys.example.com", StatusCode::FORBIDDEN),
        ("evil.example", "https://keys.example.com:8443", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let ask = house.ask(Method::POST, "/theme").without("sec-fetch-site").header("host", host);
        let answer = ask.header("origin", origin).fields(&[("theme", "dark"), ("next", "/")]).send().await;
        assert_eq!(answer.status, status, "{host} {origin}");
        assert!(!answer.body.contains("8443"), "a stranger does not read what Keystead answers for");
    }
}
