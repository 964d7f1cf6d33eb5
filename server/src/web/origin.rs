//! The hosts that Keystead answers for, and the origins that may change something.

use super::failure::Failure;
use crate::App;
use crate::settings::is_loopback;
use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

/// Answers only requests for the public address or this machine, so that a DNS name that somebody else points at this server
/// reaches nothing.
pub async fn known_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    if is_for_us(request.headers(), authority, app.public_url()) {
        return next.run(request).await;
    }
    Failure::unknown_host().into_response()
}

/// The value of a header. A header that occurs twice is unclear, because one reader uses the first value and another reader the
/// last.
enum Said<'a> {
    Nothing,
    Once(&'a str),
    Unclear,
}

fn said(headers: &HeaderMap, name: HeaderName) -> Said<'_> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Unclear, Said::Once),
        _ => Said::Unclear,
    }
}

/// Checks that every name that the request gives belongs to this server: the `Host` header, and the authority of HTTP/2 or of
/// an absolute address.
fn is_for_us(headers: &HeaderMap, authority: Option<&str>, public: &Url) -> bool {
    // The header has no scheme, and the default port depends on it.
    let is_ours = |name: &str| host_url(public.scheme(), name).is_some_and(|asked| is_ours(&asked, public));
    match (said(headers, HOST), authority) {
        (Said::Once(host), authority) => is_ours(host) && authority.is_none_or(is_ours),
        (Said::Nothing, Some(authority)) => is_ours(authority),
        _ => false,
    }
}

fn host_url(scheme: &str, host: &str) -> Option<Url> {
    // The parser of URLs takes more: user names, paths and escapes; and it drops tabs.
    let is_plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    is_plain.then(|| Url::parse(&format!("{scheme}://{host}")).ok()).flatten()
}

fn is_ours(asked: &Url, public: &Url) -> bool {
    is_loopback(asked) || asked.origin() == public.origin()
}

/// Lets a request that may change something through only from Keystead's own pages: checks `Sec-Fetch-Site` where the browser
/// sends it, else the exact `Origin`; refuses a request with neither.
pub async fn same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || is_same_origin(request.headers(), app.public_url()) {
        return next.run(request).await;
    }
    Failure::foreign_origin().into_response()
}

fn is_same_origin(headers: &HeaderMap, public: &Url) -> bool {
    match (said(headers, HeaderName::from_static("sec-fetch-site")), said(headers, ORIGIN)) {
        (Said::Unclear, _) | (_, Said::Unclear) => false,
        // Browsers let no script set this header, so it decides without `Origin`.
        (Said::Once(site), _) => site == "same-origin",
        (Said::Nothing, Said::Once(origin)) => {
            origin == public.origin().ascii_serialization() || here(headers).is_some_and(|own| origin == own)
        }
        (Said::Nothing, Said::Nothing) => false,
    }
}

/// Checks whether a page of another site led the browser here. A browser that does not tell counts as one that was not led.
pub fn is_led_here(headers: &HeaderMap) -> bool {
    match said(headers, HeaderName::from_static("sec-fetch-site")) {
        Said::Nothing => false,
        Said::Once(site) => !matches!(site, "same-origin" | "none"),
        Said::Unclear => true,
    }
}

/// Returns the origin of a page of Keystead that was opened on this machine.
fn here(headers: &HeaderMap) -> Option<String> {
    let Said::Once(host) = said(headers, HOST) else { return None };
    // Keystead itself speaks plain HTTP; TLS ends at the proxy.
    host_url("http", host).filter(is_loopback).map(|asked| asked.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn only_our_own_host_is_answered() {
        let public = Url::parse("https://keys.example.com").expect("an address");
        for (host, is_answered) in [
            ("keys.example.com", true),
            ("keys.example.com:443", true),
            ("KEYS.example.com", true),
            ("localhost:3000", true),
            ("127.0.0.1:3000", true),
            ("[::1]:3000", true),
            ("keys.example.com:8443", false),
            ("keys.example.com:80", false),
            ("evil.example.com", false),
            ("keys.example.com.evil.com", false),
            ("127.0.0.1@evil.com", false),
            ("evil.com/keys.example.com", false),
            ("", false),
        ] {
            assert_eq!(is_for_us(&headers(&[("host", host)]), None, &public), is_answered, "{host}");
            assert_eq!(is_for_us(&headers(&[]), Some(host), &public), is_answered, "{host} in HTTP/2");
        }
    }

    #[test]
    fn every_name_a_request_gives_must_be_ours() {
        let public = Url::parse("https://keys.example.com").expect("an address");
        let (ours, evil) = ("keys.example.com", "evil.example.com");
        assert!(is_for_us(&headers(&[("host", ours)]), Some(ours), &public));
        assert!(!is_for_us(&headers(&[("host", ours)]), Some(evil), &public));
        assert!(!is_for_us(&headers(&[("host", evil)]), Some(ours), &public));
        assert!(!is_for_us(&headers(&[("host", ours), ("host", ours)]), Some(ours), &public));
        assert!(!is_for_us(&headers(&[]), None, &public));
    }

    #[test]
    fn only_our_own_pages_change_something() {
        let public = Url::parse("https://keys.example.com").expect("an address");
        for (pairs, is_allowed) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://keys.example.com")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "https://keys.example.com")], true),
            (&[("origin", "http://keys.example.com")], false),
            (&[("origin", "https://keys.example.com.evil.com")], false),
            (&[("origin", "null")], false),
            (&[("host", "localhost:3000"), ("origin", "http://localhost:3000")], true),
            (&[("host", "evil.com"), ("origin", "http://evil.com")], false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://keys.example.com"), ("origin", "https://evil.com")], false),
            (&[], false),
        ] {
            assert_eq!(is_same_origin(&headers(pairs), &public), is_allowed, "{pairs:?}");
        }
    }
}
